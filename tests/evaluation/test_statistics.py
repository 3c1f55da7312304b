"""Intervals of a share, against resampling in a loop, closed forms and published values."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from beenhere.errors import DataError
from beenhere.evaluation.statistics import bootstrap_interval, mean_and_sd, wilson_interval


def hits(right: int, queries: int) -> np.ndarray:
    return np.arange(queries) < right


def test_bootstrap_equals_drawing_queries_in_a_loop() -> None:
    observed = hits(37, 80)
    rng = np.random.default_rng(1)
    shares = [rng.choice(observed, 80, replace=True).mean() for _ in range(20_000)]
    expected = np.quantile(shares, [0.05, 0.95])
    assert bootstrap_interval(observed, 0.9, 20_000, 0) == pytest.approx(expected, abs=1 / 80)


def test_bootstrap_repeats_with_its_seed() -> None:
    assert bootstrap_interval(hits(3, 9), 0.95, 500, 4) == bootstrap_interval(
        hits(3, 9), 0.95, 500, 4
    )


def test_bootstrap_is_wider_for_fewer_queries_and_more_confidence() -> None:
    def width(queries: int, confidence: float) -> float:
        low, high = bootstrap_interval(hits(queries // 2, queries), confidence, 4000, 0)
        return high - low

    assert width(20, 0.95) > width(200, 0.95) > width(200, 0.8)


def test_bootstrap_knows_no_doubt_where_every_query_is_alike() -> None:
    assert bootstrap_interval(hits(0, 5), 0.95, 200, 0) == (0.0, 0.0)
    assert bootstrap_interval(hits(5, 5), 0.95, 200, 0) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("right", "queries", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_values(right: int, queries: int, low: float, high: float) -> None:
    assert wilson_interval(hits(right, queries), 0.95) == pytest.approx((low, high), abs=5e-5)


def test_wilson_equals_statsmodels() -> None:
    for right, queries, confidence in [(0, 9, 0.9), (9, 9, 0.99), (306, 1000, 0.95), (1, 3, 0.5)]:
        expected = proportion_confint(right, queries, alpha=1 - confidence, method="wilson")
        assert wilson_interval(hits(right, queries), confidence) == pytest.approx(expected)


@pytest.mark.parametrize("queries", [315, 1000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_intervals_hold_the_true_share_as_often_as_said(queries: int, share: float) -> None:
    chances = stats.binom.pmf(np.arange(queries + 1), queries, share)
    bootstrap = wilson = 0.0
    for right in np.flatnonzero(chances > 1e-7):
        observed = hits(int(right), queries)
        low, high = bootstrap_interval(observed, 0.95, 2000, int(right))
        bootstrap += chances[right] * (low <= share <= high)
        low, high = wilson_interval(observed, 0.95)
        wilson += chances[right] * (low <= share <= high)
    # Hits are whole, so no interval can hold the truth exactly 95 times in 100.
    assert 0.94 <= bootstrap <= 0.96
    assert 0.94 <= wilson <= 0.96


def test_bootstrap_over_seeds_is_wider_than_over_queries_alone() -> None:
    seeds = np.stack([hits(right, 1000) for right in (250, 300, 350)])
    low, high = bootstrap_interval(seeds, 0.95, 4000, 0)
    alone = bootstrap_interval(hits(300, 1000), 0.95, 4000, 0)
    assert low < alone[0] < 0.3 < alone[1] < high


def test_mean_and_deviation_over_seeds() -> None:
    assert mean_and_sd([30.0, 32.0, 37.0]) == pytest.approx((33.0, np.sqrt((9 + 1 + 16) / 2)))
    assert mean_and_sd([41.1]) == (41.1, None)


@pytest.mark.parametrize("values", [[], [30.0, float("nan")], [float("inf")]])
def test_seeds_without_a_figure_are_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="one finite number a seed"):
        mean_and_sd(values)
