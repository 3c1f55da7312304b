"""Drawing queries and seeds again, against loops that draw the queries themselves."""

from itertools import product

import numpy as np
import pytest

from beenhere.errors import DataError
from beenhere.evaluation.statistics import by_seed, check_same_number, resampled_shares


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
