"""How likely a position is right, by the evidence for it: a logistic model, applied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.locate.evidence import FEATURES

Floats = NDArray[np.float64]

VERIFIED = ("inliers", "inlier_margin")
"""Features that only verified matches have."""

_SPREAD_UNIT = 10.0


def _signed_log(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


SCALES: Mapping[str, Callable[[Floats], Floats]] = {
    "similarity": lambda cosine: cosine,
    "margin": lambda cosine: cosine,
    "share": lambda share: share,
    # Below some metres, which positions are off anyway, less spread says nothing more.
    "spread": lambda metres: np.log1p(metres / _SPREAD_UNIT),
    "inliers": np.log1p,
    "inlier_margin": _signed_log,
}
"""On what scale each feature speaks for or against a place; each rises with its feature."""


def scaled(features: Floats, name: str) -> Floats:
    """One feature of ``(n, 6)`` on its scale, ``(n,)``."""
    return SCALES[name](features[:, FEATURES.index(name)])


@dataclass(frozen=True)
class Term:
    """What one feature adds to the logit of the probability.

    Attributes:
        feature: of :data:`beenhere.retrieval.locate.evidence.FEATURES`.
        slope: logits for a step of 1 on the feature's scale.
        low, high: on that scale, the range that was seen when it was fitted. What lies beyond
            counts as its end: nothing is known there.
    """

    feature: str
    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class ProbabilityModel:
    """Logistic regression on a few features.

    Attributes:
        intercept: logits. terms: of the features that speak.
    """

    intercept: float
    terms: tuple[Term, ...]

    def logit(self, features: Floats) -> Floats:
        """Of the probability that an answer is right, ``(n,)``, for evidence ``(n, 6)``.

        Raises:
            DataError: another shape, or a feature that it asks for is not finite.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or features.shape[1] != len(FEATURES):
            raise DataError(
                f"evidence has the shape {features.shape}; expected (n, {len(FEATURES)}): "
                f"{', '.join(FEATURES)}"
            )
        logit = np.full(len(features), self.intercept)
        for term in self.terms:
            value = scaled(features, term.feature)
            bad = ~np.isfinite(value)
            if bad.any():
                advice = (
                    "verify the matches, or use the calibration of plain evidence"
                    if term.feature in VERIFIED
                    else "leave out queries without a place"
                )
                raise DataError(
                    f"{term.feature} of {int(bad.sum())} of {len(value)} answers is not finite; "
                    f"expected a number: {advice}"
                )
            logit += term.slope * np.clip(value, term.low, term.high)
        return logit


def sigmoid(logit: Floats) -> Floats:
    """``1 / (1 + exp(-logit))``, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logit)))
