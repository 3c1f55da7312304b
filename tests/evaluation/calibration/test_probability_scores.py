"""Calibration error and precision-recall, against naive loops and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve
from sklearn.metrics import log_loss as sklearn_log_loss

from beenhere.evaluation.calibration import probability_scores as scores


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 1.2, n).round(2)  # with ties
    outside = rng.random(n) < 0.3
    right = (rng.random(n) < p) & ~outside
    return p, right, outside, np.where(outside, 0.5 / outside.sum(), 0.5 / (~outside).sum())


def test_calibration_error_is_the_mean_gap_of_equal_bins() -> None:
    p, right, _, _ = drawn(200)
    order = np.argsort(p, kind="stable")
    gaps = []
    for start in range(0, 200, 20):
        members = order[start : start + 20]
        gaps.append(abs(sum(p[members]) / 20 - sum(right[members]) / 20) / 10)
    diagram = scores.reliability(p, right, np.ones(200), 10)
    assert diagram.error == pytest.approx(sum(gaps), rel=1e-12)
    assert len(diagram.weight) == 10 and diagram.weight.sum() == pytest.approx(1)


def test_bins_hold_equal_weight_where_queries_do_not() -> None:
    p, right, _, weight = drawn(3000)
    diagram = scores.reliability(p, right, weight, 8)
    np.testing.assert_allclose(diagram.weight, 1 / 8, atol=2 * weight.max())
    mean = np.average(p, weights=weight)
    assert diagram.weight @ diagram.probability == pytest.approx(mean)
    assert len(scores.reliability(p[:3], right[:3], weight[:3], 8).weight) <= 3


def test_true_probabilities_err_as_much_as_chance_says() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 1, 300)
    weight = np.ones(300)
    seen = [scores.reliability(p, rng.random(300) < p, weight, 10).error for _ in range(400)]
    said = scores.error_if_perfect(p, weight, 10, 400, 0)
    assert np.mean(seen) == pytest.approx(said.mean(), abs=0.003)
    assert (np.array(seen) <= np.quantile(said, 0.95)).mean() == pytest.approx(0.95, abs=0.04)


def test_scores_are_those_of_scikit_learn() -> None:
    p, right, _, weight = drawn(500)
    p = p.clip(0.01, 0.99)
    assert scores.brier(p, right, weight) == pytest.approx(
        brier_score_loss(right, p, sample_weight=weight)
    )
    assert scores.log_loss(p, right, weight) == pytest.approx(
        sklearn_log_loss(right, p, sample_weight=weight)
    )
    assert np.isfinite(scores.log_loss(np.array([0.0]), np.array([True]), np.ones(1)))


def test_precision_and_recall_at_each_threshold_by_counting() -> None:
    p, right, outside, weight = drawn(150)
    curve = scores.precision_recall(p, right, outside, weight)
    assert curve.threshold.tolist() == sorted(set(p.tolist()), reverse=True)
    for i, threshold in enumerate(curve.threshold):
        accepted = [j for j in range(150) if p[j] >= threshold]
        mass = sum(weight[j] for j in accepted)
        inside = sum(weight[j] for j in range(150) if not outside[j])
        found = sum(weight[j] for j in accepted if right[j])
        answered = sum(weight[j] for j in accepted if not outside[j])
        assert curve.precision[i] == pytest.approx(found / mass)
        assert curve.recall[i] == pytest.approx(found / inside)
        assert curve.answered[i] == pytest.approx(answered / inside)


def test_area_is_average_precision_times_the_share_that_is_located() -> None:
    p, right, _, _ = drawn(400)
    inside = np.zeros(400, bool)
    curve = scores.precision_recall(p, right, inside, np.ones(400))
    assert curve.area == pytest.approx(average_precision_score(right, p) * right.mean())
    precision, recall, _ = precision_recall_curve(right, p)
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1] * right.mean())


def test_answered_at_a_precision_is_the_most_that_any_threshold_gives() -> None:
    p, right, outside, weight = drawn(300, 3)
    curve = scores.precision_recall(p, right, outside, weight)
    for wanted in (0.5, 0.9, 0.99):
        best = 0.0
        for precision, answered in zip(curve.precision, curve.answered, strict=True):
            if precision >= wanted:
                best = max(best, answered)
        assert curve.answered_at(wanted) == best
    assert curve.answered_at(1.01) == 0


def naive_sure_threshold(
    probability: np.ndarray, right: np.ndarray, precision: float, confidence: float
) -> float:
    """Binomial tails summed up, answer by answer."""
    level = (1 - confidence) / scores.STARTS
    fewest = 1
    while precision**fewest > level:
        fewest += 1
    assert fewest == scores.fewest_answers(precision, confidence)
    found = math.nan
    for start in (fewest, 2 * fewest, 4 * fewest):
        for threshold in sorted(set(probability.tolist()), reverse=True):
            answered = probability >= threshold
            n, hits = int(answered.sum()), int((answered & right).sum())
            if n < start:
                continue
            # How likely so many right answers are, if no more than the precision were.
            chance = sum(
                math.comb(n, k) * precision**k * (1 - precision) ** (n - k)
                for k in range(hits, n + 1)
            )
            if chance > level:
                break
            found = min(threshold, found) if found == found else threshold
    return found


@pytest.mark.parametrize("precision", [0.7, 0.9])
def test_sure_threshold_by_counting(precision: float) -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.beta(4, 1, 300).round(2)
        right = rng.random(300) < p
        sure = scores.sure_threshold(p, right, np.ones(300), precision, 0.95)
        np.testing.assert_equal(sure, naive_sure_threshold(p, right, precision, 0.95))
        np.testing.assert_equal(
            scores.sure_threshold(p, right, np.full(300, 0.2), precision, 0.95), sure
        )
        found.append(sure)
    assert np.isfinite(found).sum() > 5


def test_what_is_promised_holds_and_the_best_threshold_does_not() -> None:
    broken, luck, repeats = 0, 0, 300
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        p = rng.beta(6, 0.6, 400)
        right = rng.random(400) < p
        inside, one = np.zeros(400, bool), np.ones(400)
        sure = scores.sure_threshold(p, right, one, 0.95, 0.9)
        curve = scores.precision_recall(p, right, inside, one)
        best = curve.threshold[np.flatnonzero(curve.precision >= 0.95)[-1:]]
        everybody = rng.beta(6, 0.6, 20_000)
        # NaN keeps every promise: it answers nothing.
        broken += bool(everybody[everybody >= sure].sum() < 0.95 * (everybody >= sure).sum())
        luck += any(everybody[everybody >= t].mean() < 0.95 for t in best)
    assert broken <= 0.1 * repeats and luck > 0.3 * repeats


def test_few_answers_promise_nothing() -> None:
    p, right = np.linspace(0.9, 1, 79), np.ones(79, bool)
    assert scores.fewest_answers(0.95, 0.95) == 80
    assert np.isnan(scores.sure_threshold(p, right, np.ones(79), 0.95, 0.95))
    more = np.append(p, 0.8)
    assert scores.sure_threshold(more, np.ones(80, bool), np.ones(80), 0.95, 0.95) == 0.8
    # Of unequal weights fewer count.
    assert np.isnan(scores.sure_threshold(more, np.ones(80, bool), more, 0.95, 0.95))
    assert np.isnan(scores.sure_threshold(p, ~right, np.ones(79), 0.5, 0.95))
