"""P values against statsmodels, scipy, every setting of the signs, and simulated equals."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from beenhere.errors import DataError
from beenhere.evaluation.significance import (
    compare_rows,
    crossed_p_value,
    holm,
    paired_p_value,
    sign_flip_p_value,
    two_proportions_p_value,
)


def pair(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False] * 2, counts)


def equals(
    rng: np.random.Generator, rows: int, seeds: int, queries: int, luck: float
) -> np.ndarray:
    """Hits ``(rows, seeds, queries)`` of methods that are alike; ``luck``: what a seed moves."""
    ease = rng.normal(0, 1.5, queries) + rng.normal(0, 0.7, (rows, 1, queries))
    noise = rng.normal(0, 1, (rows, seeds, queries)) + rng.normal(0, luck, (rows, seeds, 1))
    return ease + noise > 0.3


@pytest.mark.parametrize(
    "counts",
    [
        (30, 12, 3, 55),
        (0, 1, 0, 0),
        (5, 7, 7, 1),
        (9, 0, 0, 9),
        (400, 61, 98, 441),
        (0, 900, 700, 0),
    ],
)
def test_one_seed_is_the_exact_mcnemar_test(counts: tuple[int, int, int, int]) -> None:
    both, only_a, only_b, neither = counts
    a, b = pair(*counts)
    value = sign_flip_p_value(a, b)
    table = mcnemar([[both, only_a], [only_b, neither]], exact=True)
    if only_a + only_b:
        expected = stats.binomtest(only_a, only_a + only_b).pvalue
        assert value == pytest.approx(expected, rel=1e-9)
        assert value == pytest.approx(table.pvalue, rel=1e-9)
    else:
        assert value == 1
    assert value == sign_flip_p_value(b, a) == paired_p_value(a, b)


@pytest.mark.parametrize(("seeds_a", "seeds_b"), [(1, 1), (3, 3), (2, 3), (4, 2)])
def test_sign_flips_equal_every_setting_of_the_signs(seeds_a: int, seeds_b: int) -> None:
    rng = np.random.default_rng(seeds_a)
    for _ in range(6):
        a, b = rng.random((seeds_a, 9)) < 0.7, rng.random((seeds_b, 9)) < 0.4
        differences = a.mean(axis=0) - b.mean(axis=0)
        sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=9)]
        expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
        assert sign_flip_p_value(a, b) == pytest.approx(expected)


def exactly(a: np.ndarray, b: np.ndarray) -> float:
    """The share of all settings of the signs, counted by whole numbers without any rounding.

    The counts of settings by their sum are the digits of one number.
    """
    leads = [int(lead) for lead in len(b) * a.sum(axis=0) - len(a) * b.sum(axis=0) if lead]
    digit = len(leads) + 1
    product = 1
    for lead in leads:
        product += product << (digit * abs(lead))
    fewer = min(sum(x for x in leads if x > 0), -sum(x for x in leads if x < 0))
    lower = product & ((1 << digit * (fewer + 1)) - 1)
    counted = lower % ((1 << digit) - 1)  # the sum of the digits
    return float(min(Fraction(1), Fraction(2 * counted, 1 << len(leads))))


@pytest.mark.parametrize("seeds", [(1, 1), (3, 3), (7, 6), (2, 5)])
def test_sign_flips_are_exact_however_small_the_chance(seeds: tuple[int, int]) -> None:
    rng = np.random.default_rng(seeds)
    found = []
    for share in (0.5, 0.55, 0.6, 0.7, 0.9, 1.0):
        ease = rng.random(300)
        a, b = (rng.random((n, 300)) < s * ease for n, s in zip(seeds, (share, 0.5), strict=True))
        found.append(sign_flip_p_value(a, b))
        assert found[-1] == pytest.approx(exactly(a, b), rel=1e-12, abs=0)
    assert min(found) < 1e-9 and max(found) > 0.1
    one_way = np.ones((seeds[0], 900), bool), np.zeros((seeds[1], 900), bool)
    assert sign_flip_p_value(*one_way) == pytest.approx(2.0**-899, rel=1e-12, abs=0)


def test_crossed_test_equals_its_formula_in_loops() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random((3, 50)) < 0.6, rng.random((2, 50)) < 0.45
    each = [sum(a[:, q]) / 3 - sum(b[:, q]) / 2 for q in range(50)]
    mean = sum(each) / 50
    by_queries = sum((one - mean) ** 2 for one in each) / 49 / 50
    runs = [[sum(run) / 50 for run in row] for row in (a, b)]
    squares = sum((one - sum(row) / len(row)) ** 2 for row in runs for one in row)
    by_seeds = squares / 3 * (1 / 3 + 1 / 2)
    # Clark's own form: min F' of the two F values, df (F1 + F2)² / (F1² / n2 + F2² / n1).
    f1, f2 = mean**2 / by_seeds, mean**2 / by_queries
    freedom = (f1 + f2) ** 2 / (f1**2 / 49 + f2**2 / 3)
    expected = stats.f.sf(f1 * f2 / (f1 + f2), 1, freedom)
    assert crossed_p_value(a, b) == pytest.approx(expected, rel=1e-9)


def test_crossed_test_where_nothing_varies() -> None:
    everything, nothing = np.ones((2, 6), bool), np.zeros((2, 6), bool)
    assert crossed_p_value(everything, everything) == 1
    assert crossed_p_value(everything, nothing) == 0
    assert paired_p_value(everything, nothing) == pytest.approx(2 / 2**6)


def test_one_query_tells_nothing() -> None:
    assert paired_p_value(np.ones((3, 1), bool), np.zeros((3, 1), bool)) == 1


@pytest.mark.parametrize(("seeds", "luck"), [(1, 0.0), (2, 0.1), (3, 0.1)])
def test_equals_are_told_apart_no_more_often_than_said(seeds: int, luck: float) -> None:
    rng = np.random.default_rng(seeds)
    pairs = [equals(rng, 2, seeds, 315, luck) for _ in range(1200)]
    false = np.mean([paired_p_value(a, b) < 0.05 for a, b in pairs])
    assert false <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1200)
    if luck:
        blind = np.mean([sign_flip_p_value(a, b) < 0.05 for a, b in pairs])
        assert blind > 0.1, "the reason why seeds are counted: without them luck passes for skill"


def test_a_real_difference_is_found() -> None:
    a, b = pair(300, 90, 40, 570)
    assert paired_p_value(a, b) < 1e-4
    rng = np.random.default_rng(0)
    three = equals(rng, 2, 3, 1000, 0.03)
    assert paired_p_value(three[0] | (rng.random(1000) < 0.1), three[1]) < 0.01


def test_two_proportions_equal_statsmodels() -> None:
    for right, other, queries in [(306, 411, 1000), (150, 176, 315), (3, 1, 40)]:
        _, expected = proportions_ztest([right, other], [queries, queries])
        assert two_proportions_p_value(right, other, queries) == pytest.approx(expected, rel=1e-9)
        table = [[right, queries - right], [other, queries - other]]
        chi = stats.chi2_contingency(table, correction=False)
        assert two_proportions_p_value(right, other, queries) == pytest.approx(chi.pvalue, rel=1e-9)
    assert two_proportions_p_value(0, 0, 10) == two_proportions_p_value(10, 10, 10) == 1


def test_holm_equals_statsmodels_in_the_given_order() -> None:
    rng = np.random.default_rng(0)
    for number in (1, 2, 7, 30):
        values = rng.random(number) ** 3
        values[: number // 3] = values[0]
        expected = multipletests(values, method="holm")[1]
        assert holm(values.tolist()) == pytest.approx(expected)
    assert holm([]) == []
    # Holm (1979), by hand: 3 x 0.01, 2 x 0.03, and the last not below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_other_queries_are_refused() -> None:
    with pytest.raises(DataError, match="rows with 3, 4 queries"):
        paired_p_value(np.ones(3, bool), np.ones(4, bool))


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


def test_a_comparison_of_other_queries_is_refused() -> None:
    with pytest.raises(DataError, match="rows with 3, 4 queries"):
        compare_rows(np.ones(3, bool), np.ones(4, bool), 0.95, 200, 0)
