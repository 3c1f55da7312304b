"""A whole table: the best row, and every row that cannot be told from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from beenhere.errors import DataError
from beenhere.evaluation.paired import Comparison, compare
from beenhere.evaluation.protocol import share
from beenhere.evaluation.resampling import Hits, by_seed, check_same_number
from beenhere.evaluation.significance import holm, paired_p_value
from beenhere.evaluation.statistics import bootstrap_interval, mean_and_sd


@dataclass(frozen=True)
class RankedRow:
    """One row among the others of its table.

    Attributes:
        percent: recall; the mean over seeds.
        low, high: its interval, by the bootstrap over queries and seeds.
        seeds: how many.
        sd: standard deviation of recall over seeds, in percentage points; None for one seed.
        best: whether no row has a higher recall; several can be level.
        against_best: this row minus the reference, the first of the best rows; None for the
            reference itself.
        adjusted_p: its p value after Holm's correction; None for the reference itself.
        among_best: the reference, or a row that cannot be told from it.
    """

    percent: float
    low: float
    high: float
    seeds: int
    sd: float | None
    best: bool
    against_best: Comparison | None
    adjusted_p: float | None
    among_best: bool


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
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        By name, in the given order.

    Raises:
        DataError: no rows, no queries, or not equally many.
    """
    rows = {name: by_seed(hits) for name, hits in hits_by_row.items()}
    check_same_number(list(rows.values()))
    recalls = {name: share(hits.ravel()) for name, hits in rows.items()}
    reference = first_best(recalls)
    adjusted = adjusted_against(
        reference, list(rows), lambda one, other: paired_p_value(rows[one], rows[other])
    )
    ranked = {}
    for name, hits in rows.items():
        low, high = bootstrap_interval(hits, confidence, resamples, seed)
        against = None
        if name != reference:
            against = compare(hits, rows[reference], confidence, resamples, seed)
        p_value = adjusted.get(name)
        ranked[name] = RankedRow(
            percent=recalls[name],
            low=100 * low,
            high=100 * high,
            seeds=len(hits),
            sd=mean_and_sd([share(run) for run in hits])[1],
            best=recalls[name] == recalls[reference],
            against_best=against,
            adjusted_p=p_value,
            among_best=p_value is None or p_value >= 1 - confidence,
        )
    return ranked


def first_best(percents: Mapping[str, float]) -> str:
    """The first row with the highest recall.

    Raises:
        DataError: no rows.
    """
    if not percents:
        raise DataError("a table without rows has no best one; expected at least one row")
    return max(percents, key=percents.__getitem__)


def adjusted_against(
    reference: str, names: Sequence[str], p_value: Callable[[str, str], float]
) -> dict[str, float]:
    """P values of every row against the reference, corrected for all pairs of rows.

    Args:
        reference: one of the names; chosen after looking at the results.
        names: of all rows.
        p_value: of two rows, by their names.

    Returns:
        By name, without the reference.
    """
    pairs = list(combinations(names, 2))
    adjusted = holm([p_value(one, other) for one, other in pairs])
    return {
        one if other == reference else other: value
        for (one, other), value in zip(pairs, adjusted, strict=True)
        if reference in (one, other)
    }
