"""How sure a share of queries is."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def bootstrap_interval(
    hits: NDArray[np.bool_], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval of the share of hits, by the bootstrap over queries.

    Efron, "Bootstrap methods: another look at the jackknife" (1979). Drawing ``m`` queries with
    replacement and counting the hits among them is drawing from a binomial distribution of ``m``
    trials with the observed share, so that is what is drawn: exact, and quick for any ``m``.

    Args:
        hits: ``(m,)``, whether each query was a hit; at least one query.
        confidence: in (0, 1), such as 0.95.
        resamples: how many times the queries are drawn.
        seed: of the draws; one seed, one interval.

    Returns:
        Lowest and highest share, in [0, 1]. With no hit, or hits alone, both are that share: see
        :func:`wilson_interval` there.
    """
    queries = len(hits)
    counts = np.random.default_rng(seed).binomial(queries, hits.sum() / queries, resamples)
    low, high = np.quantile(counts / queries, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def wilson_interval(hits: NDArray[np.bool_], confidence: float) -> tuple[float, float]:
    """Score interval of the share of hits; it holds for few queries and for shares near 0 and 1.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Args:
        hits: ``(m,)``, whether each query was a hit; at least one query.
        confidence: in (0, 1), such as 0.95.

    Returns:
        Lowest and highest share, in [0, 1].
    """
    queries, share = len(hits), float(hits.mean())
    z = float(ndtri((1 + confidence) / 2))
    centre = share + z**2 / (2 * queries)
    half = z * np.sqrt(share * (1 - share) / queries + z**2 / (4 * queries**2))
    scale = 1 + z**2 / queries
    return max(0.0, float((centre - half) / scale)), min(1.0, float((centre + half) / scale))
