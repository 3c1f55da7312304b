"""How likely a position is right, and how far it may be off: what a calibration found, applied.

How it is found: :mod:`beenhere.evaluation.calibration.calibration`.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.locate.evidence import FEATURES
from beenhere.retrieval.locate.probability import ProbabilityModel, Term, sigmoid
from beenhere.retrieval.locate.radius import ErrorModel

Floats = NDArray[np.float64]

HELD = 0.9
"""Share of the truths that radii shall hold."""

SURE = 1e-9
"""From 0 and 1, where a logit ends."""


@dataclass(frozen=True)
class Confidence:
    """Probability and radius of an answer by the evidence for it.

    Attributes:
        verified: whether it was fitted on verified matches, and asks for their inliers.
        threshold: the probability from which on a place counts as known, [0, 1].
        model: of the probability.
        errors: how far answers are off.
        level_known, level_unknown: of ``errors`` at which radii hold 90% of the truths, for places
            that count as known and for others; in [0, 1].
        fitted: on what and how, in plain values.
    """

    verified: bool
    threshold: float
    model: ProbabilityModel
    errors: ErrorModel
    level_known: float
    level_unknown: float
    fitted: Mapping[str, Any]

    def probability(self, features: Floats) -> Floats:
        """That answers lie within 25 m of the truth, ``(n,)`` in [0, 1].

        Args:
            features: ``(n, 6)``, by :func:`beenhere.retrieval.locate.evidence.evidence`.

        Raises:
            DataError: another shape, or a feature that it asks for is not finite.
        """
        return sigmoid(self.model.logit(features))

    def radius(self, features: Floats) -> Floats:
        """Metres around answers that hold 90% of the truths, ``(n,)``, finite and above 0.

        For queries from inside the map: one from outside has no truth to be held. Where answers
        are wrong more often than one time in ten it reaches as far as wrong answers go.

        Args:
            features: as for :meth:`probability`.

        Raises:
            DataError: as :meth:`probability`.
        """
        return self._radius(self.model.logit(features))

    def radius_at(self, probability: Floats) -> Floats:
        """The radius of answers of some probability, ``(n,)`` metres, as :meth:`radius` has it.

        Args:
            probability: ``(n,)`` in [0, 1], such as that of a place given a whole sequence.
        """
        inside = np.clip(probability, SURE, 1 - SURE)
        return self._radius(np.log(inside / (1 - inside)))

    def _radius(self, logit: Floats) -> Floats:
        known = sigmoid(logit) >= self.threshold
        level = np.where(known, self.level_known, self.level_unknown)
        return self.errors.quantile(logit, level)

    def values(self) -> dict[str, Any]:
        """All of it in plain values, to be written as YAML or JSON; see :meth:`read`."""
        return {
            "verified": self.verified,
            "threshold": self.threshold,
            "intercept": self.model.intercept,
            "terms": {
                term.feature: {"slope": term.slope, "low": term.low, "high": term.high}
                for term in self.model.terms
            },
            "errors": {
                "slope": self.errors.slope,
                "intercept": self.errors.intercept,
                "near": list(self.errors.near),
                "far": list(self.errors.far),
            },
            "level_known": self.level_known,
            "level_unknown": self.level_unknown,
            "fitted": dict(self.fitted),
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Confidence":
        """From :meth:`values`; equal to the last bit.

        Raises:
            DataError: a value is missing, or out of its range.
        """
        try:
            errors = values["errors"]
            terms = [_term(name, term) for name, term in values["terms"].items()]
            terms.sort(key=lambda term: FEATURES.index(term.feature))
            return cls(
                verified=bool(values["verified"]),
                threshold=_number(values, "threshold", 0, 1),
                model=ProbabilityModel(_number(values, "intercept"), tuple(terms)),
                errors=ErrorModel(
                    slope=_number(errors, "slope", 0),
                    intercept=_number(errors, "intercept"),
                    near=_rising(errors, "near"),
                    far=_rising(errors, "far"),
                ),
                level_known=_number(values, "level_known", 0, 1),
                level_unknown=_number(values, "level_unknown", 0, 1),
                fitted=dict(values["fitted"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"a calibration cannot be read: {what}; calibrate the index again"
            ) from error


def _term(name: str, values: Mapping[str, Any]) -> Term:
    if name not in FEATURES:
        raise ValueError(f"it knows a feature {name!r}; expected one of {', '.join(FEATURES)}")
    low = _number(values, "low")
    return Term(name, _number(values, "slope"), low, _number(values, "high", low))


def _number(
    values: Mapping[str, Any], name: str, least: float = -math.inf, most: float = math.inf
) -> float:
    value = values[name]
    number = isinstance(value, int | float) and math.isfinite(value)
    if not (number and least <= value <= most):
        raise ValueError(f"{name} is {value}; expected a number from {least:g} to {most:g}")
    return float(value)


def _rising(values: Mapping[str, Any], name: str) -> tuple[float, ...]:
    table = tuple(float(value) for value in values[name])
    finite = bool(table) and all(map(math.isfinite, table)) and table[0] >= 0
    if not finite or any(b <= a for a, b in itertools.pairwise(table)):
        raise ValueError(f"{name} holds {len(table)} numbers; expected finite metres that rise")
    return table
