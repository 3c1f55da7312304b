"""Intervals of a share, against resampling in a loop, closed forms and published values."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from beenhere.errors import DataError
from beenhere.evaluation.statistics import (
    bootstrap_interval,
    by_seed,
    check_same_number,
    mean_and_sd,
    resampled_shares,
    wilson_interval,
)


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


def some_rows(queries: int, *seeds: int) -> list[np.ndarray]:
    rng = np.random.default_rng(queries)
    ease = rng.uniform(0.1, 0.9, queries)
    return [rng.uniform(size=(number, queries)) < ease for number in seeds]


def test_shares_are_those_of_queries_drawn_in_a_loop() -> None:
    rows = some_rows(60, 1, 1)
    rng = np.random.default_rng(1)
    drawn = [rng.integers(0, 60, 60) for _ in range(20_000)]
    expected = np.array([[row[0, those].mean() for those in drawn] for row in rows])
    shares = resampled_shares(rows, 20_000, 0)
    assert shares.mean(axis=1) == pytest.approx(expected.mean(axis=1), abs=0.002)
    # The covariance is what makes the comparison paired.
    assert np.cov(shares) == pytest.approx(np.cov(expected), rel=0.05, abs=2e-5)
    quantiles = [0.025, 0.25, 0.5, 0.75, 0.975]
    for own, loop in ((shares[0] - shares[1], expected[0] - expected[1]), (shares[0], expected[0])):
        assert np.quantile(own, quantiles) == pytest.approx(np.quantile(loop, quantiles), abs=0.02)


def test_differences_have_the_chances_of_every_possible_draw() -> None:
    rows = [np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)]
    each = [
        rows[0][0, list(draw)].mean() - rows[1][0, list(draw)].mean()
        for draw in product(range(4), repeat=4)
    ]
    shares = resampled_shares(rows, 100_000, 0)
    differences = shares[0] - shares[1]
    for value in np.unique(each):
        chance = np.mean(np.array(each) == value)
        assert np.mean(differences == value) == pytest.approx(chance, abs=0.006)


def test_seeds_are_drawn_as_a_loop_draws_them() -> None:
    rows = some_rows(40, 3, 2)
    rng = np.random.default_rng(2)
    expected = np.empty((2, 15_000))
    for time in range(15_000):
        those = rng.integers(0, 40, 40)
        for number, row in enumerate(rows):
            runs = rng.integers(0, len(row), len(row) - 1)
            by_queries, by_seeds = row[:, those].mean(), row[runs].mean()
            expected[number, time] = by_queries + by_seeds - row.mean()
    shares = resampled_shares(rows, 15_000, 0)
    assert shares.mean(axis=1) == pytest.approx(expected.mean(axis=1), abs=0.003)
    assert np.cov(shares) == pytest.approx(np.cov(expected), rel=0.06, abs=1e-4)


def test_drawn_seeds_vary_as_means_of_seeds_do() -> None:
    # Every query alike within a seed: all that moves is the seed.
    recalls = np.array([[True], [True], [False]]).repeat(50, axis=1)
    (shares,) = resampled_shares([recalls], 50_000, 0)
    assert shares.var() == pytest.approx(np.var([1, 1, 0], ddof=1) / 3, rel=0.03)


def test_one_seed_more_or_less_is_one_row() -> None:
    (row,) = some_rows(30, 1)
    once = resampled_shares([row], 500, 3)
    assert np.array_equal(once, resampled_shares([by_seed(row[0])], 500, 3))
    assert not np.array_equal(once, resampled_shares([row], 500, 4))


@pytest.mark.parametrize("hits", [np.zeros(0, bool), np.zeros((0, 3), bool), np.ones((1, 2, 3))])
def test_hits_of_no_known_shape_are_refused(hits: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"hits of shape .*; expected \(queries,\)"):
        by_seed(hits)


def test_rows_of_other_queries_are_refused() -> None:
    with pytest.raises(DataError, match=r"rows with 3, 4 queries; .* one test set"):
        check_same_number([np.ones((1, 4), bool), np.ones((2, 3), bool)])
