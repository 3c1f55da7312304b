"""Published figures: their intervals and which of them differ by more than chance."""

import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from beenhere.errors import DataError
from beenhere.evaluation.ranking import published_interval, rank_published

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
