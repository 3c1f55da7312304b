"""What a published recall is worth, where only percent and number of queries are known."""

from collections.abc import Mapping
from dataclasses import dataclass

from beenhere.errors import DataError
from beenhere.evaluation.ranking import adjusted_against, first_best
from beenhere.evaluation.significance import two_proportions_p_value
from beenhere.evaluation.statistics import wilson_score


@dataclass(frozen=True)
class PublishedRow:
    """One published figure among the others of its table.

    Attributes:
        percent: as published.
        low, high: its interval in percent, by :func:`published_interval`.
        best: whether no row has a higher recall; several can be level.
        adjusted_p: against the first of the best rows, after Holm's correction; None for that
            row itself.
        among_best: the best, or a row that cannot be told from it.
    """

    percent: float
    low: float
    high: float
    best: bool
    adjusted_p: float | None
    among_best: bool


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
) -> dict[str, PublishedRow]:
    """Which published rows cannot be told from the best published one.

    Which queries each row got right was never published, so the rows are treated as if each had
    been asked queries of its own: a test of two proportions for every pair, then Holm's correction
    over all pairs, as in :func:`beenhere.evaluation.ranking.rank_rows`. On shared queries the rows
    mostly fail at the same ones; then differences vary less than this test assumes, and it is
    conservative: it may leave apart too few rows, hardly too many.

    Args:
        percents: by name of the row, in [0, 100]; rows without a published figure left out.
        queries: of the test set.
        confidence: in (0, 1).

    Returns:
        By name, in the given order.

    Raises:
        DataError: no rows, or figures that cannot be.
    """
    right = {name: _right(percent, queries) for name, percent in percents.items()}
    reference = first_best(percents)
    adjusted = adjusted_against(
        reference,
        list(percents),
        lambda one, other: two_proportions_p_value(right[one], right[other], queries),
    )
    ranked = {}
    for name, percent in percents.items():
        low, high = published_interval(percent, queries, confidence)
        p_value = adjusted.get(name)
        ranked[name] = PublishedRow(
            percent=percent,
            low=low,
            high=high,
            best=percent == percents[reference],
            adjusted_p=p_value,
            among_best=p_value is None or p_value >= 1 - confidence,
        )
    return ranked


def _right(percent: float, queries: int) -> int:
    if queries < 1 or not 0 <= percent <= 100:
        raise DataError(
            f"a published recall of {percent:g}% on {queries} queries; expected a percent from 0 "
            "to 100 and at least one query: mend the published figures of the study"
        )
    return round(percent / 100 * queries)
