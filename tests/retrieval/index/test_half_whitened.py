"""Half-whitening of an index: when it is learned without being asked for."""

from pathlib import Path

import numpy as np
import pytest
from tiny import at_name, write_photo

from beenhere.config.models import BackboneConfig, ModelConfig, PreprocessingConfig, SqrtCovConfig
from beenhere.models import VPRModel
from beenhere.retrieval.index import Index, editing


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(8):
        write_photo(folder / at_name(500_000 + 40 * number, 4_100_000), number)
    return folder


def second_order() -> VPRModel:
    config = ModelConfig(
        backbone=BackboneConfig(name="resnet10t", pretrained=False, crop=3),
        aggregator=SqrtCovConfig(out_dim=24),
        preprocessing=PreprocessingConfig(image_size=(32, 32)),
    )
    return VPRModel(config).eval()


def test_from_enough_photos_on_by_itself(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Index.build(photos, second_order(), tmp_path / "few.index")
    assert few.manifest.whitening is None
    monkeypatch.setattr(editing, "FEWEST_TO_WHITEN", 8)
    index = Index.build(photos, second_order(), tmp_path / "x.index", extract={"precision": "32"})
    learned = index.manifest.whitening
    assert learned is not None and learned.options.dim is None and learned.options.power == 0.5
    assert index.manifest.dim == index.manifest.model.dim == 24
    assert index.check().damages == []
    assert np.allclose(np.linalg.norm(index.segments[0].floats(0, 8), axis=1), 1, atol=1e-6)
    queries = index.describe(photos).vectors
    found = index.search(queries, 1)
    assert found.rows[:, 0].tolist() == list(range(8))
    assert np.allclose(found.similarity, 1, atol=1e-5)
    # The same call finds it done; others are told.
    assert len(Index.build(photos, index.model("cpu"), tmp_path / "x.index")) == 8


@pytest.mark.parametrize(("asked", "whitened"), [("half", True), ("none", False)])
def test_what_is_asked_for_is_done(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, whitened: bool
) -> None:
    monkeypatch.setattr(editing, "FEWEST_TO_WHITEN", 100 if whitened else 8)
    index = Index.build(photos, second_order(), tmp_path / "x.index", whitening=asked)
    assert (index.manifest.whitening is not None) == whitened
