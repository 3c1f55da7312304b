"""A whole table: the best row, and every row that cannot be told from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from beenhere.errors import DataError
from beenhere.evaluation.protocol import share
from beenhere.evaluation.significance import (
    Comparison,
    compare_rows,
    holm,
    paired_p_value,
    two_proportions_p_value,
)
from beenhere.evaluation.statistics import (
    Hits,
    bootstrap_interval,
    by_seed,
    check_same_number,
    mean_and_sd,
    wilson_score,
)


@dataclass(frozen=True)
class RankedRow:
    """One row among the others of its table, measured or published.

    Attributes:
        percent: recall; the mean over seeds, or as published.
        low, high: its interval in percent: by the bootstrap over queries and seeds, or of a
            published figure by :func:`published_interval`.
        best: whether no row has a higher recall; several can be level.
        adjusted_p: p value against the reference, the first of the best rows, after Holm's
            correction; None for the reference itself.
        among_best: the reference, or a row that cannot be told from it.
        seeds: how many; None of a published row.
        sd: standard deviation of recall over seeds, in percentage points; None for one seed.
        against_best: this row minus the reference; None for the reference itself, and published.
    """

    percent: float
    low: float
    high: float
    best: bool
    adjusted_p: float | None
    among_best: bool
    seeds: int | None = None
    sd: float | None = None
    against_best: Comparison | None = None


def rank_rows(
    hits_by_row: Mapping[str, Hits], confidence: float, resamples: int, seed: int
) -> dict[str, RankedRow]:
    """Recall of every row, and which rows cannot be told from the best.

    A row is told from the best if its p value, corrected, is below ``1 - confidence``.

    The best row is known only after looking at these very queries: any row might have been it. So
    all pairs of rows are tested, and Holm's correction is over all of them; then the chance that
    any two equal rows are told apart is at most ``1 - confidence``, whichever comes out best.
    Correcting only for the comparisons with the best would be right for a reference that was named
    beforehand; for one chosen afterwards, among a dozen equal rows, it tells one apart wrongly
    about one time in seven. For the same reason the recall of the best is too high on average: on
    new queries expect a little less.

    Args:
        hits_by_row: each ``(queries,)`` or ``(seeds, queries)``, on the same queries in the same
            order; seeds may differ in number.
        confidence: of the intervals, in (0, 1).
        resamples, seed: of the bootstrap.

    Returns:
        By name, in the given order.

    Raises:
        DataError: no rows, no queries, or not equally many.
    """
    rows = {name: by_seed(hits) for name, hits in hits_by_row.items()}
    check_same_number(list(rows.values()))
    recalls = {name: share(hits.ravel()) for name, hits in rows.items()}
    reference, adjusted = _against_best(
        recalls, lambda one, other: paired_p_value(rows[one], rows[other])
    )
    ranked = {}
    for name, hits in rows.items():
        low, high = bootstrap_interval(hits, confidence, resamples, seed)
        against = None
        if name != reference:
            against = compare_rows(hits, rows[reference], confidence, resamples, seed)
        ranked[name] = RankedRow(
            percent=recalls[name],
            low=100 * low,
            high=100 * high,
            best=recalls[name] == recalls[reference],
            adjusted_p=adjusted.get(name),
            among_best=adjusted.get(name, 1) >= 1 - confidence,
            seeds=len(hits),
            sd=mean_and_sd([share(run) for run in hits])[1],
            against_best=against,
        )
    return ranked


def _against_best(
    percents: Mapping[str, float], p_value: Callable[[str, str], float]
) -> tuple[str, dict[str, float]]:
    """The first row with the highest recall, and p values of the others against it, by name.

    They are corrected for all pairs of rows: any row might have come out best.
    """
    if not percents:
        raise DataError("a table without rows has no best one; expected at least one row")
    reference = max(percents, key=percents.__getitem__)
    pairs = list(combinations(percents, 2))
    adjusted = holm([p_value(one, other) for one, other in pairs])
    return reference, {
        one if other == reference else other: value
        for (one, other), value in zip(pairs, adjusted, strict=True)
        if reference in (one, other)
    }


def published_interval(percent: float, queries: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a published recall.

    Args:
        percent: as published, in [0, 100]. Published figures are rounded, so it need not be a
            multiple of ``100 / queries``; the nearest number of hits is taken.
        queries: of the test set; at least 1.
        confidence: in (0, 1), such as 0.95.

    Returns:
        Lowest and highest recall in percent. It always holds the recall of those hits; a figure
        that was rounded by less than one query lies in it too.

    Raises:
        DataError: a percent or a number of queries that cannot be.
    """
    low, high = wilson_score(_right(percent, queries), queries, confidence)
    return 100 * low, 100 * high


def rank_published(
    percents: Mapping[str, float], queries: int, confidence: float
) -> dict[str, RankedRow]:
    """Which published rows cannot be told from the best published one.

    Which queries each row got right was never published, so the rows are treated as if each had
    been asked queries of its own: a test of two proportions for every pair, then Holm's correction
    over all pairs, as in :func:`rank_rows`. On shared queries the rows mostly fail at the same
    ones; then differences vary less than this test assumes, and it is conservative: it may tell
    too few rows apart, hardly too many.

    Args:
        percents: by name of the row; rows without a published figure left out.
        queries, confidence: as of :func:`published_interval`.

    Returns:
        By name, in the given order.

    Raises:
        DataError: no rows, or figures that cannot be.
    """
    right = {name: _right(percent, queries) for name, percent in percents.items()}
    reference, adjusted = _against_best(
        percents, lambda one, other: two_proportions_p_value(right[one], right[other], queries)
    )
    ranked = {}
    for name, percent in percents.items():
        low, high = published_interval(percent, queries, confidence)
        ranked[name] = RankedRow(
            percent=percent,
            low=low,
            high=high,
            best=percent == percents[reference],
            adjusted_p=adjusted.get(name),
            among_best=adjusted.get(name, 1) >= 1 - confidence,
        )
    return ranked


def _right(percent: float, queries: int) -> int:
    if queries < 1 or not 0 <= percent <= 100:
        raise DataError(
            f"a published recall of {percent:g}% on {queries} queries; expected a percent from 0 "
            "to 100 and at least one query: mend the published figures of the study"
        )
    return round(percent / 100 * queries)
