"""What an index keeps of its calibration, and what answers make of it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from streets import street_model, write_streets

from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError, DataError
from beenhere.evaluation.calibration.calibrate_index import IndexCalibration, calibrate_index
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index

CONFIG = CalibrateConfig(folds=3, resamples=100)
LOCATE = LocateConfig.model_validate({"matches": 10, "verification": {"matches": 2}})


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_streets(tmp_path_factory.mktemp("streets"))
    Index.build(root / "map", street_model(), root / "x.index", extract={"precision": "32"})
    return root


@pytest.fixture(scope="module")
def fitted(streets: Path) -> IndexCalibration:
    queries, outside = (read_photos(streets / name) for name in ("queries", "elsewhere"))
    index = Index.open(streets / "x.index")
    return calibrate_index(index, queries, outside, True, CONFIG, LOCATE)


@pytest.fixture
def index(streets: Path, fitted: IndexCalibration) -> Index:
    """Calibrated by another process, for all it knows."""
    return Index.open(streets / "x.index")


def test_the_index_keeps_what_was_fitted(index: Index, fitted: IndexCalibration) -> None:
    kept = index.calibration
    assert kept == fitted.values()
    assert kept["locate"]["matches"] == 10 and kept["locate"]["verification"]["matches"] == 2
    assert "from their names" in kept["fitted"]["queries"]
    assert kept["fitted"]["options"]["resamples"] == 100
    # Threads and memory are the machine's, not the evidence's.
    assert not {"workers", "cache_mib"} & set(kept["locate"]["verification"])
    for way in ("plain", "verified"):
        assert fitted.asked[way].given_outside == 6 and fitted.asked[way].hidden == 60
        assert fitted.asked[way].labelled.verified == (way == "verified")


@pytest.mark.parametrize("verify", [False, True])
def test_answers_carry_the_probability_and_the_radius(
    index: Index, streets: Path, fitted: IndexCalibration, verify: bool
) -> None:
    way = "verified" if verify else "plain"
    confidence, labelled = fitted.calibrations[way].confidence, fitted.asked[way].labelled
    paths = read_photos(streets / "queries").paths[:10]
    answers = index.locate_many(paths, verify=verify).locations
    for row, answer in enumerate(answers):
        assert answer is not None and answer.probability is not None
        features = labelled.features[row : row + 1]
        assert answer.probability == pytest.approx(confidence.probability(features)[0], abs=1e-6)
        assert answer.radius == pytest.approx(confidence.radius(features)[0], abs=1e-3)
        assert answer.threshold == confidence.threshold
        assert answer.known == (answer.probability >= confidence.threshold)
        assert len(answer.matches) == 10
    elsewhere = read_photos(streets / "elsewhere").paths
    assert not any(
        answer.known for answer in index.locate_many(elsewhere, verify=verify).locations if answer
    )


def test_another_threshold_decides(index: Index, streets: Path) -> None:
    query = read_photos(streets / "queries").paths[0]
    found = index.locate(query)
    assert found.probability is not None
    above = index.locate(query, threshold=min(1.0, found.probability + 1e-3))
    assert not above.known and above.probability == found.probability
    assert index.locate(query, threshold=found.probability - 1e-3).known


def test_other_evidence_than_it_was_calibrated_for_is_refused(index: Index, streets: Path) -> None:
    query = read_photos(streets / "queries").paths[0]
    with pytest.raises(ConfigError, match=r"^matches is 5, but the index .* with 10: "):
        index.locate(query, matches=5)
    other = {"verification": {"max_features": 500}}
    # How matches are verified decides nothing where none is.
    plain = index.locate(query, verify=False)
    assert index.locate(query, verify=False, **other) == plain
    with pytest.raises(ConfigError, match=r"^verification\.max_features is 500, but .* with 1000"):
        index.locate(query, **other)
    verified = index.locate(query, verification={"workers": 1})
    assert verified.probability is not None and verified.matches[0].inliers is not None


def test_what_cannot_be_fitted_leaves_the_old_calibration(index: Index, streets: Path) -> None:
    before = index.calibration
    few = read_photos(streets / "queries").rows(np.arange(0, 48, 6))
    few.unusable.append(("broken.jpg", "no photo"))
    elsewhere = read_photos(streets / "elsewhere")
    far = few.frame.head(3).with_columns(lat=0.0, lon=0.0, easting=None, northing=None, zone=None)
    mixed = PhotoTable.from_columns(pl.concat([few.frame, far]).to_dict(), few.unusable)
    with pytest.raises(DataError) as refused:
        calibrate_index(index, mixed, elsewhere, False, CONFIG, LOCATE)
    assert str(refused.value) == (
        "8 queries from inside the map; expected 10 or more to calibrate: give more photos whose "
        f"position is known; 12 queries were given, {len(elsewhere)} photos from elsewhere: 3 "
        "outside the map (no photo of it within 25 m), 1 left out (no photo: 1)"
    )
    # Each photo of the index shows a wall of its own: without itself it is not found.
    with pytest.raises(DataError, match="of 120 answers are right; expected 5 or more: take a be"):
        calibrate_index(index, None, None, False, CONFIG, LOCATE)
    assert Index.open(index.path).calibration == before
