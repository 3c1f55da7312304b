"""A calibration applied: evidence, probabilities, radii, and the values that an index keeps."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import yaml

from beenhere.errors import DataError
from beenhere.retrieval.locate.answer import Match, Place
from beenhere.retrieval.locate.confidence import (
    FEATURES,
    Confidence,
    ErrorModel,
    ProbabilityModel,
    Term,
    evidence,
)

ERRORS = ErrorModel(1.3, 0.7, (0.0, 4.0, 9.0, 24.0), (30.0, 200.0, 1500.0))
TERMS = (
    Term("similarity", 4.1, 0.1, 0.9),
    Term("share", 1 / 3, 0.0, 1.0),
    Term("spread", -0.2, 0.0, 2.0),
    Term("inliers", 0.9, 0.0, 6.0),
    Term("inlier_margin", 0.3, -3.0, 6.0),
)


def confidence(**changed: Any) -> Confidence:
    values: dict[str, Any] = {
        "verified": True,
        "threshold": 0.7,
        "model": ProbabilityModel(-4.7, TERMS),
        "errors": ERRORS,
        "level_known": 0.91,
        "level_unknown": 0.8,
        "fitted": {"inside": 150, "promised": False},
    }
    return Confidence(**values | changed)


@pytest.mark.parametrize("level", [0.5, 0.75, 0.8, 0.9, 1.0])
def test_answers_on_another_map_are_infinitely_far_off(level: float) -> None:
    """Half of the wrong ones are: a radius that would have to hold more than the others is none."""
    errors = ErrorModel(0.0, math.log(0.7 / 0.3), (0.0, 2.0), (5.0, 45.0), "xy", 5.0, 0.5)
    logit = np.zeros(1)
    if level <= 0.7:
        expected = max(level / 0.7 * 2, 0.1)
    else:
        among_wrong = (level - 0.7) / 0.3
        expected = 5 + 40 * among_wrong / 0.5 if among_wrong <= 0.5 else math.inf
    radius = errors.quantile(logit, np.array([level]))[0]
    assert radius == pytest.approx(expected)
    if math.isfinite(radius):
        assert errors.level(logit, np.array([radius]))[0] == pytest.approx(level)
    assert errors.level(logit, np.array([np.inf]))[0] == 1
    kept = confidence(errors=errors).values()
    assert Confidence.read(yaml.safe_load(yaml.safe_dump(kept))).errors == errors


def test_radii_of_frames_are_whole() -> None:
    errors = ErrorModel(1.0, 0.0, (0.0, 1e-6, 1.0, 1 + 1e-6, 2.0), (3.0, 90.0), "frame", 2.0)
    logit, level = np.full(9, 1.5), np.linspace(0, 1, 9)
    radius = errors.quantile(logit, level)
    assert radius.tolist() == np.round(radius).tolist() and radius.min() == 1
    exact = ErrorModel(1.0, 0.0, errors.near, errors.far, "xy", 2.0).quantile(logit, level)
    assert ((radius >= exact - 1e-3) & (radius < np.maximum(exact, 1) + 1)).all()


def features(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack(
        [
            rng.uniform(-1, 1, n),
            rng.uniform(-0.2, 0.5, n),
            rng.uniform(0.01, 1, n),
            rng.exponential(10, n),
            rng.integers(0, 300, n),
            rng.integers(-50, 300, n),
        ],
        axis=1,
    )


def test_probability_is_the_logistic_formula() -> None:
    for row in features(200):
        similarity, _, share, spread, inliers, margin = row
        logit = -4.7
        logit += 4.1 * min(max(similarity, 0.1), 0.9)
        logit += share / 3
        logit -= 0.2 * min(np.log1p(spread / 10), 2)
        logit += 0.9 * min(np.log1p(inliers), 6)
        logit += 0.3 * min(max(np.sign(margin) * np.log1p(abs(margin)), -3), 6)
        expected = 1 / (1 + np.exp(-logit))
        assert confidence().probability(row[None])[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["similarity", "share", "inliers", "inlier_margin"])
def test_more_of_a_feature_never_lowers_the_probability(name: str) -> None:
    rows = features(300)
    more = rows.copy()
    more[:, FEATURES.index(name)] += np.random.default_rng(1).exponential(0.3, 300)
    assert (confidence().probability(more) >= confidence().probability(rows)).all()


@pytest.mark.parametrize("known", [0.91, 1.0])
def test_radius_is_finite_and_above_zero(known: float) -> None:
    radius = confidence(level_known=known).radius(features(500))
    assert np.isfinite(radius).all()
    assert (radius >= 1).all() and radius.max() <= 1500


def test_level_of_known_places_begins_at_the_threshold() -> None:
    one = confidence()
    rows = features(400)
    logit = one.model.logit(rows)
    known = one.probability(rows) >= 0.7
    assert known.any() and not known.all()
    expected = np.where(
        known,
        ERRORS.quantile(logit, np.full(400, 0.91)),
        ERRORS.quantile(logit, np.full(400, 0.8)),
    )
    np.testing.assert_array_equal(one.radius(rows), expected)


def test_quantile_holds_its_share_of_drawn_errors() -> None:
    rng = np.random.default_rng(0)
    n = 40_000
    for logit, level in [(3.0, 0.5), (3.0, 0.99), (0.0, 0.9), (-2.0, 0.3)]:
        inside = 1 / (1 + np.exp(-(1.3 * logit + 0.7)))
        near = np.interp(rng.random(n), np.linspace(0, 1, 4), ERRORS.near)
        far = np.interp(rng.random(n), np.linspace(0, 1, 3), ERRORS.far)
        error = np.where(rng.random(n) < inside, near, far)
        radius = ERRORS.quantile(np.array([logit]), np.array([level]))[0]
        assert (error <= radius).mean() == pytest.approx(level, abs=0.01)


def test_level_undoes_the_quantile() -> None:
    rng = np.random.default_rng(0)
    logit, level = rng.normal(0, 3, 500), rng.uniform(0.05, 1, 500)
    metres = ERRORS.quantile(logit, level)
    there = metres > 1
    np.testing.assert_allclose(ERRORS.level(logit, metres)[there], level[there], atol=1e-12)


def test_values_come_back_from_yaml_to_the_last_bit() -> None:
    rng = np.random.default_rng(2)
    one = confidence(
        threshold=float(rng.random()),
        errors=ErrorModel(float(rng.random()), -1e-17, (0.1 + 0.2, 7.0), (1e22,)),
    )
    assert Confidence.read(yaml.safe_load(yaml.safe_dump(one.values()))) == one


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("threshold", None, "threshold"),
        ("threshold", 1.5, "threshold is 1.5; expected a number from 0 to 1"),
        ("intercept", float("nan"), "intercept is nan"),
        ("terms", {"colour": {"slope": 1, "low": 0, "high": 1}}, "'colour'"),
        ("terms", {"share": {"slope": 1, "low": 2, "high": 1}}, "high is 1"),
        ("errors.near", [3.0, 2.0], "near holds 2 numbers"),
        ("errors.far", [], "far holds 0 numbers"),
        ("errors.slope", -1.0, "slope is -1"),
        ("errors", 3, "subscriptable"),
        ("terms", None, "items"),
    ],
)
def test_broken_values_are_refused_in_one_line(path: str, value: Any, said: str) -> None:
    values = confidence().values()
    part = values
    *above, last = path.split(".")
    for name in above:
        part = part[name]
    part[last] = value
    with pytest.raises(DataError) as error:
        Confidence.read(values)
    message = str(error.value)
    assert said in message and "calibrate the index again" in message and "\n" not in message


def test_a_missing_value_is_named() -> None:
    values = confidence().values()
    del values["level_known"]
    with pytest.raises(DataError, match="'level_known' is missing"):
        Confidence.read(values)


def test_evidence_that_was_not_verified_is_refused() -> None:
    rows = features(3)
    rows[1, 4:] = np.nan
    with pytest.raises(DataError, match=r"inliers of 1 of 3 answers is not finite.*verify"):
        confidence().probability(rows)
    with pytest.raises(DataError, match=r"shape \(3, 5\); expected \(n, 6\)"):
        confidence().radius(rows[:, :5])


def test_what_is_applied_imports_neither_sklearn_nor_torch() -> None:
    code = (
        "import sys, beenhere.retrieval.locate.confidence\n"
        "print([name for name in ('sklearn', 'torch', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def match(rank: int, similarity: float, inliers: int | None = None) -> Match:
    return Match(f"{rank}.jpg", rank, similarity, 55.7, 13.2, None, None, inliers)


def place(*matches: Match, share: float = 0.5, spread: float = 4.0) -> Place:
    return Place(55.7, 13.2, spread, share, matches)


def test_every_feature() -> None:
    one, two, three, four = match(1, 0.9, 0), match(2, 0.8, 40), match(3, 0.7, 15), match(4, 0.6)
    got = evidence(place(two, four), place(three), [two, three, one, four])
    assert FEATURES == ("similarity", "margin", "share", "spread", "inliers", "inlier_margin")
    np.testing.assert_allclose(got, [0.8, 0.1, 0.5, 4.0, 40, 25])


def test_without_a_runner_up_the_other_matches_stand_against_it() -> None:
    # The other has no position, so it makes no place.
    one, two = match(1, 0.9, 30), match(2, 0.8, 10)
    np.testing.assert_allclose(evidence(place(two), None, [one, two])[[1, 5]], [-0.1, -20])


def test_where_all_matches_agree_the_lowest_stands_against_the_best() -> None:
    one, two = match(1, 0.9, 30), match(2, 0.8, 10)
    np.testing.assert_allclose(evidence(place(one, two), None, [one, two])[[1, 5]], [0.1, 30])


def test_inliers_are_nan_only_where_nothing_was_verified() -> None:
    one, two = match(1, 0.9), match(2, 0.8)
    assert all(math.isnan(value) for value in evidence(place(one), place(two), [one, two])[4:])
    verified = match(2, 0.8, 14)
    got = evidence(place(one), place(verified), [one, verified])
    assert got[4:].tolist() == [0, -14]
