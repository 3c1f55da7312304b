"""Search in Milvus finds what exact search finds, whatever is asked of the photos."""

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.retrieval import MilvusAddress, SearchConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.manifest import COLUMNS, IndexedModel
from beenhere.retrieval.index.milvus.collection import MilvusCollection
from beenhere.retrieval.index.milvus.fields import new_ids, photo_frame
from beenhere.retrieval.index.milvus.milvus_store import search_collection
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.vectors import StoredVectors

DIM, PHOTOS, QUERIES = 24, 1500, 3
MODEL = IndexedModel(
    name=None, fingerprint="ab" * 32, dim=DIM, precision="32", config={}, provenance={}, parts=()
)
CENTRES = [
    (37.77, -122.42),
    (40.0, -120.0),  # between the zones 10 and 11
    (0.0, 9.0),  # between north and south
    (-16.8, 179.99),
    (71.0, -180.0),  # on both sides of the 180th meridian
    (83.99, 30.0),
    (89.9, 0.0),
    (-85.0, 77.0),  # beyond UTM
    (60.0, 6.0),
]
DATES = [None, "2015", "2015-06", "2015-06-01", "2016-12-31T23:59:59", "2016-02-29T10:00:00.5Z"]


def unit(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)


def made_up(count: int) -> pl.DataFrame:
    """Photos around odd places, some without position, heading or date."""
    random = np.random.default_rng(0)
    centre = np.array(CENTRES)[random.integers(len(CENTRES), size=count)]
    far = 10 ** random.uniform(-5, 0, (count, 1))
    lat, lon = (centre + far * random.standard_normal((count, 2))).T
    lat, lon = np.clip(lat, -90, 90), (lon + 180) % 360 - 180
    unknown = random.random(count) < 0.1
    table = PhotoTable.from_columns(
        {
            "path": [f'/photos/{n % 7}/"{n}" \\ é%_\n{n}.jpg' for n in range(count)],
            "lat": [None if no else value for no, value in zip(unknown, lat.tolist(), strict=True)],
            "lon": [None if no else value for no, value in zip(unknown, lon.tolist(), strict=True)],
            "heading": [
                None if random.random() < 0.2 else float(random.integers(0, 720)) / 2
                for _ in range(count)
            ],
            "captured": [DATES[random.integers(len(DATES))] for _ in range(count)],
            "city": [("", None, "Zürich")[n % 3] for n in range(count)],
        }
    ).frame
    # A position that is given in another zone than its own, as maps across a border have it.
    moved = table.filter(pl.col("lon").is_between(-120.5, -120))
    east, north = geo._projection(11).transform(moved["lon"].to_numpy(), moved["lat"].to_numpy())
    other = moved.with_columns(
        easting=pl.Series(east), northing=pl.Series(north), zone=pl.lit("11T")
    )
    table = table.update(other, on="path")
    return table.with_columns(
        sha256=pl.Series([hashlib.sha256(path.encode()).digest() for path in table["path"]]),
        size=pl.Series(random.integers(0, 2**40, count)),
        mtime_ns=pl.Series(random.integers(0, 2**62, count)),
    ).select(list(COLUMNS))


class Town:
    """The same photos in a collection and in memory."""

    def __init__(self, collection: MilvusCollection) -> None:
        random = np.random.default_rng(1)
        self.collection = collection
        self.frame = made_up(PHOTOS)
        self.table = PhotoTable(self.frame.select(list(COLUMNS)[:11]))
        self.vectors = unit(random.standard_normal((PHOTOS, DIM)))
        self.queries = unit(random.standard_normal((QUERIES, DIM)))
        self.row = {path: row for row, path in enumerate(self.table.paths)}
        ids = new_ids(self.frame["sha256"], [])
        collection.put(ids, self.frame, self.vectors)

    def compare(self, k: int, where: Filter | None) -> int:
        """See that both find the same; how many photos may be found."""
        allowed = None if where is None else where.rows(self.table)
        wanted, _ = search_exact([StoredVectors(self.vectors)], self.queries, k, allowed)
        similarity, rows, found = search_collection(self.collection, self.queries, k, where)
        assert similarity.dtype == np.float32 and rows.dtype == np.int64
        assert np.array_equal(np.isnan(similarity), rows < 0)
        assert np.allclose(similarity, wanted, atol=2e-6, equal_nan=True)
        for query in range(QUERIES):
            hits = rows[query][rows[query] >= 0]
            here = [self.row[path] for path in found.photos.frame["path"].gather(hits)]
            assert len(set(here)) == len(here)
            assert allowed is None or allowed[here].all()
            products = self.vectors[here].astype(np.float64) @ self.queries[query]
            assert np.allclose(similarity[query][: len(here)], products, atol=2e-6)
            assert np.all(np.diff(similarity[query][: len(here)]) <= 0)
        return PHOTOS if allowed is None else int(allowed.sum())


@pytest.fixture(scope="module")
def town(module_store: str) -> Iterator[Town]:
    yield Town(MilvusCollection.make(MilvusAddress.parse(module_store), MODEL, SearchConfig()))


@pytest.mark.parametrize("k", [1, 10, PHOTOS + 5])
def test_without_a_filter(town: Town, k: int) -> None:
    assert town.compare(k, None) == PHOTOS


def test_near_any_place_within_any_radius(town: Town) -> None:
    random = np.random.default_rng(2)
    counts = []
    for lat, lon in CENTRES:
        for radius in 10 ** random.uniform(0, 7.4, 4):
            off = random.standard_normal(2) * radius / 2e5
            near = (
                float(np.clip(lat + off[0], -90, 90)),
                float((lon + off[1] + 180) % 360 - 180),
            )
            where = Filter(near=near, radius=float(radius))
            counts.append(town.compare(PHOTOS, where))
    counts.append(town.compare(PHOTOS, Filter(near=CENTRES[2], radius=2.1e7)))
    assert min(counts) < 20 and max(counts) > 1200 and len(set(counts)) > 15


def test_at_exactly_the_distance_of_a_photo(town: Town) -> None:
    lat, lon = CENTRES[0]
    where = Filter(near=(lat, lon), radius=0.0)
    away = geo.distance(town.table.positions, where.centre[np.zeros(PHOTOS, np.intp)])
    for metres in np.sort(away)[[0, 5, 40, 200]].tolist():
        count = town.compare(PHOTOS, Filter(near=(lat, lon), radius=metres))
        assert count == np.count_nonzero(away <= metres)


def test_few_of_many(town: Town) -> None:
    for k in (1, 3, 30):
        assert town.compare(k, Filter(near=CENTRES[1], radius=30_000)) > 30


@pytest.mark.parametrize(
    "dates",
    [
        ("2015", "2015"),
        ("2015-06-02", "2016-02"),
        (None, "2015-05"),
        ("2016-12-31T23:59:59", None),
        (None, None),
        ("2017", None),
        (None, "1999"),
    ],
)
def test_dates(town: Town, dates: tuple[str | None, str | None]) -> None:
    town.compare(50, Filter(dates=dates))


@pytest.mark.parametrize("heading", [0, 10.5, 180, 359.5, -90, 730])
@pytest.mark.parametrize("tolerance", [0, 0.5, 45, 179.75, 180])
def test_headings(town: Town, heading: float, tolerance: float) -> None:
    count = town.compare(PHOTOS, Filter(heading=heading, tolerance=tolerance))
    assert tolerance < 45 or count > 100


def test_everything_at_once(town: Town) -> None:
    where = Filter(near=CENTRES[1], radius=60_000, dates=("2015", None), heading=350, tolerance=60)
    assert town.compare(20, where) > 20


def test_photos_come_back_as_they_were(town: Town) -> None:
    held = [
        entity for batch in town.collection.every("", ["id", "path", "photo"]) for entity in batch
    ]
    frame = photo_frame(held).sort("path")
    assert frame.equals(town.frame.sort("path"), null_equal=True)
    ids = [entity["id"] for entity in held[5:1200]]
    rows = [town.row[entity["path"]] for entity in held[5:1200]]
    assert np.array_equal(town.collection.vectors(ids), town.vectors[rows])
    paths = town.table.paths[3:1400:7]
    assert {entity["path"] for entity in town.collection.having("path", paths)} == set(paths)


def test_what_a_square_holds_and_a_circle_does_not_hides_nothing(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best matches all lie in the corners of the square around the circle."""
    count = 400
    corner = np.arange(count) < 300
    off = np.where(corner, 95.0, 10.0) + np.arange(count) % 5
    frame = PhotoTable.from_columns(
        {
            "path": [f"/{n:03d}.jpg" for n in range(count)],
            "easting": 500_000 + off,
            "northing": 4_100_000 + off,
            "zone": ["10S"] * count,
        }
    ).frame
    frame = frame.with_columns(
        sha256=pl.Series([hashlib.sha256(b"%d" % n).digest() for n in range(count)]),
        size=pl.lit(1),
        mtime_ns=pl.lit(1),
    ).select(list(COLUMNS))
    angle = np.where(corner, 0, 1) + np.arange(count) / 1000
    vectors = unit(np.column_stack([np.cos(angle), np.sin(angle), *np.zeros((DIM - 2, count))]))
    collection = MilvusCollection.make(MilvusAddress.parse(store), MODEL, SearchConfig())
    collection.put(new_ids(frame["sha256"], []), frame, vectors)
    asked = []
    nearest = collection.nearest
    monkeypatch.setattr(
        collection, "nearest", lambda *given: asked.append(given[1]) or nearest(*given)
    )
    lat, lon = geo.to_wgs84([500_000], [4_100_000], [10])
    where = Filter(near=(float(lat[0]), float(lon[0])), radius=100)
    similarity, rows, found = search_collection(collection, vectors[:2], 5, where)
    assert found.photos.frame["path"].gather(rows[0]).to_list() == [
        f"/{n}.jpg" for n in range(300, 305)
    ]
    assert np.allclose(similarity[1], vectors[300:305] @ vectors[1], atol=1e-6)
    assert asked == [10, 20, 40, 80, 160]  # 10 + 20 + 40 + 80 + 150 of the corners


def test_too_many(town: Town) -> None:
    with pytest.raises(DataError, match="k is 16385; Milvus finds 16384 at most"):
        search_collection(town.collection, town.queries, 16_385, None)


def test_nobody_asks(town: Town) -> None:
    similarity, rows, found = search_collection(town.collection, town.queries[:0], 3, None)
    assert similarity.shape == rows.shape == (0, 3) and len(found.photos) == 0
