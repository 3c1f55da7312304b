"""Pairs of photos, chosen as a naive loop over all pairs in float64 chooses them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_index import append, make
from tiny import TinyModel, write_photo

from beenhere import geo
from beenhere.config.retrieval import PairsConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval import pairs
from beenhere.retrieval.index import Index
from beenhere.retrieval.pairs import photo_pairs

Numbers = np.ndarray[Any, np.dtype[np.float64]]

PHOTOS, REMOVED = 60, (7, 40)
# The first and the last second of a date that is known in part.
DATES = {
    "2015-02": ("2015-02-01T00:00:00", "2015-02-28T23:59:59"),
    "2015-02-27": ("2015-02-27T00:00:00", "2015-02-27T23:59:59"),
    "2015-03-01T00:00:20": ("2015-03-01T00:00:20",) * 2,
    "2015-03-01T00:01:00.5": ("2015-03-01T00:01:00",) * 2,
    "2016": ("2016-01-01T00:00:00", "2016-12-31T23:59:59"),
}


def unit(rng: np.random.Generator, count: int, dim: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    vectors = rng.normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Photos along a street over the edge of two UTM zones; of some a thing is not known."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("street") / "x.index"
    lon = rng.uniform(-120.002, -119.998, PHOTOS)
    columns = {
        "lat": rng.uniform(37.0, 37.001, PHOTOS).tolist(),
        "lon": lon.tolist(),
        "heading": rng.uniform(0, 360, PHOTOS).tolist(),
        "captured": [list(DATES)[row % len(DATES)] for row in range(PHOTOS)],
    }
    for name in ("lat", "heading", "captured"):
        columns[name][{"lat": 5, "heading": 11, "captured": 17}[name]] = None
    columns["lon"][5] = None
    table = PhotoTable.from_columns({"path": list(map(str, range(PHOTOS))), **columns}).frame
    known = {name: table[name].to_list() for name in table.columns if name != "path"}
    vectors = unit(rng, PHOTOS, 24)
    make(folder, vectors, known)
    index = Index.open(folder)
    index.remove(*(f"/photos/{row:06d}.jpg" for row in REMOVED))
    return index


@dataclass
class Naive:
    """What is true of two photos, row by row; NaN where it is not known."""

    similarity: Numbers
    metres: Numbers
    turn: Numbers
    apart: Numbers

    @classmethod
    def of(cls, index: Index) -> "Naive":
        """Every pair looked at, one after the other."""
        frame, places = index.photos.frame, index.photos.positions
        vectors = np.concatenate([each.values for each in index.segments]).astype(np.float64)
        found = [np.full((PHOTOS, PHOTOS), np.nan) for _ in range(4)]
        dates = [
            None if date is None else [datetime.fromisoformat(end) for end in DATES[date]]
            for date in frame["captured"]
        ]
        for a in range(PHOTOS):
            for b in range(PHOTOS):
                found[0][a, b] = vectors[a] @ vectors[b]
                found[1][a, b] = geo.distance(places[[a]], places[[b]])[0]
                one, other = frame["heading"][a], frame["heading"][b]
                if one is not None and other is not None:
                    found[2][a, b] = min(abs(one - other), 360 - abs(one - other))
                one, other = dates[a], dates[b]
                if one is not None and other is not None:
                    apart = max(one[0] - other[1], other[0] - one[1])
                    found[3][a, b] = apart.total_seconds()
        return cls(*found)

    def pairs(self, config: PairsConfig) -> list[tuple[int, int]]:
        neighbours: dict[int, list[int]] = {}
        for a in set(range(PHOTOS)) - set(REMOVED):
            found = []
            for b in set(range(PHOTOS)) - set(REMOVED) - {a}:
                held = [
                    config.min_similarity is None or self.similarity[a, b] >= config.min_similarity,
                    config.within is None or self.metres[a, b] <= config.within,
                    config.beyond is None or self.metres[a, b] > config.beyond,
                    config.heading is None or self.turn[a, b] <= config.heading,
                    config.gap_seconds is None or self.apart[a, b] >= config.gap_seconds,
                ]
                if all(held):
                    found.append((-self.similarity[a, b], b))
            neighbours[a] = [b for _, b in sorted(found)[: config.matches]]
        chosen: dict[tuple[int, int], None] = {}
        for a, nearest in sorted(neighbours.items()):
            for b in nearest:
                if (a in neighbours[b] or not config.mutual) and (b, a) not in chosen:
                    chosen[a, b] = None
        return list(chosen)


@pytest.fixture(scope="module")
def naive(street: Index) -> Naive:
    return Naive.of(street)


def listed(index: Index, config: PairsConfig) -> list[tuple[int, int]]:
    return [
        pair
        for query, row in photo_pairs(index, config)
        for pair in zip(query.tolist(), row.tolist(), strict=True)
    ]


CONDITIONS: dict[str, dict[str, Any]] = {
    "none": {"matches": 4},
    "more than there are": {"matches": 500},
    "alike": {"matches": 6, "min_similarity": 0.25},
    "near": {"matches": 5, "within": 60},
    "a ring": {"matches": 3, "within": 120, "beyond": 60},
    "far": {"matches": 3, "beyond": 300},
    "heading": {"matches": 4, "heading": 20},
    "later": {"matches": 4, "gap_seconds": 40},
    "mutual": {"matches": 4, "mutual": True},
    "all": {"matches": 3, "within": 200, "beyond": 10, "heading": 90, "gap_seconds": 1, "mutual": 1}
    | {"min_similarity": 0.0},
}


WAYS = {
    "as it is": list(CONDITIONS),
    "searched": ["near", "a ring", "all"],
    "each alone": ["a ring", "all"],
    "in parts": ["none", "near", "later", "mutual"],
}


@pytest.mark.parametrize(
    ("conditions", "way"), [(each, way) for way, some in WAYS.items() for each in some]
)
def test_pairs_are_those_of_a_naive_loop(
    street: Index, naive: Naive, conditions: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way != "as it is":  # as of many photos
        monkeypatch.setattr(pairs, "FEW_NEAR", 4096 if way == "in parts" else 1)
        monkeypatch.setattr(pairs, "MOST_CANDIDATES", 0 if way == "each alone" else 10**6)
        monkeypatch.setattr(pairs, "AT_ONCE", 4096 * 5 if way == "in parts" else 2**21)
        monkeypatch.setattr(pairs, "block_rows", lambda dim: 17)
    config = PairsConfig(**CONDITIONS[conditions])
    expected = naive.pairs(config)
    assert listed(street, config) == expected and expected


def test_photos_of_which_nothing_is_known_are_counted(street: Index) -> None:
    found = photo_pairs(street, PairsConfig(matches=2, heading=180, gap_seconds=0))
    assert (found.unknown, found.asked) == (2, "a heading and a time")
    assert (found.rows[[11, 17, *REMOVED]] == -1).all() and np.isnan(found.similarity[11]).all()
    assert photo_pairs(street, PairsConfig()).unknown == 0


def test_pairs_through_a_search_structure(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = unit(rng, 40, 16)
    vectors = centres[rng.integers(0, 40, 1100)] + 0.1 * rng.normal(size=(1100, 16))
    vectors = np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
    make(tmp_path / "x.index", vectors, search="pq")
    append(tmp_path / "x.index", unit(rng, 5, 16))
    index = Index.open(tmp_path / "x.index")
    assert index.manifest.structure is not None
    config = PairsConfig(matches=5, beyond=20)
    found = set(listed(index, config))
    index.train("exact")
    exact = set(listed(index, config))
    assert len(found & exact) > 0.95 * len(exact)
    assert all(abs(query - row) > 2 for query, row in found)  # 10 m each


MODEL: Any = TinyModel()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and an index of them, whitened."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(8):
        write_photo(root / f"map/{number}.png", number % 7, 64, 64)
    write_photo(root / "asked/new.png", 3, 64, 64)
    (root / "asked/none.png").write_bytes(b"no photo")
    options = {"whitening": "half", "extract": {"precision": "32"}}
    Index.build(root / "map", MODEL, root / "x.index", **options)
    return root


def test_other_queries(photos: Path) -> None:
    index = Index.open(photos / "x.index", MODEL)
    paths = [str(photos / name) for name in ("asked/none.png", "asked/new.png", "map/0.png")]
    found = photo_pairs(index, PairsConfig(matches=2), PhotoTable.from_columns({"path": paths}))
    assert found.queries.paths == paths[1:] and found.unreadable[0][0] == paths[0]
    ((query, row),) = found
    assert query.tolist() == [0, 0, 1, 1]
    names = [Path(path).name for path in index.photos.paths]
    assert names[row[0]] == "3.png"  # the same picture
    assert found.similarity[0, 0] > 0.999
    # A photo of the index is not its own match, but its copy is.
    assert names[row[2]] == "7.png" and "0.png" not in [names[one] for one in row[2:]]


def test_what_cannot_be(photos: Path) -> None:
    index = Index.open(photos / "x.index", MODEL)
    with pytest.raises(DataError, match="no photo has a heading, which a condition asks about"):
        photo_pairs(index, PairsConfig(heading=10))
    with pytest.raises(ConfigError, match="mutual pairs are of the index's own photos"):
        photo_pairs(index, PairsConfig(mutual=True), index.photos)
    with pytest.raises(ValueError, match="within is 5 and beyond 5; expected within to be more"):
        PairsConfig(within=5, beyond=5)


def test_an_index_of_no_photos(photos: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "one/1.png", 1, 64, 64)
    Index.build(tmp_path / "one", MODEL, tmp_path / "x.index")
    index = Index.open(tmp_path / "x.index", MODEL)
    assert listed(index, PairsConfig()) == []
    index.remove("*1.png")
    found = photo_pairs(index, PairsConfig(), PhotoTable.from_columns({"path": index.photos.paths}))
    assert found.rows.tolist() == [[-1]] and listed(index, PairsConfig(heading=1)) == []
