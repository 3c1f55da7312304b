"""What an earlier version saved opens in this one: indexes, checkpoints, runs, evaluations.

``saved/version-0.1.0.tar.gz`` was written by that version; ``expected.json`` in it holds what it
found in each.
"""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from town import write_town

import beenhere
from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.training.fit import fit

ARCHIVE = Path(__file__).parent / "saved" / "version-0.1.0.tar.gz"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("saved")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root, filter="data")
    return root


@pytest.fixture(scope="module")
def expected(saved: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((saved / "expected.json").read_text())
    return values


def test_an_index_with_its_model_and_whitening(saved: Path, expected: dict[str, Any]) -> None:
    index = beenhere.Index.open(saved / "kept.index")
    then = expected["kept"]
    assert len(index) == then["len"] == 12 and index.manifest.dtype == "int8"
    assert index.check().damages == []
    assert index.model("cpu").descriptor_dim == 32
    found = index.search(np.array(then["vectors"], np.float32), 3)
    assert [[Path(path).name for path in found.paths(row)] for row in range(12)] == then["paths"]
    np.testing.assert_allclose(found.similarity, then["similarity"], atol=1e-6)


def test_an_index_with_removed_and_unreadable_photos(saved: Path, expected: dict[str, Any]) -> None:
    index = beenhere.Index.open(saved / "lite.index")
    assert len(index) == expected["lite"]["len"] == 11
    assert index.allowed.sum() == 11 and len(index.photos) == 12
    assert list(index.unreadable.values()) == expected["lite"]["unreadable"]
    assert index.check().damages == []


@pytest.mark.parametrize("kind", ["pq", "ivf", "hnsw", "int8", "binary"])
def test_search_structures(saved: Path, expected: dict[str, Any], kind: str) -> None:
    index = beenhere.Index.open(saved / f"{kind}.index")
    queries = np.load(saved / "vectors_queries.npy")
    exact, found = index.search(queries, 3, exact=True), index.search(queries, 3)
    assert exact.rows.tolist() == expected[kind]["rows"]
    assert found.rows.tolist() == expected[kind]["found"]
    np.testing.assert_allclose(found.similarity, expected[kind]["similarity"], atol=1e-6)


def test_a_calibrated_index_answers_as_it_did(saved: Path, expected: dict[str, Any]) -> None:
    index = beenhere.Index.open(saved / "calibrated.index")
    for number, then in enumerate(expected["calibrated"]):
        answer = index.locate(saved / "asked" / f"{number}.jpg")
        assert answer.known == then["known"] and answer.place is not None
        assert answer.probability == pytest.approx(then["probability"], abs=1e-3)
        assert answer.threshold == pytest.approx(then["threshold"])
        assert (answer.place.lat, answer.place.lon) == pytest.approx((then["lat"], then["lon"]))


def test_an_index_takes_more_photos(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved / "kept.index", tmp_path / "x.index")
    write_town(tmp_path / "town", places=2)
    index = beenhere.Index.open(tmp_path / "x.index")
    index.add(tmp_path / "town" / "train")
    assert len(index) == 20 and index.check().damages == []


def test_a_checkpoint_and_a_run(saved: Path) -> None:
    model = beenhere.load_model(saved / "run" / "checkpoints" / "best")
    assert model.fingerprint() == beenhere.load_model(saved / "run").fingerprint()
    results = json.loads((saved / "evaluation" / "results.json").read_text())
    assert model.fingerprint() == results["model"]["fingerprint"]
    config = config_yaml.load(TrainConfig, saved / "run" / "config.yaml")
    assert config.fit.epochs == 1


def test_a_run_goes_on(
    saved: Path, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(saved / "run", tmp_path / "run")
    write_town(tmp_path / "town")
    monkeypatch.chdir(tmp_path)
    config = config_yaml.load(TrainConfig, Path("run/config.yaml"), ["fit.epochs=2"])
    fit(config, Path("run"))
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["epoch"] == 2
    assert last["loss"] == pytest.approx(expected["resumed"]["loss"], rel=1e-3)
    assert last["validation"]["R@5"] == pytest.approx(
        expected["resumed"]["validation"]["R@5"], abs=10
    )


def test_an_evaluation_is_compared(saved: Path) -> None:
    pair = beenhere.compare(saved / "evaluation", saved / "evaluation")
    assert pair is not None
