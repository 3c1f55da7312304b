"""Known or not, how sure, how far off, and why; and the options that an index is asked with."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.locate.answer import Candidates, Match, Place
from beenhere.retrieval.locate.confidence import Confidence, evidence
from beenhere.retrieval.locate.decision import (
    LOCATE_OPTIONS,
    DecisionRule,
    check_as_calibrated,
    locate_options,
    verifies,
)
from beenhere.retrieval.locate.inlier_rule import InlierGap


def confidence(verified: bool = False, threshold: float = 0.7) -> dict[str, Any]:
    """Similarity decides; of verified matches inliers do."""
    feature, high = ("inliers", 6.0) if verified else ("similarity", 1.0)
    return {
        "verified": verified,
        "threshold": threshold,
        "intercept": -4.0,
        "terms": {feature: {"slope": 2.0 if verified else 8.0, "low": 0.0, "high": high}},
        "errors": {
            "slope": 1.0,
            "intercept": 0.5,
            "near": [0.5, 5.0, 12.0, 25.0],
            "far": [26.0, 500.0, 3000.0],
        },
        "level_known": 0.9,
        "level_unknown": 0.8,
        "fitted": {},
    }


def found(similarity: float, inliers: int | None = None) -> Candidates:
    one = Match("a.jpg", 1, similarity, 55.7, 13.2, None, None, inliers)
    two = Match("b.jpg", 2, 0.1, 55.8, 13.2, None, None, None if inliers is None else 0)
    places = Place(55.7, 13.2, 2.0, 0.7, (one,)), Place(55.8, 13.2, 0.0, 0.3, (two,))
    return Candidates((one, two), places, evidence(*places, (one, two)))


def rule(
    calibration: dict[str, Any] | None, verify: bool = False, threshold: float | None = None
) -> DecisionRule:
    config = LocateConfig(threshold=threshold)
    return DecisionRule.of(calibration, verify, config, "the index is empty")


def test_known_and_unknown_as_the_calibration_has_it() -> None:
    calibration = {"plain": confidence(), "verified": None, "fitted": {}}
    plain = Confidence.read(calibration["plain"])
    for similarity, known in ((0.9, True), (0.55, False)):
        candidates = found(similarity)
        location = rule(calibration).location("q.jpg", candidates)
        features = evidence(candidates.places[0], candidates.places[1], candidates.matches)[None]
        assert location.probability == pytest.approx(plain.probability(features)[0])
        assert location.radius == pytest.approx(plain.radius(features)[0])
        assert (location.query, location.known, location.threshold) == ("q.jpg", known, 0.7)
        assert (location.place, location.runner_up) == candidates.places
        assert (location.reason is None) == known
    assert location.reason == "the probability is 0.599, below the threshold of 0.700"


def test_another_threshold() -> None:
    calibration = {"plain": confidence()}
    assert rule(calibration, threshold=0.5).location("q", found(0.55)).known
    location = rule(calibration, threshold=0.99).location("q", found(0.9))
    assert not location.known and location.threshold == 0.99
    for calibrated, verify in (
        (None, False),
        (None, True),
        ({"verified": confidence(True)}, False),
    ):
        with pytest.raises(ConfigError, match=r"threshold is 0\.5.* not calibrated"):
            rule(calibrated, verify, 0.5)


def test_verified_matches_have_their_own_calibration() -> None:
    calibration = {"plain": confidence(), "verified": confidence(True, 0.9)}
    verified = rule(calibration, verify=True).location("q", found(0.2, 80))
    assert verified.known and verified.threshold == 0.9
    # Where no photo of the index can be read any more, similarity is what is left.
    plain = rule(calibration, verify=True).location("q", found(0.9))
    assert plain.known and plain.threshold == 0.7


def test_verified_matches_need_their_calibration() -> None:
    with pytest.raises(ConfigError, match="calibrate it by beenhere calibrate --verify"):
        rule({"plain": confidence()}, verify=True)
    location = rule({"verified": confidence(True)}, verify=True).location("q", found(0.9))
    assert not location.known and location.probability is None
    assert location.reason is not None and "no match can be verified" in location.reason


@pytest.mark.parametrize(
    ("inliers", "elsewhere", "status"),
    [(12, 2, "known"), (12, 3, "guess"), (11, 0, "guess"), (40, 31, "guess"), (8, 0, "guess")],
)
def test_without_calibration_the_gap_of_inliers_decides(
    inliers: int, elsewhere: int, status: str
) -> None:
    candidates = replace(found(0.9, inliers), gap=InlierGap(1, inliers, elsewhere))
    location = rule(None, verify=True).location("q", candidates)
    assert (location.status, location.gap) == (status, candidates.gap)
    assert location.place == candidates.places[0]
    said = f"its best match has {inliers} inliers, at most {elsewhere} elsewhere"
    assert (location.reason or said).startswith(said)
    # The place that is answered must be that of the match.
    other = replace(candidates, gap=InlierGap(2, inliers, elsewhere))
    assert rule(None, verify=True).location("q", other).status == "guess"


def test_without_calibration_similarity_alone_is_a_guess() -> None:
    location = rule(None).location("q", found(0.99))
    assert location.status == "guess" and not location.known
    assert location.reason is not None and "not calibrated" in location.reason


def test_matches_are_verified_unless_calibrated_without() -> None:
    assert verifies(None) and verifies({}) and verifies({"verified": confidence(True)})
    assert verifies({"plain": confidence(), "verified": confidence(True)})
    assert not verifies({"plain": confidence()})
    assert not verifies({"plain": confidence(), "verified": None})


def test_nothing_found() -> None:
    for calibration in (None, {"plain": confidence()}):
        location = rule(calibration).location("q", Candidates((), ()))
        assert not location.known and location.reason == "the index is empty"
        assert location.place is location.probability is location.radius is None


def test_a_frame_of_a_path() -> None:
    candidates = found(0.55)
    calibrated = rule({"plain": confidence()})
    location = calibrated.location_on_path("q", candidates, np.array([0.04, 0.95, 0.01]))
    assert location.known and location.probability == 0.95
    assert (location.runner_up, location.place) == candidates.places
    alone = calibrated.location("q", candidates)
    assert location.radius is not None and alone.radius is not None
    assert location.radius < 25 < alone.radius
    sure = calibrated.location_on_path("q", candidates, np.array([1.0, 0.0, 0.0]))
    assert sure.radius is not None and np.isfinite(sure.radius)
    lost = calibrated.location_on_path("q", candidates, np.array([0.1, 0.2, 0.7]))
    assert not lost.known and lost.probability == 0.2
    plain = rule(None).location_on_path("q", candidates, np.array([0.1, 0.2, 0.7]))
    assert plain.status == "guess" and plain.probability is None
    nothing = calibrated.location_on_path("q", Candidates((), ()), np.array([1.0]))
    assert not nothing.known and nothing.reason == "the index is empty"


def test_a_calibration_that_cannot_be_read() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        rule({"plain": {"verified": False}})


FITTED = LocateConfig.model_validate(
    {"matches": 7, "temperature": 0.2, "verification": {"matches": 3, "max_size": 320}}
)
CALIBRATION = {"plain": {}, LOCATE_OPTIONS: FITTED.evidence()}


def test_what_is_not_said_is_as_it_was_calibrated() -> None:
    before = copy.deepcopy(CALIBRATION)
    config = locate_options(CALIBRATION, {}, "options")
    assert config.evidence() == FITTED.evidence()
    said = {"radius": 30, "verification": {"max_size": 480}, "threshold": 0.9}
    config = locate_options(CALIBRATION, said, "options")
    assert (config.matches, config.radius, config.temperature) == (7, 30, 0.2)
    assert (config.verification.matches, config.verification.max_size) == (3, 480)
    assert config.threshold == 0.9
    assert before == CALIBRATION


@pytest.mark.parametrize("calibration", [None, {}, {"plain": {}}])
def test_without_a_calibration_the_defaults_hold(calibration: dict[str, object] | None) -> None:
    assert locate_options(calibration, {}, "options") == LocateConfig()
    check_as_calibrated(calibration, LocateConfig(matches=3), verify=True)


def test_other_features_are_taken_with_their_own_defaults() -> None:
    said = {"verification": {"features": "xfeat"}}
    config = locate_options(CALIBRATION, said, "options")
    assert config.verification.features.name == "xfeat"
    assert config.verification.features.ratio == 0.9 and config.verification.max_size == 320


def test_an_unknown_option_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"options of Index\.locate: 'match' is not an option"):
        locate_options(CALIBRATION, {"match": 3}, "options of Index.locate")


def test_evidence_must_be_as_it_was_fitted() -> None:
    check_as_calibrated(CALIBRATION, FITTED, verify=True)
    machine = {"cache_mib": 1, "workers": 2}
    of_here = FITTED.model_copy(
        update={"verification": FITTED.verification.model_copy(update=machine), "threshold": 0.1}
    )
    check_as_calibrated(CALIBRATION, of_here, verify=True)
    for name, value in (("matches", 8), ("radius", 30.0), ("temperature", 0.3)):
        other = FITTED.model_copy(update={name: value})
        fitted = FITTED.evidence()[name]
        for verify in (False, True):
            with pytest.raises(ConfigError) as error:
                check_as_calibrated(CALIBRATION, other, verify)
            said = f"{name} is {value}, but the index was calibrated with {fitted}: leave it out"
            assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_how_matches_are_verified_counts_where_they_are() -> None:
    other = locate_options(
        CALIBRATION, {"verification": {"features": {"name": "sift", "ratio": 0.7}}}, "options"
    )
    check_as_calibrated(CALIBRATION, other, verify=False)
    said = r"^verification\.features\.ratio is 0\.7, but the index was calibrated with 0\.8"
    with pytest.raises(ConfigError, match=said):
        check_as_calibrated(CALIBRATION, other, verify=True)
