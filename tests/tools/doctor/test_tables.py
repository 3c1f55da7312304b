"""Checks that need no pixels, on tables of made-up photos."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import published_sets
import pytest

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.formats import read_photos
from beenhere.tools.doctor import (
    Finding,
    PhotoCollection,
    examine,
    fixes,
    gather,
    read_fixes,
    without,
)

LUND = (55.7, 13.2)


def write(folder: Path, columns: dict[str, Any], names: list[str] | None = None) -> Path:
    """A table of photos that are there, though none is a picture."""
    folder.mkdir(parents=True)
    count = len(next(iter(columns.values())))
    names = names or [f"{number:04d}.jpg" for number in range(count)]
    for name in names:
        (folder / name).write_bytes(b"x")
    pl.DataFrame({"path": names, **columns}).write_csv(folder / "photos.csv")
    return folder


def check(root: Path, **options: Any) -> dict[str, Finding]:
    findings = examine(gather(root), CheckConfig(pixels=False, **options))
    return {finding.name: finding for finding in findings}


def rows_of(finding: Finding) -> list[int]:
    return sorted(int(Path(path).stem) for path in finding.cases["path"])


def walk(count: int, metres: float = 10.0) -> dict[str, Any]:
    """Photos one after the other to the north, a second each."""
    start = datetime(2024, 5, 1, 12)
    north = np.arange(count) * metres
    line = geo.from_plane(geo.positions([LUND[0]] * count, [LUND[1]] * count), 0 * north, north)
    return {
        "lat": line.lat,
        "lon": line.lon,
        "captured": [(start + timedelta(seconds=5 * k)).isoformat() for k in range(count)],
    }


def moved(columns: dict[str, Any], rows: list[int], metres: float) -> dict[str, Any]:
    """The same with some rows so far to the east."""
    before = geo.positions(columns["lat"], columns["lon"])
    east = np.where(np.isin(np.arange(len(before)), rows), metres, 0.0)
    after = geo.from_plane(before, east, 0 * east)
    return columns | {"lat": after.lat, "lon": after.lon}


@pytest.mark.parametrize("rows", [[7], [0], [19], [7, 8], [3, 12]])
def test_jumps_by_time(rows: list[int], tmp_path: Path) -> None:
    found = check(write(tmp_path / "walk", moved(walk(20), rows, 2000)))
    assert set(found) == {"jump"} and found["jump"].severity == "score"
    assert rows_of(found["jump"]) == rows
    assert "2,000 m from the photo before it, 5 s later" in found["jump"].cases[
        "detail"
    ].to_list() or (rows == [0])


@pytest.mark.parametrize("rows", [[7], [7, 8]])
def test_jumps_by_order_of_frames(rows: list[int], tmp_path: Path) -> None:
    columns = moved(walk(20), rows, 2000)
    del columns["captured"]
    assert rows_of(check(write(tmp_path / "walk", columns))["jump"]) == rows


def test_no_jumps(tmp_path: Path) -> None:
    drive = walk(20, metres=300)  # 60 m/s
    assert check(write(tmp_path / "drive", drive)) == {}
    assert check(write(tmp_path / "noise", moved(walk(20), [7], 400))) == {}
    # Two people's photos in one folder are no sequence, and no order of frames either.
    both = moved(walk(20), list(range(0, 20, 2)), 3000)
    assert check(write(tmp_path / "both", both)) == {}
    del both["captured"]
    assert check(write(tmp_path / "mixed", both)) == {}
    # A long way in a long time.
    later = moved(walk(20), list(range(12, 20)), 3000)
    later["captured"] = [
        text.replace("T12", "T18") if row >= 12 else text
        for row, text in enumerate(later["captured"])
    ]
    assert check(write(tmp_path / "later", later)) == {}


def test_swapped_sign_zone(tmp_path: Path) -> None:
    columns = walk(30, metres=1)
    lat, lon = columns["lat"].copy(), columns["lon"].copy()
    lat[:5], lon[:5] = columns["lon"][:5], columns["lat"][:5]
    lon[5:8] *= -1
    lat[8] *= -1
    found = check(write(tmp_path / "walk", {"lat": lat, "lon": lon}))
    assert {name: rows_of(each) for name, each in found.items()} == {
        "swapped": [0, 1, 2, 3, 4],
        "wrong-sign": [5, 6, 7, 8],
    }
    assert "swapped it is 55.7" in found["swapped"].cases["detail"][0]
    assert set(found["swapped"].cases["suggestion"]) == {
        "leave out (or swap its latitude and longitude at the source, and check again)"
    }


def test_zone(tmp_path: Path) -> None:
    positions = geo.positions(walk(30, 1)["lat"], walk(30, 1)["lon"])
    zones = ["33U"] * 30
    zones[4], zones[11] = "35U", "32U"
    columns = {"easting": positions.easting, "northing": positions.northing, "zone": zones}
    found = check(write(tmp_path / "walk", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {"wrong-zone": [4, 11]}


def test_several_trips_are_no_fault(tmp_path: Path) -> None:
    lat = np.concatenate([np.full(20, 55.7), np.full(3, 52.5), np.full(12, -33.9)])
    lon = np.concatenate([np.full(20, 13.2), np.full(3, 13.4), np.full(12, 151.2)])
    assert check(write(tmp_path / "trips", {"lat": lat, "lon": lon})) == {}
    # Swapped, 30.5 N, 30.6 E is nearly the same.
    lat, lon = np.append(lat, [30.5, 30.5]), np.append(lon, [30.6, 30.6])
    assert check(write(tmp_path / "more", {"lat": lat, "lon": lon})) == {}
    # Both sides of the 180th meridian, and of a zone's border.
    assert check(write(tmp_path / "fiji", {"lat": [-17.0] * 4, "lon": [179.99, -179.99] * 2})) == {}


def test_lone_photo(tmp_path: Path) -> None:
    lat, lon = np.full(200, 55.7), np.full(200, 13.2)
    lat[50] = 48.1
    found = check(write(tmp_path / "photos", {"lat": lat, "lon": lon}))
    assert {name: rows_of(each) for name, each in found.items()} == {"far-away": [50]}
    assert found["far-away"].severity == "note"  # a person may have been there
    detail = found["far-away"].cases["detail"][0]
    true = geo.distance(geo.positions([55.7], [13.2]), geo.positions([48.1], [13.2]))[0]
    assert abs(float(detail.split(" km")[0].replace(",", "")) * 1000 - true) < 30_000


def test_disagreeing_tells_why(tmp_path: Path) -> None:
    positions = geo.positions([37.77730] * 12, [-122.49041 + 1e-4 * k for k in range(12)])
    easting, lat, lon = positions.easting.copy(), positions.lat.copy(), positions.lon.copy()
    lat[0], lon[0] = 37.0, -122.0
    lat[1], lon[1] = 12.3, 37.0  # swapped would be zone-wise nonsense: it stays unexplained
    easting[3] += 9  # within rounding
    easting[4] += 11
    columns = {
        "lat": lat,
        "lon": lon,
        "easting": easting,
        "northing": positions.northing,
        "zone": ["10S"] * 5 + ["11S"] + ["10S"] * 6,
    }
    found = check(write(tmp_path / "photos", columns))
    assert set(found) == {"disagreeing"}
    assert rows_of(found["disagreeing"]) == [0, 1, 4, 5]
    reasons = {
        int(Path(path).stem): text
        for path, text in zip(
            found["disagreeing"].cases["path"], found["disagreeing"].cases["detail"], strict=True
        )
    }
    assert reasons[4] == "UTM is 11 m from latitude, longitude"
    assert reasons[5].endswith("zone is 11S, by these 10S")
    # One rule for all: what a person may mend is left out as long as the row is there.
    assert set(found["disagreeing"].cases["suggestion"]) == {
        f"leave out (or mend {what} at the source, and check again)"
        for what in ("the wrong one", "its zone")
    }


def test_shared_streets_by_every_pair(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    train, test = rng.uniform(0, 0.01, (300, 2)), rng.uniform(0.004, 0.014, (200, 2))
    # Astride a zone's border at 12 E.
    places = {"train": np.add(train, (50, 11.995)), "test": np.add(test, (50, 11.995))}
    write(
        tmp_path / "train",
        {
            "lat": places["train"][:, 0],
            "lon": places["train"][:, 1],
            "place": [str(k) for k in range(300)],
        },
    )
    for side, some in (("database", slice(0, 150)), ("queries", slice(150, 200))):
        lat, lon = places["test"][some].T
        write(tmp_path / "test" / side, {"lat": lat, "lon": lon})
    found = check(tmp_path, street_gap=40)["shared-streets"]
    a, b = (geo.positions(*each.T) for each in (places["train"], places["test"]))
    near = np.array(
        [
            [geo.distance(a[i : i + 1], b[j : j + 1])[0] <= 40 for j in range(200)]
            for i in range(300)
        ]
    )
    assert 0 < near.any(axis=1).sum() < 300
    assert rows_of(found) == np.flatnonzero(near.any(axis=1)).tolist()
    assert found.summary.startswith(f"{near.any(axis=0).sum()} of 200 val and test photos")
    metres = [float(text.split(" m")[0]) for text in found.cases["detail"]]
    assert metres == sorted(metres) and metres[-1] <= 40


def test_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    place = np.repeat([f"p{k}" for k in range(20)], 5)
    centre = geo.positions(np.repeat(rng.uniform(55.7, 55.75, 20), 5), np.repeat(13.2, 100))
    east = np.tile([0.0, 3.0, -4.0, 2.0, 1.0], 20)
    east[37], east[3] = 27.0, 24.0
    spread = geo.from_plane(centre, east, 0 * east)
    columns = {"lat": spread.lat, "lon": spread.lon, "place": place}
    found = check(write(tmp_path / "set", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {"place-spread": [37]}
    found = check(tmp_path / "set", images=6)
    assert len(found["small-place"]) == 20
    assert found["small-place"].summary == "20 of 20 places, 100 photos in them."


def test_missing_positions(tmp_path: Path) -> None:
    some = {"lat": [55.7, None, 55.7], "lon": [13.2, None, 13.2]}
    write(tmp_path / "one/database", some)
    write(tmp_path / "one/queries", some)
    found = check(tmp_path / "one")["no-position"]
    assert found.severity == "score" and len(found) == 2
    assert found.cases["suggestion"].to_list() == ["leave out"] * 2
    assert check(write(tmp_path / "mine", some))["no-position"].severity == "note"
    # Nothing to leave out where no photo has one.
    none = {"condition": ["day"] * 3, "lat": [None] * 3, "lon": [None] * 3}
    for side in ("database", "queries"):
        write(tmp_path / "two" / side, none)
    found = check(tmp_path / "two")["no-position"]
    assert found.severity == "score" and found.cases["suggestion"].null_count() == 6
    assert found.summary.startswith("None in two database, two queries has one")
    assert "`beenhere data track`" in found.kind.remedy and "ground_truth.csv" in found.kind.remedy


def test_headings_and_dates(tmp_path: Path) -> None:
    columns = {
        "lat": [55.7] * 5,
        "lon": [13.2] * 5,
        "heading": [0.0, 359.9, 360.0, -0.5, None],
        "captured": ["2015", "9999", "2015-06", "2999-01", None],
    }
    found = check(write(tmp_path / "set", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {
        "heading-range": [2, 3],
        "no-heading": [4],
        "future-date": [1, 3],
    }
    assert set(found["heading-range"].cases["detail"]) == {
        "heading 360, read as 0",
        "heading -0.5, read as 359.5",
    }


def test_fix_list_has_a_row_a_photo(tmp_path: Path) -> None:
    columns = walk(20)
    columns["lat"][7], columns["lon"][7] = 0.0, 0.0
    columns["captured"][9] = "2999-01-01T00:00:00"
    columns["captured"][7] = "2999-01-01T00:00:00"
    collection: PhotoCollection = gather(write(tmp_path / "walk", columns))
    findings = examine(collection, CheckConfig(pixels=False))
    rows = fixes(findings, tmp_path)
    assert rows["path"].to_list() == ["walk/0007.jpg", "walk/0009.jpg"]
    assert rows.columns == ["path", "problem", "detail", "suggestion"]
    assert rows.select("problem", "suggestion").rows() == [
        ("null-island; future-date", "leave out"),
        ("future-date", "mend"),
    ]
    assert fixes(findings[::-1], tmp_path)["suggestion"].to_list() == ["leave out", "mend"]


def test_skip(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", {"lat": [0.0], "lon": [0.0]})
    assert set(check(folder)) == {"null-island"}
    assert check(folder, skip=["null-island"]) == {}
    with pytest.raises(ConfigError, match="skip names 'null'; expected of not-used"):
        check(folder, skip=["null"])


def test_the_good_photos_after_a_jump_are_not_blamed(tmp_path: Path) -> None:
    found = check(write(tmp_path / "walk", moved(walk(40), [37], 2000)))["jump"]
    assert rows_of(found) == [37]
    assert found.cases["detail"].to_list() == ["2,000 m from the photo before it, 5 s later"]


def minutes(columns: dict[str, Any]) -> dict[str, Any]:
    """A photo a minute."""
    start = datetime(2024, 5, 1, 12)
    count = len(columns["captured"])
    return columns | {
        "captured": [(start + timedelta(minutes=k)).isoformat() for k in range(count)]
    }


@pytest.mark.parametrize("rows", [[20], [20, 21], [9, 30]])
def test_there_and_back_many_times_as_fast_as_usual(rows: list[int], tmp_path: Path) -> None:
    columns = minutes(moved(walk(40, metres=11), rows, 4000))
    found = check(write(tmp_path / "walk", columns))["jump"]
    assert rows_of(found) == rows
    assert "times as fast as usual there, and back" in found.cases["detail"][0]


def test_somebody_may_have_gone_there(tmp_path: Path) -> None:
    # By train, at a photo a minute, and not back; by car, there and back.
    away = minutes(moved(walk(40, metres=11), list(range(20, 40)), 4000))
    assert check(write(tmp_path / "away", away)) == {}
    last = minutes(moved(walk(40, metres=11), [38, 39], 4000))
    assert check(write(tmp_path / "last", last)) == {}
    trip = moved(walk(40, metres=11), [20, 21, 22], 60_000)
    start = datetime(2024, 5, 1, 12)
    trip["captured"] = [
        (start + timedelta(minutes=k + 40 * (k >= 20) + 40 * (k >= 23))).isoformat()
        for k in range(40)
    ]
    assert check(write(tmp_path / "trip", trip)) == {}
    by_car = minutes(moved(walk(40, metres=11), [20, 21], 1200))
    assert check(write(tmp_path / "car", by_car)) == {}


def test_a_jump_that_nobody_can_tell_the_side_of(tmp_path: Path) -> None:
    found = check(write(tmp_path / "walk", moved(walk(40), list(range(25, 40)), 2000)))["jump"]
    assert rows_of(found) == [24, 25]
    assert all(text.startswith("mend one of the two") for text in found.cases["suggestion"])
    assert all("nobody can say" in text for text in found.cases["detail"])


def test_rows_that_cannot_be_used_end_nothing(tmp_path: Path) -> None:
    for side in ("database", "queries"):
        write(tmp_path / "eval" / side, {"lat": [35.6, 35.6], "lon": [139.7, 139.7]})
    file = tmp_path / "eval/queries/photos.csv"
    rows = ["139.7,35.6", "35.6,", "nan,139.7", "35.6,139.7"]
    file.write_text(
        "path,lat,lon\n" + "".join(f"{at:04}.jpg,{row}\n" for at, row in enumerate(rows))
    )
    for at in range(4):
        (file.parent / f"{at:04}.jpg").write_bytes(b"x")
    found = check(tmp_path)["not-used"]
    assert found.severity == "score" and rows_of(found) == [0, 1, 2]
    assert "looks swapped: latitude and longitude" in found.cases["detail"][0]
    assert "swap latitude and longitude" in found.cases["suggestion"][0]
    with pytest.raises(DataError, match=r"line 2, column 'lat': got '139\.7'.*looks swapped"):
        read_photos(file)


def test_what_is_above_the_root_says_nothing(tmp_path: Path) -> None:
    root = tmp_path / "train" / "mine"
    place = {"lat": [55.7] * 4, "lon": [13.2] * 4}
    write(root / "photos", {**place, "place": ["a"] * 4})
    for side in ("database", "queries"):
        write(root / "eval" / side, place)
    found = {part.name: part.split for part in gather(root).parts}
    assert found == {"eval database": "test", "eval queries": "test", "photos": "train"}
    assert "shared-streets" in check(root)
    assert [part.split for part in gather(root / "eval").parts] == ["test"] * 2
    write(tmp_path / "val/database", place)
    write(tmp_path / "val/queries", place)
    assert [part.split for part in gather(tmp_path / "val").parts] == ["val"] * 2


def test_photos_in_no_set_are_told(tmp_path: Path) -> None:
    for side in ("database", "queries"):
        write(tmp_path / "eval" / side, {"lat": [55.7], "lon": [13.2]})
    (tmp_path / "loose.jpg").write_bytes(b"x")
    found = check(tmp_path)["in-no-set"]
    assert found.cases["path"].to_list() == [str(tmp_path / "loose.jpg")]
    assert found.severity == "note"


def test_every_protocol_of_a_published_set(tmp_path: Path) -> None:
    published_sets.pittsburgh(tmp_path / "pitts30k")
    east, north = published_sets.PITTSBURGH
    published_sets.db_struct(
        tmp_path / "pitts30k/datasets/pitts30k_train.mat",
        [("002/000009_pitch1_yaw1.jpg", east, north)],
        [("train/000009_pitch1_yaw1.jpg", east + 1, north)],
    )
    published_sets.put(tmp_path / "pitts30k", "002/000009_pitch1_yaw1.jpg")
    published_sets.put(tmp_path / "pitts30k/queries_real", "train/000009_pitch1_yaw1.jpg")
    found = gather(tmp_path / "pitts30k")
    assert {part.name: (part.split, len(part.table)) for part in found.parts} == {
        "train": ("train", 2),
        "test database": ("test", 4),
        "test queries": ("test", 2),
        "val database": ("val", 2),
        "val queries": ("val", 1),
    }
    assert "shared-streets" in check(tmp_path / "pitts30k")
    assert len(read_photos(tmp_path / "pitts30k")) == 2


def test_each_photo_of_many_protocols_once(tmp_path: Path) -> None:
    published_sets.svox(tmp_path / "svox")
    published_sets.put(
        tmp_path / "svox/images/train/gallery", "@0618700.00@5735100.00@201407@a@B@.jpg"
    )
    found = gather(tmp_path / "svox")
    assert {part.name: (part.split, len(part.table)) for part in found.parts} == {
        "train": ("train", 1),
        "test database": ("test", 3),
        "test queries": ("test", 4),
        "val database": ("val", 1),
        "val queries": ("val", 1),
    }
    assert [rows.tolist() for rows in found.pairs[0].truth.positives(25)] == [[0], [2], [1], [2]]
    published_sets.msls(tmp_path / "msls")
    msls = gather(tmp_path / "msls")
    assert {part.name: (part.split, len(part.table)) for part in msls.parts} == {
        "train": ("train", 7),
        "val database": ("val", 6),
        "val queries": ("val", 6),
    }
    without(msls, fixes([], tmp_path), tmp_path / "kept")
    again = gather(tmp_path / "kept")
    assert {part.name: (part.split, len(part.table)) for part in again.parts} == {
        part.name: (part.split, len(part.table)) for part in msls.parts
    }


def test_what_is_left_is_seen_as_it_was(tmp_path: Path) -> None:
    place = {"lat": [55.7, 0.0, 55.7], "lon": [13.2, 0.0, 13.2]}
    write(tmp_path / "proj/mine", {**place, "place": ["a"] * 3})
    for side in ("database", "queries"):
        write(tmp_path / "proj/eval" / side, place)
    before = gather(tmp_path / "proj")
    assert "shared-streets" in check(tmp_path / "proj")
    found = examine(before, CheckConfig(pixels=False))
    islands = [each for each in found if each.name == "null-island"]
    fixes(islands, tmp_path).write_csv(tmp_path / "fixes.csv")
    without(before, read_fixes(tmp_path / "fixes.csv"), tmp_path / "kept")
    after = gather(tmp_path / "kept")
    assert [(part.name, len(part.table)) for part in after.parts] == [
        (part.name, 2) for part in before.parts
    ]
    assert "shared-streets" in check(tmp_path / "kept")
