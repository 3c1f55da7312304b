"""From which probability on a place counts as known, and at which level radii hold 90%."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from beenhere.config import CalibrateConfig
from beenhere.retrieval.locate.confidence import HELD

Floats = NDArray[np.float64]

FEWEST_LEVELS = 20
"""Queries whose errors tell the level of a radius."""


def highest_share(accepted: int, queries: int, promise: float) -> float:
    """The share that is not passed, as surely as promised, where some of the queries were accepted.

    The one-sided exact bound: Clopper and Pearson, "The use of confidence or fiducial limits
    illustrated in the case of the binomial" (1934).
    """
    if accepted >= queries:
        return 1.0
    return float(betaincinv(accepted + 1, queries - accepted, promise))


def outside_needed(config: CalibrateConfig) -> int:
    """The fewest queries from outside that carry the promise, if none of them is accepted."""
    return math.ceil(math.log1p(-config.promise) / math.log1p(-config.outside_accepted))


def choose_threshold(outside: Floats, config: CalibrateConfig) -> tuple[float, bool]:
    """The lowest threshold that keeps queries from outside out.

    It accepts as many of the given queries as leave, as surely as promised, no more than
    ``outside_accepted`` of all such queries; where they are too few for that, none of them.
    Never below ``least_probability``.

    Args:
        outside: probabilities of queries from outside, by models that were fitted without them.

    Returns:
        The threshold, and whether there were queries enough for the promise.
    """
    accepted = 0
    while highest_share(accepted + 1, len(outside), config.promise) <= config.outside_accepted:
        accepted += 1
    promised = highest_share(accepted, len(outside), config.promise) <= config.outside_accepted
    threshold = config.least_probability
    if accepted < len(outside):
        refused = float(np.sort(outside)[-1 - accepted])
        threshold = max(threshold, math.nextafter(refused, 2))
    return min(threshold, 1.0), promised


def choose_levels(level: Floats, known: NDArray[np.bool_]) -> tuple[float, float]:
    """Levels at which radii hold 90% of the truths, of known places and of others.

    Distributional conformal prediction (Chernozhukov, Wuethrich and Zhu, 2021): where the error of
    each query stands in the distribution predicted for it would be uniform if that were right. The
    quantile of where it does stand holds 90%, right or not. It is taken among known places and
    others apart (Vovk, "Conditional validity of inductive conformal predictors", 2012), and among
    all of them where one kind is rare.

    Args:
        level: ``(n,)`` of queries from inside the map, by models that were fitted without them.
        known: ``(n,)``, whether their probability, by the same models, reaches the threshold.
    """
    kinds = (level[known], level[~known])
    of_known, of_others = (_conformal(x if len(x) >= FEWEST_LEVELS else level) for x in kinds)
    return of_known, of_others


def _conformal(level: Floats) -> float:
    """The ``ceil(0.9 (n + 1))``-th smallest; 1 where there are too few for one."""
    place = math.ceil(HELD * (len(level) + 1))
    return float(np.sort(level)[place - 1]) if place <= len(level) else 1.0
