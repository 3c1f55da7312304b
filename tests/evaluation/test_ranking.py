"""A whole table: who is best, who cannot be told from it, and how often that is wrong."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from beenhere.errors import DataError
from beenhere.evaluation.ranking import published_interval, rank_published, rank_rows
from beenhere.evaluation.significance import compare_rows, sign_flip_p_value
from beenhere.evaluation.statistics import bootstrap_interval


def first(right: int, queries: int = 1000) -> np.ndarray:
    return np.arange(queries) < right


def test_a_table_of_one_seed() -> None:
    rng = np.random.default_rng(0)
    ease = rng.random(1000)
    rows = {"worst": ease < 0.3, "best": ease < 0.5, "near": ease + rng.normal(0, 0.1, 1000) < 0.49}
    table = rank_rows(rows, 0.95, 2000, 7)
    assert list(table) == list(rows)
    assert [row.best for row in table.values()] == [False, True, False]
    assert [row.among_best for row in table.values()] == [False, True, True]
    best = table["best"]
    assert (best.against_best, best.adjusted_p, best.sd, best.seeds) == (None, None, None, 1)
    assert table["near"].against_best == compare_rows(rows["near"], rows["best"], 0.95, 2000, 7)
    low, high = bootstrap_interval(rows["best"], 0.95, 2000, 7)
    assert (best.percent, best.low, best.high) == (100 * rows["best"].mean(), 100 * low, 100 * high)


def test_p_values_are_corrected_for_every_pair() -> None:
    rng = np.random.default_rng(1)
    shares = {"a": 0.5, "b": 0.4, "c": 0.6, "d": 0.45}
    rows = {name: rng.random(200) < share for name, share in shares.items()}
    table = rank_rows(rows, 0.95, 200, 0)
    pairs = [(one, two) for one in "abcd" for two in "abcd" if one < two]
    values = [sign_flip_p_value(rows[one], rows[two]) for one, two in pairs]
    adjusted = dict(zip(pairs, multipletests(values, method="holm")[1], strict=True))
    expected = {"a": adjusted["a", "c"], "b": adjusted["b", "c"], "d": adjusted["c", "d"]}
    assert table["c"].best
    assert {name: table[name].adjusted_p for name in "abd"} == pytest.approx(expected)


def test_level_rows_are_all_best_and_the_first_is_the_reference() -> None:
    table = rank_rows({"low": first(2), "one": first(9), "two": first(9)[::-1]}, 0.95, 200, 0)
    assert [row.best for row in table.values()] == [False, True, True]
    assert table["one"].against_best is None
    level = table["two"].against_best
    assert level is not None
    assert (level.difference, level.p_value, table["two"].adjusted_p) == (0, 1, 1)
    assert table["two"].among_best


def test_several_seeds_give_mean_and_deviation() -> None:
    table = rank_rows(
        {"three": np.stack([first(n) for n in (300, 320, 340)]), "one": first(310)}, 0.95, 500, 0
    )
    assert (table["three"].percent, table["three"].sd, table["three"].seeds) == (32.0, 2.0, 3)
    assert (table["one"].sd, table["one"].seeds) == (None, 1)
    assert table["three"].best
    assert table["one"].among_best


def test_one_row_is_the_best_of_its_table() -> None:
    (row,) = rank_rows({"alone": first(5, 20)}, 0.95, 200, 0).values()
    assert row.best
    assert row.among_best
    assert row.percent == 25


def test_the_share_that_a_table_of_equals_is_torn_apart_is_as_said() -> None:
    rng = np.random.default_rng(3)
    torn = 0
    for _ in range(150):
        ease = rng.normal(0, 1.5, 315)
        rows = {str(row): ease + rng.normal(0, 1, 315) > 0.3 for row in range(10)}
        table = rank_rows(rows, 0.95, 100, 0)
        torn += not all(row.among_best for row in table.values())
    # Corrected only for the comparisons with the best, this would be about 0.13.
    assert torn / 150 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="at least one row"):
        rank_rows({}, 0.95, 200, 0)


OPTIMIZERS = {"Adam": 36.8, "AdamW": 43.3, "AdamW, pair-margin": 42.8, "multi-similarity": 51.7}


@pytest.mark.parametrize(
    ("percent", "queries", "hits"),
    # Figures are rounded, and now and then no share of the queries at all: 51.72% of 1,000.
    [
        (30.6, 1000, 306),
        (51.72, 1000, 517),
        (47.61, 315, 150),
        (69.24, 315, 218),
        (0, 40, 0),
        (100, 40, 40),
    ],
)
def test_interval_is_that_of_the_nearest_number_of_hits(
    percent: float, queries: int, hits: int
) -> None:
    expected = proportion_confint(hits, queries, alpha=0.1, method="wilson")
    low, high = published_interval(percent, queries, 0.9)
    assert (low, high) == pytest.approx([100 * one for one in expected])
    assert low <= percent <= high


def test_rows_are_compared_as_if_unpaired() -> None:
    table = rank_published(OPTIMIZERS, 1000, 0.95)
    names = list(OPTIMIZERS)
    assert list(table) == names
    pairs = [(one, two) for i, one in enumerate(names) for two in names[i + 1 :]]
    values = [
        proportions_ztest([OPTIMIZERS[one] * 10, OPTIMIZERS[two] * 10], [1000, 1000])[1]
        for one, two in pairs
    ]
    adjusted = dict(zip(pairs, multipletests(values, method="holm")[1], strict=True))
    for name in names[:3]:
        assert table[name].adjusted_p == pytest.approx(adjusted[name, "multi-similarity"])
        assert not table[name].among_best
    best = table["multi-similarity"]
    assert (best.best, best.among_best, best.adjusted_p) == (True, True, None)
    assert (best.low, best.high) == published_interval(51.7, 1000, 0.95)


def test_small_differences_are_not_told_apart() -> None:
    table = rank_published({"ConvAP": 32.8, "GeM": 31.0, "level": 32.8}, 1000, 0.95)
    assert all(row.among_best for row in table.values())
    assert [row.best for row in table.values()] == [True, False, True]


@pytest.mark.parametrize(("percent", "queries"), [(-1, 10), (100.5, 10), (50, 0)])
def test_figures_that_cannot_be_are_refused(percent: float, queries: int) -> None:
    with pytest.raises(DataError, match=r"a published recall of .*; expected a percent"):
        published_interval(percent, queries, 0.95)
    with pytest.raises(DataError, match="a published recall of"):
        rank_published({"row": percent}, queries, 0.95)
