"""Scores of probabilities against what came true; each query counts by a weight."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: bins of equal weight, by rising probability; arrays are ``(bins,)``.

    Attributes:
        probability: mean of the bin. right: share of right answers. weight: of all queries, adding
            up to 1.
    """

    probability: Floats
    right: Floats
    weight: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between probability and share, in [0, 1].

        Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
        binning" (2015); with bins of equal weight, as Nguyen and O'Connor (2015) take them. It is
        above 0 by chance for a perfect model too: see :func:`error_if_perfect`.
        """
        return float(self.weight @ np.abs(self.probability - self.right))


def reliability(probability: Floats, right: Flags, weight: Floats, bins: int) -> Reliability:
    """Bins of equal weight; fewer than ``bins`` where there are fewer queries."""
    members, shares = _binned(probability, weight, bins)
    mass = np.bincount(members, shares).astype(np.float64)
    return Reliability(
        np.bincount(members, shares * probability) / mass,
        np.bincount(members, shares * right) / mass,
        mass,
    )


def error_if_perfect(
    probability: Floats, weight: Floats, bins: int, draws: int, seed: int
) -> Floats:
    """Expected calibration errors that chance gives if every probability is true, ``(draws,)``.

    Truths are drawn by the probabilities themselves (Broecker and Smith, "Increasing the
    reliability of reliability diagrams", 2007), each by itself: queries of one street that come out
    alike would give more.
    """
    members, shares = _binned(probability, weight, bins)
    expected = np.bincount(members, shares * probability)
    rng, errors = np.random.default_rng(seed), np.empty(draws)
    for draw in range(draws):
        true = rng.random(len(probability)) < probability
        errors[draw] = np.abs(np.bincount(members, shares * true) - expected).sum()
    return errors


def _binned(probability: Floats, weight: Floats, bins: int) -> tuple[NDArray[np.intp], Floats]:
    """The bin of each query, and its share of all weight; no bin is empty."""
    shares = weight / weight.sum()
    order = np.argsort(probability, kind="stable")
    middle = np.cumsum(shares[order]) - shares[order] / 2
    members = np.empty(len(order), np.intp)
    members[order] = np.minimum((middle * bins).astype(np.intp), bins - 1)
    return np.unique(members, return_inverse=True)[1], shares


def brier(probability: Floats, right: Flags, weight: Floats) -> float:
    """Mean squared difference to the truth, in [0, 1]; lower is better (Brier, 1950)."""
    return float(np.average((probability - right) ** 2, weights=weight))


def log_loss(probability: Floats, right: Flags, weight: Floats) -> float:
    """Mean of ``-log`` of the probability given to what came true; lower is better."""
    given = np.maximum(np.where(right, probability, 1 - probability), np.finfo(float).tiny)
    return float(np.average(-np.log(given), weights=weight))


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision, recall and answers as the threshold falls; arrays are ``(thresholds,)``.

    Attributes:
        threshold: every probability that occurs, falling.
        precision: share of right answers among all that are accepted, from outside too.
        recall: queries from inside that are accepted and right, as a share of all from inside: it
            ends at the share that is located at all, not at 1.
        answered: queries from inside that are accepted, right or wrong, as a share of them.
    """

    threshold: Floats
    precision: Floats
    recall: Floats
    answered: Floats

    @property
    def area(self) -> float:
        """Under precision against recall, by steps (average precision), in [0, 1].

        No more than the share that is located at all.
        """
        return float(np.diff(self.recall, prepend=0) @ self.precision)

    def answered_at(self, precision: float) -> float:
        """The largest share of queries from inside that is answered at such a precision.

        Of many thresholds the luckiest on these very queries: on others it gives less.
        """
        return float(np.max(self.answered[self.precision >= precision], initial=0))


def precision_recall(
    probability: Floats, right: Flags, outside: Flags, weight: Floats
) -> PrecisionRecall:
    """The curve of queries, each counted by its weight; queries from outside lower precision."""
    order = np.argsort(-probability, kind="stable")
    falling, counted = probability[order], weight[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    accepted = np.cumsum(counted)[last]
    found = np.cumsum(counted * right[order])[last]
    inside = np.cumsum(counted * ~outside[order])[last]
    there = max(float(weight[~outside].sum()), np.finfo(float).tiny)
    return PrecisionRecall(
        falling[last],
        # Bootstrap weights may be 0 for all that is accepted first.
        np.divide(found, accepted, out=np.zeros(len(last)), where=accepted > 0),
        found / there,
        inside / there,
    )


STARTS = 3
"""Numbers of answers, each twice the one before, from which on thresholds are tried."""


def sure_threshold(
    probability: Floats, right: Flags, weight: Floats, precision: float, confidence: float
) -> float:
    """The lowest threshold above which ``precision`` can be promised; NaN where none can.

    Whatever is promised is less than that with a probability of ``1 - confidence`` at most,
    though the threshold is chosen on the same queries: it is tested, not picked (Angelopoulos et
    al., "Learn then test", 2021). From some numbers of answers on, with the level shared between
    them, thresholds fall as long as the exact lower bound (Clopper and Pearson, 1934) of the share
    of right answers holds it. Weights count as so many fewer answers (Kish, 1965). Answers are
    taken for independent.

    Args:
        probability: ``(n,)``, by models that were fitted without the query.
    """
    level = (1 - confidence) / STARTS
    order = np.argsort(-probability, kind="stable")
    counted = weight[order]
    total = np.cumsum(counted)
    many = total**2 / np.maximum(np.cumsum(counted**2), np.finfo(float).tiny)
    hits = many * np.cumsum(counted * right[order]) / np.maximum(total, np.finfo(float).tiny)
    # 0 where there is no hit, which betaincinv has no bound for.
    lower = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-9), many - hits + 1, level), 0.0)
    falling = probability[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # equal ones go together
    lowest = math.nan
    for start in fewest_answers(precision, confidence) * 2 ** np.arange(STARTS):
        for end in ends[many[ends] >= start]:
            if lower[end] < precision:
                break
            lowest = float(np.fmin(lowest, falling[end]))
    return lowest


def fewest_answers(precision: float, confidence: float) -> int:
    """That can promise it, if all of them are right."""
    return math.ceil(math.log((1 - confidence) / STARTS) / math.log(precision))
