"""Shares of hits: intervals by the bootstrap over queries and seeds, and by Wilson's score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from beenhere.errors import DataError

Hits = NDArray[np.bool_]
"""Whether each query was a hit: ``(queries,)``, or ``(seeds, queries)`` for several trainings."""


def by_seed(hits: Hits) -> Hits:
    """The same as ``(seeds, queries)``.

    Raises:
        DataError: no seed, no query, or another shape.
    """
    runs = np.atleast_2d(hits)
    if runs.ndim != 2 or runs.size == 0:
        raise DataError(
            f"hits of shape {np.shape(hits)}; expected (queries,) or (seeds, queries) with at "
            "least one query"
        )
    return runs


def check_same_number(rows: Sequence[Hits]) -> None:
    """See that rows, each ``(seeds, queries)``, were asked equally many queries.

    Raises:
        DataError: they were not.
    """
    numbers = {row.shape[1] for row in rows}
    if len(numbers) > 1:
        raise DataError(
            f"rows with {', '.join(map(str, sorted(numbers)))} queries; a comparison query by "
            "query needs the same queries in the same order: evaluate all rows on one test set"
        )


def resampled_shares(rows: Sequence[Hits], resamples: int, seed: int) -> NDArray[np.float64]:
    """Shares of hits of several rows when queries, and seeds, are drawn again.

    Every row answers the same drawn queries, so differences between rows are paired. Queries with
    the same hits in every row and seed are alike: drawing queries with replacement is drawing how
    many of each kind come up, from a multinomial distribution. That is what is drawn; it is exact
    and quick.

    A row with several seeds says how a training comes out in general, so its seeds are drawn too.
    All seeds answered the same queries, so the two are drawn independently of each other, and the
    changes that each brings are added. (Drawing both at once would count three times what one seed
    does on one query, see Owen, "The pigeonhole bootstrap", 2007; this counts it twice.) Of ``S``
    seeds ``S - 1`` are drawn: then the drawn means vary as much as means of ``S`` seeds do, where
    ``S`` draws would vary too little by the factor ``(S - 1) / S``, a third with three seeds (Rao
    and Wu, "Resampling inference with complex survey data", 1988, section 2).

    Args:
        rows: each ``(seeds, queries)``; seeds may differ in number, queries not.
        resamples: how many times queries and seeds are drawn.
        seed: of the draws; one seed, one result.

    Returns:
        ``(rows, resamples)``; in [0, 1] for one seed, and with several hardly beyond it.
    """
    rng = np.random.default_rng(seed)
    stacked = np.concatenate(rows)
    queries = stacked.shape[1]
    kinds, counts = np.unique(stacked, axis=1, return_counts=True)
    # Hits first: for one row of one seed this draws what a plain binomial generator draws.
    kinds, counts = kinds[:, ::-1], counts[::-1]
    drawn = rng.multinomial(queries, counts / queries, resamples)
    shares = np.empty((len(rows), resamples))
    ends = np.cumsum([len(row) for row in rows])
    for number, (row, own_kinds) in enumerate(zip(rows, np.split(kinds, ends[:-1]), strict=True)):
        seeds = len(row)
        by_queries = drawn @ own_kinds.sum(axis=0) / (seeds * queries)
        recalls = row.sum(axis=1) / queries
        draws = max(1, seeds - 1)
        times = rng.multinomial(draws, np.full(seeds, 1 / seeds), resamples)
        shares[number] = by_queries + times @ (recalls - recalls.mean()) / draws
    return shares


def percentile_interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """The middle ``confidence`` of resampled values, ``(resamples,)``."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bootstrap_interval(
    hits: Hits, confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval of the share of hits, by the bootstrap over queries (and seeds).

    Efron, "Bootstrap methods: another look at the jackknife" (1979). How queries and seeds are
    drawn: :func:`resampled_shares`.

    Args:
        hits: of at least one query.
        confidence: in (0, 1), such as 0.95.
        resamples, seed: as there.

    Returns:
        Lowest and highest share, in [0, 1]. With no hit, or hits alone, both are that share: see
        :func:`wilson_interval` there.
    """
    (shares,) = resampled_shares([by_seed(hits)], resamples, seed)
    return percentile_interval(shares.clip(0, 1), confidence)


def wilson_interval(hits: Hits, confidence: float) -> tuple[float, float]:
    """Score interval of the share of hits; it holds for few queries and for shares near 0 and 1.

    Args:
        hits: ``(m,)``, whether each query was a hit; at least one query.
        confidence: in (0, 1), such as 0.95.

    Returns:
        Lowest and highest share, in [0, 1].
    """
    return wilson_score(int(hits.sum()), len(hits), confidence)


def wilson_score(right: int, queries: int, confidence: float) -> tuple[float, float]:
    """Score interval of the share ``right / queries``, in [0, 1].

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    share = right / queries
    z = float(ndtri((1 + confidence) / 2))
    centre = share + z**2 / (2 * queries)
    half = z * np.sqrt(share * (1 - share) / queries + z**2 / (4 * queries**2))
    scale = 1 + z**2 / queries
    return max(0.0, float((centre - half) / scale)), min(1.0, float((centre + half) / scale))


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation of one figure over seeds.

    Args:
        values: one a seed, such as R@1 in percent.

    Returns:
        The mean, and the deviation with ``n - 1`` in the denominator; None for a single seed,
        which cannot say how far another would have come out.

    Raises:
        DataError: no value, or one that is no number.
    """
    if len(values) == 0 or not np.isfinite(values).all():
        raise DataError(
            f"{list(values)} over seeds; expected one finite number a seed: leave out the seeds "
            "that were not measured"
        )
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
