"""What ways to search an index miss, against counts by hand."""

from pathlib import Path

import made_up_index
import numpy as np
import pytest

from beenhere.errors import DataError
from beenhere.retrieval.index import Index
from beenhere.retrieval.index import search_recall as module
from beenhere.retrieval.index.search_recall import measure_recall
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.kinds import KINDS
from beenhere.retrieval.search.vectors import quantise
from places import views

DATABASE, _ = views(places=300, each=4, dim=16, noise=0.5, seed=0)


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERIES", 60)


def test_every_kind_beside_the_one_in_force(tmp_path: Path) -> None:
    made_up_index.make(tmp_path / "x.index", DATABASE, search={"kind": "hnsw"})
    found = measure_recall(Snapshot.open(tmp_path / "x.index"))
    assert (found.queries, found.in_force) == (60, "hnsw")
    kinds = [row.kind for row in found.table]
    assert kinds[:4] == ["exact", "exact, float16", "exact, int8", "hnsw"]
    assert sorted(kinds[3:]) == sorted(KINDS)
    bytes_of = {row.kind: row.photo_bytes for row in found.table}
    assert (bytes_of["exact"], bytes_of["exact, float16"], bytes_of["exact, int8"]) == (64, 32, 20)
    assert found.table[0].kept == {1: 1.0, 20: 1.0}


def test_fewer_bytes_lose_what_is_counted_by_hand(tmp_path: Path) -> None:
    made_up_index.make(tmp_path / "x.index", DATABASE[:200])
    index = Index.open(tmp_path / "x.index")
    index.remove("*/00000[0-4]*")
    exact, half, small = measure_recall(Snapshot.open(index.path)).table
    own = np.sort(np.random.default_rng(0).permutation(np.arange(5, 200))[:60])
    int8 = quantise(DATABASE[:200], "int8").floats(0, 200)
    for k in (1, 20):
        hits = 0
        for row in own:
            ranked = []
            for database in (DATABASE[:200], int8):
                scores = database.astype(np.float64) @ DATABASE[row].astype(np.float64)
                scores[:5] = scores[row] = -np.inf
                ranked.append(set(np.argsort(-scores)[:k].tolist()))
            hits += len(ranked[0] & ranked[1])
        assert small.kept[k] == pytest.approx(hits / (60 * k), abs=2 / (60 * k))
    assert exact.kind == "exact" and half.kept[20] >= small.kept[20] < 1


def test_a_large_index_trains_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW_TO_TRAIN", 1000)
    made_up_index.make(tmp_path / "x.index", DATABASE, search={"kind": "ivf"}, dtype="int8")
    found = measure_recall(Snapshot.open(tmp_path / "x.index"))
    assert [row.kind for row in found.table] == ["exact", "ivf", "pq"]


def test_nothing_to_measure_on(tmp_path: Path) -> None:
    made_up_index.make(tmp_path / "x.index", DATABASE[:1])
    with pytest.raises(DataError, match="holds 1 photos; expected two or more"):
        measure_recall(Snapshot.open(tmp_path / "x.index"))
