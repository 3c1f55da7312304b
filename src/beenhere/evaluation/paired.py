"""Two rows on the same queries: how far apart, how sure, and whether chance would do it."""

from dataclasses import dataclass

from beenhere.evaluation.resampling import Hits, by_seed, percentile_interval, resampled_shares
from beenhere.evaluation.significance import paired_p_value, query_leads


@dataclass(frozen=True)
class Comparison:
    """Row a against row b.

    Attributes:
        difference: recall of a minus recall of b, in percentage points.
        low, high: its interval, by the bootstrap over queries and seeds.
        p_value: of :func:`beenhere.evaluation.significance.paired_p_value`, for this pair alone.
        only_a: queries that a gets right and b wrong; with several seeds, that a gets right in a
            larger share of its seeds.
        only_b: the other way round.
        queries: all of them.
    """

    difference: float
    low: float
    high: float
    p_value: float
    only_a: int
    only_b: int
    queries: int


def compare(a: Hits, b: Hits, confidence: float, resamples: int, seed: int) -> Comparison:
    """Compare two rows query by query.

    Args:
        a: ``(queries,)`` or ``(seeds, queries)``.
        b: the same queries in the same order; it may have another number of seeds.
        confidence: of the interval, in (0, 1).
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: no queries, or not equally many.
    """
    rows = [by_seed(a), by_seed(b)]
    leads = query_leads(*rows)
    shares = resampled_shares(rows, resamples, seed)
    low, high = percentile_interval(100 * (shares[0] - shares[1]), confidence)
    return Comparison(
        difference=100 * int(leads.sum()) / (len(rows[0]) * len(rows[1]) * leads.size),
        low=low,
        high=high,
        p_value=paired_p_value(*rows),
        only_a=int((leads > 0).sum()),
        only_b=int((leads < 0).sum()),
        queries=leads.size,
    )
