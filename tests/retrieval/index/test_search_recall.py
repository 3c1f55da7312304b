"""What ways to search an index miss, against counts by hand."""

from pathlib import Path

import made_up_index
import numpy as np
import pytest
from PIL import Image

from beenhere.config.models import (
    OFFLINE_LITE0,
    PreprocessingConfig,
    ProjectionConfig,
    SqrtCovConfig,
)
from beenhere.errors import DataError
from beenhere.models import VPRModel, save_checkpoint
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


def test_fewer_numbers_lose_what_a_whitened_index_loses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW_TO_TRAIN", 1000)
    monkeypatch.setattr(module, "FEWEST_TO_LEARN", 1000)
    database, _ = views(places=100, each=4, dim=300, noise=0.5, seed=0)
    made_up_index.make(tmp_path / "x.index", database)
    *_, small = measure_recall(Snapshot.open(tmp_path / "x.index")).table
    assert small.kind == "256 numbers" and small.photo_bytes == 1024
    centred = database - database.mean(0, dtype=np.float64)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    short = centred @ directions[:256].T
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    own = np.sort(np.random.default_rng(0).permutation(400)[:60])
    hits = 0
    for row in own:
        ranked = []
        for vectors in (database.astype(np.float64), short):
            scores = vectors @ vectors[row]
            scores[row] = -np.inf
            ranked.append(set(np.argsort(-scores)[:20].tolist()))
        hits += len(ranked[0] & ranked[1])
    assert 0.1 < small.kept[20] < 1
    assert small.kept[20] == pytest.approx(hits / (60 * 20), abs=3 / (60 * 20))


def test_a_model_of_8448_numbers_is_cut_and_its_loss_is_stated(
    tmp_path: Path, photos_of_noise: Path
) -> None:
    changes = {
        "aggregator": SqrtCovConfig(out_dim=512),
        "projection": ProjectionConfig(out_dim=8448),
        "preprocessing": PreprocessingConfig(image_size=(64, 64)),
    }
    wide = tmp_path / "wide"
    save_checkpoint(VPRModel(OFFLINE_LITE0.model_copy(update=changes)), wide, {})
    options = {"search": "exact", "whitening": "none"}
    index = Index.build(photos_of_noise, wide, tmp_path / "x.index", **options)
    assert index.manifest.dim == 8448
    kinds = {row.kind: row for row in measure_recall(Snapshot.open(index.path)).table}
    small = kinds["256 numbers"]
    assert small.photo_bytes == 1024 and 0 < small.kept[20] <= 1
    assert "512 numbers" not in kinds, "270 photos vary in fewer directions"
    options |= {"whitening": {"dim": 256}}
    short = Index.build(photos_of_noise, wide, tmp_path / "y.index", **options)
    assert short.manifest.dim == 256 and short.manifest.model.dim == 8448


@pytest.fixture
def photos_of_noise(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(270):
        random = np.random.default_rng(number)
        small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((64, 64), 0).save(folder / f"{number:03}.png")
    return folder
