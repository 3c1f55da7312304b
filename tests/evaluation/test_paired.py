"""Comparing two rows: the counts, the difference, and how often its interval holds the truth."""

import numpy as np
import pytest

from beenhere.errors import DataError
from beenhere.evaluation.significance import compare_rows


def test_counts_and_difference_equal_loops() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 80)) < 0.6, rng.random((2, 80)) < 0.5
    only_a = only_b = 0
    total = 0.0
    for query in range(80):
        one, two = sum(a[:, query]) / 3, sum(b[:, query]) / 2
        only_a, only_b, total = only_a + (one > two), only_b + (two > one), total + one - two
    found = compare_rows(a, b, 0.95, 500, 0)
    assert (found.only_a, found.only_b, found.queries) == (only_a, only_b, 80)
    assert found.difference == pytest.approx(100 * total / 80)
    assert found.low < found.difference < found.high


def test_turned_round_it_is_its_negative() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random(200) < 0.6, rng.random(200) < 0.5
    one, other = compare_rows(a, b, 0.9, 20_000, 0), compare_rows(b, a, 0.9, 20_000, 0)
    assert (other.difference, other.p_value) == (-one.difference, one.p_value)
    assert (other.only_a, other.only_b) == (one.only_b, one.only_a)
    assert (-other.high, -other.low) == pytest.approx((one.low, one.high), abs=0.6)


def test_a_row_against_itself() -> None:
    hits = np.random.default_rng(2).random(50) < 0.5
    same = compare_rows(hits, hits, 0.95, 200, 0)
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert same.only_a == same.only_b == 0


def test_interval_is_narrower_where_the_rows_fail_alike() -> None:
    ease = np.random.default_rng(3).random(400)
    alike = compare_rows(ease < 0.55, ease < 0.5, 0.95, 2000, 0)
    apart = compare_rows(ease < 0.55, ease[::-1] < 0.5, 0.95, 2000, 0)
    assert apart.difference == alike.difference
    assert alike.high - alike.low < 0.6 * (apart.high - apart.low)


@pytest.mark.parametrize("queries", [315, 1000])
def test_interval_holds_the_true_difference_as_often_as_said(queries: int) -> None:
    rng = np.random.default_rng(queries)
    chances = [0.35, 0.12, 0.08, 0.45]  # both, only a, only b, neither: the truth is 4 points
    inside = 0
    for kinds in rng.choice(4, (1000, queries), p=chances):
        found = compare_rows(kinds <= 1, (kinds == 0) | (kinds == 2), 0.95, 1000, 0)
        inside += found.low <= 4 <= found.high
    assert 0.925 <= inside / 1000 <= 0.97


@pytest.mark.parametrize("seeds", [2, 3])
def test_interval_holds_the_truth_over_seeds_too(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    inside = 0
    for _ in range(500):
        ease = rng.normal(0, 1.5, 315) + rng.normal(0, 0.7, (2, 1, 315))
        luck = rng.normal(0, 0.1, (2, seeds, 1))
        a, b = ease + luck + rng.normal(0, 1, (2, seeds, 315)) > 0
        found = compare_rows(a, b, 0.95, 1000, 0)
        inside += found.low <= 0 <= found.high
    assert 0.925 <= inside / 500 <= 0.985


def test_other_queries_are_refused() -> None:
    with pytest.raises(DataError, match="rows with 3, 4 queries"):
        compare_rows(np.ones(3, bool), np.ones(4, bool), 0.95, 200, 0)
