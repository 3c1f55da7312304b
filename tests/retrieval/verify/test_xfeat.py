from pathlib import Path

import numpy as np
import pytest
import torch
from facade import facade, seen_from, write_jpeg

from beenhere.config.retrieval import VerifyConfig
from beenhere.retrieval.verify import Verifier, reranked


@pytest.fixture(scope="module")
def checker() -> Verifier:
    return Verifier(VerifyConfig.model_validate({"features": "xfeat", "max_features": 500}))


def test_photos_of_the_same_wall_come_first(checker: Verifier, tmp_path: Path) -> None:
    photos = [facade(1), facade(2), seen_from(facade(0), 0.4)]
    paths = [write_jpeg(tmp_path / f"{n}.jpg", photo) for n, photo in enumerate(photos)]
    inliers = checker.inliers(facade(0), paths)
    assert reranked(inliers) == [2, 0, 1]
    assert inliers[2] is not None and inliers[2] >= 50


def test_features_lie_in_the_photo_and_have_length_one(checker: Verifier) -> None:
    features = checker.features(facade(0, (200, 333)))
    assert 100 <= len(features) <= 500
    assert (features.points >= 0).all()
    assert (features.points < [333, 200]).all()
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (240, 320)])
def test_photos_without_texture_have_no_features(checker: Verifier, size: tuple[int, int]) -> None:
    features = checker.features(np.full((*size, 3), 128, np.uint8))
    assert features.points.shape == (0, 2)
    assert features.descriptors.shape == (0, 64)


def test_it_downloads_nothing_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    Verifier(VerifyConfig.model_validate({"features": "xfeat"})).features(facade(0))
    assert capfd.readouterr() == ("", "")
