"""A calibration keeps its word on queries that nobody has seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from simulated_evidence import simulate
from sklearn.linear_model import LogisticRegression

from beenhere.config.evaluation import CalibrateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration import calibration
from beenhere.evaluation.calibration.calibration import fit_calibration
from beenhere.evaluation.calibration.confidence_fit import fit_confidence, fit_model
from beenhere.evaluation.calibration.held_out import HeldOutAnswers, exact_share, measure
from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence, folds, mix_weights
from beenhere.photos.reference import REFERENCES, Kind
from beenhere.retrieval.locate.confidence import FEATURES, Confidence

CONFIG = CalibrateConfig(resamples=100)


def truth(confidence: Confidence, fresh: LabelledEvidence) -> dict[str, float]:
    """What a confidence does on many new queries."""
    p, inside = confidence.probability(fresh.features), ~fresh.outside
    known = (p >= confidence.threshold) & inside
    held = fresh.error_m <= confidence.radius(fresh.features)
    parts = np.array_split(np.argsort(p), 10)
    return {
        "error": np.mean([abs(p[one].mean() - fresh.right[one].mean()) for one in parts]),
        "outside": (p >= confidence.threshold)[fresh.outside].mean(),
        "held": held[inside].mean(),
        "held_known": held[known].mean(),
        "answered": known.sum() / inside.sum(),
    }


def elsewhere(labelled: LabelledEvidence, by: Kind) -> LabelledEvidence:
    """The same on a plan, or in frames: near answers are nearer, far ones lie on another map."""
    near = labelled.error_m / 5
    if by != "xy":
        near = np.round(labelled.error_m / 12.5) if by == "frame" else np.zeros(len(labelled))
    error = np.where(labelled.right, near, np.inf)
    return replace(labelled, error_m=error, by=by, within=REFERENCES[by].radius)


@pytest.mark.parametrize("by", ["xy", "frame", "place"])
def test_radii_hold_where_wrong_answers_lie_on_other_maps(by: Kind) -> None:
    config = CalibrateConfig(resamples=100, outside_accepted=0.6)
    seen, fresh = simulate(600, 1, located=0.7), simulate(4000, 999, streets=800, located=0.7)
    seen, fresh = elsewhere(seen, by), elsewhere(fresh, by)
    fitted = fit_calibration(seen, config)
    confidence, found = fitted.confidence, truth(fitted.confidence, fresh)
    assert found["error"] < 0.05 and found["held"] > 0.87
    radius = confidence.radius(fresh.features)
    endless = np.isinf(radius)
    # All wrong ones are out of reach: a radius that is one holds right answers alone.
    assert endless.any() and (by == "place" or radius[~endless].max() <= seen.within)
    assert any("have no radius" in note for note in fitted.notes) == (by == "xy")
    json.dumps(fitted.held_out.values(), allow_nan=False)


@pytest.mark.parametrize("verified", [False, True])
def test_bounds_hold_on_new_queries(verified: bool) -> None:
    fresh = simulate(4000, 999, streets=800, verified=verified)
    seen = [
        truth(fit_confidence(simulate(200, seed, verified=verified), CONFIG), fresh)
        for seed in range(8)
    ]
    mean = {name: np.mean([one[name] for one in seen]) for name in seen[0]}
    assert mean["error"] < 0.03
    assert mean["outside"] < 0.02 and max(one["outside"] for one in seen) < 0.04
    assert 0.86 < mean["held"] < 0.94
    assert 0.86 < mean["held_known"] < 0.95
    assert mean["answered"] > (0.4 if verified else 0.15)


def test_held_out_figures_are_what_new_queries_show() -> None:
    fitted = fit_calibration(simulate(600, 3), CONFIG)
    figures, real = fitted.held_out, truth(fitted.confidence, simulate(6000, 998, streets=900))
    assert figures.expected_calibration_error == pytest.approx(real["error"], abs=0.025)
    assert figures.answered.value == pytest.approx(real["answered"], abs=0.06)
    assert figures.held.value == pytest.approx(real["held"], abs=0.04)
    assert figures.outside_accepted.low <= real["outside"] <= figures.outside_accepted.high
    for share in (figures.area, figures.answered, figures.precision, figures.recall):
        assert share.low <= share.value <= share.high
    assert (figures.inside, figures.outside, figures.streets) == (600, 600, 40)


def test_no_street_stands_on_both_sides() -> None:
    labelled = simulate(300, 0)
    out = []
    for fitted, held in folds(labelled, 10):
        assert not set(labelled.groups[fitted]) & set(labelled.groups[held])
        assert sorted([*fitted, *held]) == list(range(600))
        out += held.tolist()
    assert sorted(out) == list(range(600))


def test_what_is_known_of_a_street_tells_nothing_where_it_is_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors of one street are exchanged; no answer that is measured there may change."""
    labelled = simulate(200, 5)
    street = labelled.groups == labelled.groups[0]
    changed = labelled.error_m.copy()
    changed[street] = np.where(labelled.outside[street], np.inf, 3.0)
    seen: list[HeldOutAnswers] = []
    monkeypatch.setattr(
        calibration, "measure", lambda held, config: seen.append(held) or measure(held, config)
    )
    # The parts are drawn by what is right: here they stay as they are.
    parts = list(folds(labelled, 10))
    monkeypatch.setattr(calibration, "folds", lambda *_: iter(parts))
    for error in (labelled.error_m, changed):
        fit_calibration(
            LabelledEvidence(labelled.features, error, labelled.outside, labelled.groups), CONFIG
        )
    together = next(held for _, held in parts if street[held[0]] or street[held].any())
    for name in ("probability", "known", "radius"):
        first, second = (getattr(one, name) for one in seen)
        np.testing.assert_array_equal(first[together], second[together])
        assert (first != second).any() or name == "known"


def test_model_is_the_weighted_logistic_regression_of_scikit_learn() -> None:
    labelled = simulate(300, 1)
    values = labelled.features[:, :4].copy()
    values[:, 3] = np.log1p(values[:, 3] / 10)
    scale = values.std(axis=0)
    weights = np.where(labelled.outside, 0.3 * 600 / 300, 0.7 * 600 / 300)
    expected = LogisticRegression(max_iter=1000).fit(
        (values - values.mean(axis=0)) / scale, labelled.right, weights
    )
    model = fit_model(labelled, 0.3).probability
    assert [term.feature for term in model.terms] == list(FEATURES[:4])
    np.testing.assert_allclose(
        [term.slope for term in model.terms], expected.coef_[0] / scale, rtol=1e-6
    )
    p = expected.predict_proba((values - values.mean(axis=0)) / scale)[:, 1]
    logit = model.logit(labelled.features)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), p, rtol=1e-6)


def test_a_feature_that_speaks_the_wrong_way_is_left_out() -> None:
    labelled = simulate(300, 1)
    features = labelled.features.copy()
    features[:, 0] *= -1
    turned = fit_model(
        LabelledEvidence(features, labelled.error_m, labelled.outside, labelled.groups), 0.5
    )
    names = [term.feature for term in turned.probability.terms]
    assert "similarity" not in names and "margin" in names
    assert all(t.slope >= 0 for t in turned.probability.terms if t.feature != "spread")


def test_mix_decides_what_a_probability_means() -> None:
    labelled = simulate(400, 2)
    means = []
    for share in (0.0, 0.5, 0.9):
        confidence = fit_confidence(labelled, CONFIG.model_copy(update={"outside_share": share}))
        p = confidence.probability(labelled.features)
        weights = mix_weights(labelled.outside, share)
        mean = np.average(p, weights=weights)
        assert mean == pytest.approx(np.average(labelled.right, weights=weights), abs=0.01)
        means.append(np.mean(p[~labelled.outside]))
    assert means[0] > means[1] > means[2]


def test_figures_by_counting() -> None:
    rng = np.random.default_rng(0)
    n = 90
    outside = np.arange(n) >= 60
    error = np.where(outside, np.inf, rng.exponential(40, n))
    features = np.column_stack([np.zeros((n, 4)), np.full((n, 2), np.nan)])
    labelled = LabelledEvidence(features, error, outside, np.arange(n) // 9)
    held = HeldOutAnswers(labelled, rng.random(n), rng.random(n) < 0.4, rng.exponential(60, n))
    figures = measure(held, CalibrateConfig(outside_share=0.2, resamples=100))
    right = [error[i] <= 25 for i in range(n)]
    mass = [0.2 / 30 if outside[i] else 0.8 / 60 for i in range(n)]
    known = [i for i in range(n) if held.known[i]]
    accepted = [i for i in known if outside[i]]
    inside = [i for i in known if not outside[i]]
    assert figures.outside_accepted.value == pytest.approx(len(accepted) / 30)
    assert (figures.outside_accepted.count, figures.outside_accepted.of) == (len(accepted), 30)
    assert figures.answered.value == pytest.approx(len(inside) / 60)
    assert figures.recall.value == pytest.approx(sum(right[i] for i in known) / 60)
    assert figures.precision.value == pytest.approx(
        sum(mass[i] for i in known if right[i]) / sum(mass[i] for i in known)
    )
    within = [i for i in inside if error[i] <= held.radius[i]]
    assert figures.held_known.value == pytest.approx(len(within) / len(inside))
    assert figures.radius_known == np.median(held.radius[inside])
    assert figures.values()["located"] == sum(right)


def test_exact_share_of_nothing_and_of_all() -> None:
    assert np.isnan(exact_share(np.empty(0, bool), 0.95).value)
    share = exact_share(np.zeros(150, bool), 0.95)
    assert share.low == 0 and share.high == pytest.approx(1 - 0.025 ** (1 / 150))
    assert exact_share(np.ones(7, bool), 0.95).high == 1


def test_nothing_known_is_no_error() -> None:
    labelled = simulate(100, 0)
    blind = np.random.default_rng(0).normal(size=(200, 6))
    blind[:, 3] = np.abs(blind[:, 3])
    blind[:, 4:] = np.nan
    fitted = fit_calibration(replace(labelled, features=blind), CONFIG)
    assert fitted.held_out.answered.value < 0.05
    assert np.isfinite(fitted.confidence.radius(blind)).all()


def test_notes_say_what_queries_are_too_few_for() -> None:
    labelled = simulate(120, 0)
    few = fit_calibration(labelled, CONFIG)
    assert any("120 queries from outside" in note and "149 would do" in note for note in few.notes)
    assert few.confidence.fitted["outside_bounded"] is False
    inside = fit_calibration(labelled[~labelled.outside], CONFIG)
    assert any("no query from outside" in note for note in inside.notes)
    assert inside.confidence.threshold == 0.5
    assert inside.confidence.fitted["outside_share"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one[np.arange(9)], "9 queries from inside"),
        (lambda one: one[~one.right], "0 of 230 answers are right"),
        (lambda one: replace(one, groups=np.arange(300) % 2), "on 2 streets"),
        (lambda one: one[one.right], "0 of 70 answers are wrong"),
    ],
)
def test_too_little_is_refused_in_one_line(change, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as error:
        fit_calibration(change(simulate(150, 1)), CONFIG)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"groups": np.zeros(3, np.int64)}, "expected (n, 6)"),
        ({"error_m": np.full(100, -1.0)}, "negative"),
        ({"error_m": np.zeros(100)}, "finite error"),
    ],
)
def test_evidence_is_checked(broken: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DataError) as error:
        replace(simulate(50, 0), **broken)
    assert said in str(error.value)


def test_evidence_verified_in_parts_is_refused() -> None:
    features = simulate(50, 0, verified=True).features.copy()
    features[7, 4:] = np.nan
    with pytest.raises(DataError, match="inliers of 1 of 100 queries"):
        replace(simulate(50, 0), features=features)
