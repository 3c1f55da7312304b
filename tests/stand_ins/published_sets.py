"""Small trees in exactly the layout, names and ground truth of published sets."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from beenhere import geo

OXFORD = 618_700.0, 5_735_100.0


def jpeg() -> bytes:
    return _encoded("JPEG")


def put(folder: Path, *names: str, photo: bytes | None = None) -> None:
    """Write photos of these names below a folder."""
    data = photo or jpeg()
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def at_name(
    number: int, easting: float, northing: float, zone: str = "10@S", note: str = ""
) -> str:
    """As in GSV-XS, SF-XS, Tokyo-XS, SF-XL, St Lucia."""
    return (
        f"@{easting:010.2f}@{northing:010.2f}@{zone}@@@pano{number:03}@@{number * 30 % 360}"
        f"@@@@201{number % 10}07@{note}@.jpg"
    )


def gsv_xs(root: Path) -> None:
    """Two places of two photos, in one city."""
    for place in (1, 2):
        for view in (0, 1):
            name = at_name(place * 10 + view, 3e5 + 500 * place, 4.5e6, "18@T", f"{place}_Boston")
            put(root / "train" / "boston", name)


def sf_xs(root: Path) -> None:
    """3 database photos and 2 queries to validate, 4 and 2 to test."""
    for split, count in (("val", 3), ("test", 4)):
        for number in range(count):
            put(root / split / "database", at_name(number, 550_000 + 100 * number, 4_180_000))
        for number in range(2):
            put(root / split / "queries", at_name(number, 550_005 + 100 * number, 4_180_000))


def gsv_cities(root: Path) -> None:
    """One city, one place, two photos."""
    rows = ["place_id,year,month,northdeg,city_id,lat,lon,panoid"]
    for view, heading in enumerate((10, 190)):
        name = f"Boston_0000001_2015_06_{heading:03}_42.3601_-71.0589_pano{view}.jpg"
        put(root / "Images" / "Boston", name)
        rows.append(f"1,2015,6,{heading},Boston,42.3601,-71.0589,pano{view}")
    (root / "Dataframes").mkdir()
    (root / "Dataframes" / "Boston.csv").write_text("\n".join(rows) + "\n")


def svox(root: Path) -> None:
    """3 photos in the gallery, 2 queries by day and 1 each at night and in rain, all 40 m apart.

    Names lack the UTM zone: ``@easting@northing@date@panorama@B@``.
    """
    east, north = OXFORD

    def name(number: int, offset: float) -> str:
        return f"@{east + 40 * number + offset:010.2f}@{north:.2f}@201407@pano{number}@B@.jpg"

    test = root / "images" / "test"
    put(test / "gallery", *(name(number, 0) for number in range(3)))
    put(test / "queries", name(0, 5), name(2, 5))
    put(test / "queries_night", name(1, 5))
    put(test / "queries_rain", name(2, -5))
    put(root / "images" / "val" / "gallery", name(7, 0))
    put(root / "images" / "val" / "queries", name(7, 3))


def sf_xl(root: Path) -> None:
    """3 database photos in folders of their own; 2, 1, 1, 1 queries; val with 1 and 1; train."""
    for number in range(3):
        place = f"{37.70 + number / 100:.2f}"
        put(root / "test/database" / place, at_name(number, 550_000 + 100 * number, 4_180_000))
    for folder, numbers in {"v1": (0, 1), "v2": (1,), "night": (2,), "occlusion": (0,)}.items():
        for number in numbers:
            name = at_name(number, 550_003 + 100 * number, 4_180_000)
            put(root / "test" / f"queries_{folder}", name)
    put(root / "val/database", at_name(5, 551_000, 4_180_000))
    put(root / "val/queries", at_name(5, 551_004, 4_180_000))
    put(root / "train/37.71", at_name(8, 552_000, 4_180_000))


def images_tree(root: Path, database: str = "database", zone: str = "56@J") -> None:
    """St Lucia, Tokyo 24/7 and others as the benchmark's scripts lay them out: 3 and 2 photos."""
    test = root / "images" / "test"
    for number in range(3):
        put(test / database, at_name(number, 495_000 + 40 * number, 6_955_000, zone))
    for number in (0, 2):
        put(test / "queries", at_name(number, 495_006 + 40 * number, 6_955_000, zone))


def amstertime(root: Path, pairs: int = 3) -> None:
    """``new/0000.png`` and ``old/0000.jpg`` and so on."""
    names = [f"{number:04}" for number in range(pairs)]
    put(root / "new", *(f"{name}.png" for name in names), photo=_encoded("PNG"))
    put(root / "old", *(f"{name}.jpg" for name in names), photo=jpeg())
    (root / "image_pairs.csv").write_text("id,old,new\n")


PITTSBURGH = 585_000.0, 4_477_000.0
TOKYO = 381_400.0, 3_946_900.0


def db_struct(
    mat: Path,
    database: Sequence[tuple[str, float, float]],
    queries: Sequence[tuple[str, float, float]],
) -> None:
    """A ``.mat`` file of names and UTM positions, as NetVLAD's authors wrote them."""

    def cells(rows: Sequence[tuple[str, float, float]]) -> NDArray[np.object_]:
        found = np.empty((len(rows), 1), object)
        found[:, 0] = [name for name, _, _ in rows]
        return found

    def utm(rows: Sequence[tuple[str, float, float]]) -> NDArray[np.float64]:
        return np.array([[east, north] for _, east, north in rows]).reshape(-1, 2).T

    struct = {
        "whichSet": mat.stem.rpartition("_")[2],
        "dbImageFns": cells(database),
        "utmDb": utm(database),
        "qImageFns": cells(queries),
        "utmQ": utm(queries),
        "numImages": float(len(database)),
        "numQueries": float(len(queries)),
        "posDistThr": 25.0,
        "posDistSqThr": 625.0,
        "nonTrivPosDistSqThr": 100.0,
    }
    mat.parent.mkdir(parents=True, exist_ok=True)
    savemat(mat, {"dbStruct": struct})


def pittsburgh(root: Path, name: str = "pitts30k") -> None:
    """Test: 4 database photos 10 m apart, queries at the second and 100 m away; val: 2 and 1."""
    east, north = PITTSBURGH
    for split, count in (("test", 4), ("val", 2)):
        database = [
            (f"{at % 2:03}/{at:06}_pitch1_yaw{at + 1}.jpg", east + 10 * at, north)
            for at in range(count)
        ]
        queries = [
            (f"{split}/{at:06}_pitch2_yaw3.jpg", east + 10 + 90 * at, north + 3) for at in (0, 1)
        ]
        queries = queries[: count // 2]
        db_struct(root / "datasets" / f"{name}_{split}.mat", database, queries)
        put(root, *(row[0] for row in database))
        put(root / "queries_real", *(row[0] for row in queries))


def tokyo_247(root: Path) -> None:
    """3 database photos that are ``.png`` where the ``.mat`` says ``.jpg``, and 2 queries."""
    east, north = TOKYO
    database = [
        (f"03814/{east + 40 * at:.2f}_{north:.2f}_012_0{30 * at:02}.jpg", east + 40 * at, north)
        for at in range(3)
    ]
    queries = [(f"{at:05}.jpg", east + 40 * at, north + 8) for at in (1, 2)]
    db_struct(root / "datasets" / "tokyo247.mat", database, queries)
    put(root, *(name.replace(".jpg", ".png") for name, _, _ in database), photo=_encoded("PNG"))
    put(root / "247query_subset_v2", *(name for name, _, _ in queries))


def msls(root: Path, keys: bool = True) -> None:
    """Copenhagen, San Francisco, and Amsterdam to train on.

    Each city has 4 database photos 20 m apart, the last a panorama, and 5 queries: near the first,
    far from all, near the panorama alone, not in the subtask, a panorama. So of two cities 6
    queries count, and 2 of them have a photo within 25 m.
    """
    cities = {"cph": (12.57, 55.68), "sf": (-122.42, 37.77), "amsterdam": (4.9, 52.37)}
    for city, (lon, lat) in cities.items():
        (east,), (north,), (_,) = geo.to_utm([lat], [lon])
        sides = {
            "database": [
                (0.0, True, False),
                (20, True, False),
                (40, True, False),
                (200, True, True),
            ],
            "query": [
                (5.0, True, False),
                (900, True, False),
                (201, True, False),
                (6, False, False),
                (7, True, True),
            ],
        }
        for side, photos in sides.items():
            names = [f"{city}_{side[0]}{at}" for at in range(len(photos))]
            raw, post, subtask = [], [], []
            for at, (name, (metres, in_all, pano)) in enumerate(zip(names, photos, strict=True)):
                (la,), (lo,) = geo.to_wgs84([east + metres], [north], [zone_of(city)])
                raw.append(f"{at},{name},{lo},{la},{40 * at}.5,2017-0{at + 1}-05,{pano}")
                night = at == 1
                post.append(f"{at},{name},{east + metres},{north},{at},False,{night},Forward")
                subtask.append(f"{at}{f',{name}' if keys else ''},{in_all},{night}")
            folder = root / "train_val" / city / side
            put(folder / "images", *(f"{name}.jpg" for name in names))
            for file, header, rows in (
                ("raw", ",key,lon,lat,ca,captured_at,pano", raw),
                (
                    "postprocessed",
                    ",key,easting,northing,unique_cluster,control_panel,night,view_direction",
                    post,
                ),
                ("subtask_index", f"{',key' if keys else ''},all,n2d", subtask),
            ):
                text = "\n".join([header, *rows]) + "\n"
                (folder / f"{file}.csv").write_text(text, encoding="utf-8")


def zone_of(city: str) -> int:
    return geo.zone_code({"cph": "33U", "sf": "10S", "amsterdam": "31U"}[city])


def frames(root: Path, database: int = 12, queries: int = 12, every: int = 1) -> None:
    """``ref/`` and ``query/`` with photos that are numbered from 0; no lists."""
    put(root / "ref", *(f"{at:07}.jpg" for at in range(database)))
    put(root / "query", *(f"{at * every:07}.jpg" for at in range(queries)))


def objects(rows: Sequence[Any]) -> NDArray[np.object_]:
    """A numpy array of lists."""
    found = np.empty(len(rows), object)
    for at, row in enumerate(rows):
        found[at] = row
    return found


def vpr_bench_lists(file: Path, lists: Sequence[Sequence[int]]) -> None:
    """``ground_truth_new.npy``: a row ``(query, list)`` each."""
    rows = np.empty((len(lists), 2), object)
    for at, each in enumerate(lists):
        rows[at, 0], rows[at, 1] = at, list(each)
    np.save(file, rows, allow_pickle=True)


def _encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (90, 120, 60)).save(file, kind)
    return file.getvalue()
