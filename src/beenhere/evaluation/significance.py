"""Two rows on the same queries: how far apart, how sure, and whether chance would do it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, stdtr

from beenhere.evaluation.statistics import (
    Hits,
    by_seed,
    check_same_number,
    percentile_interval,
    resampled_shares,
)


@dataclass(frozen=True)
class Comparison:
    """Row a against row b.

    Attributes:
        difference: recall of a minus recall of b, in percentage points.
        low, high: its interval, by the bootstrap over queries and seeds.
        p_value: of :func:`paired_p_value`, for this pair alone.
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


def compare_rows(a: Hits, b: Hits, confidence: float, resamples: int, seed: int) -> Comparison:
    """Compare two rows query by query; rows and errors as for :func:`paired_p_value`.

    Args:
        a, b: the rows.
        confidence: of the interval, in (0, 1).
        resamples, seed: of the bootstrap.
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


def paired_p_value(a: Hits, b: Hits) -> float:
    """Whether two rows on the same queries differ; two-sided, in [0, 1].

    For one seed each McNemar's exact test, which speaks of these two trained models. Where there
    are several seeds the question is what such trainings give in general, and a lucky seed must
    not pass for a better method: then it is the larger of :func:`sign_flip_p_value` (exact, but
    blind to seeds) and :func:`crossed_p_value` (which counts them).

    Args:
        a: ``(queries,)`` or ``(seeds, queries)``.
        b: the same queries in the same order; it may have another number of seeds.

    Raises:
        DataError: no queries, or not equally many.
    """
    p_value = sign_flip_p_value(a, b)
    # A p value of 1 cannot grow, and a single query has no variance to test with.
    if len(by_seed(a)) == len(by_seed(b)) == 1 or p_value == 1:
        return p_value
    return max(p_value, crossed_p_value(a, b))


def sign_flip_p_value(a: Hits, b: Hits) -> float:
    """The chance of a difference as large as this, either way, if a and b were exchangeable.

    If nothing but chance decides which of the two gets a query right, each query's difference
    (a's share of seeds that are right minus b's) is as likely with the other sign. Over all ways
    to set the signs, the share that moves the recalls at least as far apart is the p value
    (Fisher's randomisation test). It is computed, not sampled: the sums are whole numbers, and
    their distribution is a convolution of binomial ones. For one seed each this is McNemar's exact
    test (McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", 1947): binomial on the queries that one of them alone gets right.

    Arguments and errors as :func:`paired_p_value`.
    """
    leads = query_leads(a, b)
    sizes = np.abs(leads)
    if not sizes.any():
        return 1.0
    unit = np.gcd.reduce(sizes)
    fewer = min(sizes[leads > 0].sum(), sizes[leads < 0].sum()) // unit
    # That the queries whose sign is plus have sizes that sum to no more than they do.
    kinds, counts = np.unique(sizes[sizes > 0] // unit, return_counts=True)
    return min(1.0, 2 * _chance_of_at_most(int(fewer), kinds, counts))


def crossed_p_value(a: Hits, b: Hits) -> float:
    """Student's test of a difference that both queries and seeds move.

    ``t² = difference² / (variance by queries + variance by seeds)``, its degrees of freedom by
    Satterthwaite: the min F' of Clark, "The language-as-fixed-effect fallacy" (1973), with queries
    for words and seeds for subjects. The variance by seeds is pooled over a and b, so one of them
    may have a single seed. What one seed does on one query is in both variances: a little
    conservative. Two seeds each tell their variance badly: where seeds move more than queries do,
    p is then below 0.05 for equal rows 6 to 7 times in 100.

    Args:
        a: ``(seeds, queries)``, at least two queries.
        b: the same queries in the same order; a and b have more than two seeds together.

    Raises:
        DataError: no queries, or not equally many.
    """
    rows = [by_seed(a), by_seed(b)]
    check_same_number(rows)
    one, two = (row.mean(axis=0) for row in rows)
    by_queries, queries = float(np.var(one - two, ddof=1)) / one.size, one.size - 1
    seeds = sum(len(row) - 1 for row in rows)
    recalls = [row.mean(axis=1) for row in rows]
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in recalls)
    by_seeds = squares / seeds * sum(1 / len(row) for row in rows)
    spread = by_queries + by_seeds
    difference = abs(float(one.mean() - two.mean()))
    if spread == 0:
        return 0.0 if difference else 1.0
    freedom = spread**2 / (by_queries**2 / queries + by_seeds**2 / seeds)
    return float(2 * stdtr(freedom, -difference / np.sqrt(spread)))


def two_proportions_p_value(right: int, other: int, queries: int) -> float:
    """Two-sided score test of two shares of different queries, equally many for both.

    The same as Pearson's chi-squared test of the two by two table, without correction.

    Args:
        right: hits of the one.
        other: hits of the other.
        queries: of each.
    """
    pooled = (right + other) / (2 * queries)
    spread = np.sqrt(pooled * (1 - pooled) * 2 / queries)
    return float(2 * ndtr(-abs(right - other) / queries / spread)) if spread > 0 else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number, in the given order.

    Holm, "A simple sequentially rejective multiple test procedure" (1979): the smallest of ``n``
    times ``n``, the next times ``n - 1``, and so on, none below the one before. Where those below
    alpha are believed, the chance of a single false one is at most alpha, however the tests depend
    on each other.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1)
    return [float(value) for value in adjusted]


def query_leads(a: Hits, b: Hits) -> NDArray[np.int64]:
    """Each query's difference in shares of seeds, times both numbers of seeds, ``(queries,)``.

    Above 0 where a is right in more of its seeds than b. Arguments and errors as
    :func:`paired_p_value`.
    """
    rows = [by_seed(a), by_seed(b)]
    check_same_number(rows)
    right_a, right_b = (row.sum(axis=0, dtype=np.int64) for row in rows)
    leads: NDArray[np.int64] = len(rows[1]) * right_a - len(rows[0]) * right_b
    return leads


def _chance_of_at_most(most: int, sizes: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """That fair coins of some sizes, so many of each, show heads worth at most half of all.

    The generating function of the sum, a product of one factor a size, is taken at the roots of
    unity, and a Fourier transform gives every chance at once: exact but for rounding. That would
    bury small chances, so the coins are weighted for ``most`` to be what they show on average
    (Esscher, "On the probability function in the collective theory of risk", 1932), and the
    chances of fair ones are worked out from theirs.
    """
    if most == 0:
        return float(np.exp2(-float(counts.sum())))
    total = int(sizes @ counts)
    low, tilt = -np.log(total) - 1, 0.0  # there the average is below 1, and here half of all
    for _ in range(50):
        middle = (low + tilt) / 2
        above = sizes * counts @ expit(middle * sizes) > most
        low, tilt = (low, middle) if above else (middle, tilt)
    heads = expit(tilt * sizes)
    length = 1 << total.bit_length()
    turns = np.arange(length // 2 + 1) * (-2j * np.pi / length)
    logs = np.zeros(len(turns), np.complex128)
    for size, count, head in zip(sizes, counts, heads, strict=True):
        logs += count * np.log(1 - head + head * np.exp(size * turns))
    chances = np.fft.irfft(np.exp(logs), length)[: most + 1]
    weights = np.exp(tilt * (most - np.arange(most + 1)))
    scale = counts @ np.log((1 + np.exp(tilt * sizes)) / 2) - tilt * most
    return float(np.exp(scale) * (chances @ weights))
