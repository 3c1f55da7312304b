"""How sure one share of queries is, and how far it moves from seed to seed."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from beenhere.errors import DataError
from beenhere.evaluation.resampling import Hits, by_seed, percentile_interval, resampled_shares


def bootstrap_interval(
    hits: Hits, confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval of the share of hits, by the bootstrap over queries (and seeds).

    Efron, "Bootstrap methods: another look at the jackknife" (1979). How queries and seeds are
    drawn: :func:`beenhere.evaluation.resampling.resampled_shares`.

    Args:
        hits: ``(m,)``, whether each query was a hit, or ``(seeds, m)``; at least one query.
        confidence: in (0, 1), such as 0.95.
        resamples: how many times the queries are drawn.
        seed: of the draws; one seed, one interval.

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
