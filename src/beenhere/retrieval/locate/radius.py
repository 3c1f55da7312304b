"""How far an answer may be off, given how likely it is to be right.

An answer is right (within 25 m) or lies somewhere else, hundreds of metres away. So its error is
drawn from two distributions, near and far, mixed by the probability: a radius that shall hold 90%
stays below 25 m where right answers are likelier than 90%, and leaps where they are not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.locate.probability import sigmoid

Floats = NDArray[np.float64]

RIGHT_WITHIN = 25.0
"""Metres from the truth within which a position is right."""

LEAST_RADIUS = 1.0
"""Metres. No photo's own position is known better."""


@dataclass(frozen=True)
class ErrorModel:
    """The distribution of an answer's error, for queries from inside the map.

    Attributes:
        slope, intercept: turn the logit of the probability, which knows of queries from outside,
            into that for a query from inside; slope 0 or more.
        near: metres, rising: quantiles of right answers' errors, evenly from level 0 to 1.
        far: alike, of wrong ones.
    """

    slope: float
    intercept: float
    near: tuple[float, ...]
    far: tuple[float, ...]

    def level(self, logit: Floats, error_m: Floats) -> Floats:
        """The share of answers alike that have at most this error, ``(n,)`` in [0, 1]."""
        right = self._right(logit)
        near = np.interp(error_m, self.near, _levels(self.near))
        far = np.interp(error_m, self.far, _levels(self.far))
        return np.where(error_m <= RIGHT_WITHIN, right * near, right + (1 - right) * far)

    def quantile(self, logit: Floats, level: Floats) -> Floats:
        """The error in metres that a share ``level`` of answers alike does not pass, ``(n,)``.

        The inverse of :meth:`level`; at least :data:`LEAST_RADIUS`, at most the last of ``far``.
        """
        right = self._right(logit)
        among_right = np.minimum(level / np.maximum(right, 1e-300), 1)
        among_wrong = np.clip((level - right) / np.maximum(1 - right, 1e-300), 0, 1)
        near = np.interp(among_right, _levels(self.near), self.near)
        far = np.interp(among_wrong, _levels(self.far), self.far)
        return np.maximum(np.where(level <= right, near, far), LEAST_RADIUS)

    def _right(self, logit: Floats) -> Floats:
        return sigmoid(self.slope * logit + self.intercept)


def _levels(table: tuple[float, ...]) -> Floats:
    return np.linspace(0, 1, len(table))
