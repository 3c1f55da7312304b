"""How likely a position is right, and how far it may be off: evidence, and a calibration of it.

How a calibration is found: :mod:`beenhere.evaluation.calibration`.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.photos.reference import REFERENCES, Kind
from beenhere.retrieval.locate.answer import Match, Place

Floats = NDArray[np.float64]

FEATURES = ("similarity", "margin", "share", "spread", "inliers", "inlier_margin")
"""Names of the numbers of :func:`evidence`, in their order."""

VERIFIED = ("inliers", "inlier_margin")
"""Features that only verified matches have."""

HELD = 0.9
"""Share of the truths that radii shall hold."""

SURE = 1e-9
"""From 0 and 1, where a logit ends."""

_SPREAD_UNIT = 10.0


def evidence(
    place: Place, runner_up: Place | None, matches: Sequence[Match], min_inliers: int = 0
) -> NDArray[np.float64]:
    """The evidence for a place, ``(6,)``, by :data:`FEATURES`.

    - ``similarity``: highest cosine of the place's matches, [-1, 1].
    - ``margin``: that less the highest cosine of the runner-up's matches. Where there is none, less
      that of all other matches; where all are the place's, less the lowest that was looked at.
    - ``share``: of the evidence of all matches, (0, 1].
    - ``spread``: in the unit of the places.
    - ``inliers``: most of any of the place's matches, 0 if only others were verified; NaN where
      none of all matches was.
    - ``inlier_margin``: that less the most of any of the runner-up's matches, or of all other
      matches, or 0; NaN where none was verified.

    Args:
        place: that the evidence is for.
        runner_up: the next likeliest, if there is one.
        matches: all that were looked at, the place's own among them.
        min_inliers: fewer count as 0.
    """
    own = {match.rank for match in place.matches}
    others = [match for match in matches if match.rank not in own]
    rivals = runner_up.matches if runner_up is not None else others
    similarity = max(match.similarity for match in place.matches)
    rival = max(
        (match.similarity for match in rivals),
        default=min(match.similarity for match in place.matches),
    )
    verified = any(match.inliers is not None for match in matches)
    inliers = _inliers(place.matches, min_inliers) if verified else np.nan
    margins = similarity - rival, inliers - _inliers(rivals, min_inliers)
    return np.array([similarity, margins[0], place.share, place.spread, inliers, margins[1]])


def _inliers(matches: Sequence[Match], least: int) -> int:
    most = max((match.inliers or 0 for match in matches), default=0)
    return most if most >= least else 0


SCALES: Mapping[str, Callable[[Floats], Floats]] = {
    "similarity": lambda cosine: cosine,
    "margin": lambda cosine: cosine,
    "share": lambda share: share,
    # Below some metres, which positions are off anyway, less spread says nothing more.
    "spread": lambda metres: np.log1p(metres / _SPREAD_UNIT),
    "inliers": np.log1p,
    "inlier_margin": lambda inliers: np.sign(inliers) * np.log1p(np.abs(inliers)),
}
"""On what scale each feature speaks for or against a place; each rises with its feature."""


def scaled(features: Floats, name: str) -> Floats:
    """One feature of ``(n, 6)`` on its scale, ``(n,)``."""
    return SCALES[name](features[:, FEATURES.index(name)])


@dataclass(frozen=True)
class Term:
    """One feature's part in the logit of the probability.

    Attributes:
        feature: of :data:`FEATURES`.
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
    """Logistic regression on a few features; the intercept in logits."""

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


@dataclass(frozen=True)
class ErrorModel:
    """The distribution of an answer's error, for queries from inside the map.

    An answer is right (within 25 m) or lies somewhere else, hundreds of metres away. So its error
    is drawn from two distributions, near and far, mixed by the probability: a radius that shall
    hold 90% stays below 25 m where right answers are likelier than 90%, and leaps where they are
    not. An answer on another map, or of another name, is infinitely far off.

    Attributes:
        slope, intercept: turn the logit of the probability, which knows of queries from outside,
            into that for a query from inside; slope 0 or more.
        near: rising, in the unit of ``by``: quantiles of right answers' errors, evenly from level 0
            to 1.
        far: alike, of wrong ones that lie on the map of the truth.
        by: what says where photos were taken.
        within: how far from the truth an answer is right.
        elsewhere: share of the wrong ones that lie on another map.
    """

    slope: float
    intercept: float
    near: tuple[float, ...]
    far: tuple[float, ...]
    by: Kind = "position"
    within: float = REFERENCES["position"].radius
    elsewhere: float = 0.0

    def level(self, logit: Floats, error_m: Floats) -> Floats:
        """The share of answers alike that have at most this error, ``(n,)`` in [0, 1]."""
        right = self._right(logit)
        near = np.interp(error_m, self.near, _levels(self.near))
        far = np.interp(error_m, self.far, _levels(self.far))
        far = np.where(np.isfinite(error_m), far * (1 - self.elsewhere), 1.0)
        return np.where(error_m <= self.within, right * near, right + (1 - right) * far)

    def quantile(self, logit: Floats, level: Floats) -> Floats:
        """The error that a share ``level`` of answers alike does not pass, ``(n,)``.

        The inverse of :meth:`level`; no less than positions are known, whole frames, at most the
        last of ``far``, or infinite: too many lie on another map.
        """
        right = self._right(logit)
        among_right = np.minimum(level / np.maximum(right, 1e-300), 1)
        among_wrong = np.clip((level - right) / np.maximum(1 - right, 1e-300), 0, 1)
        near = np.interp(among_right, _levels(self.near), self.near)
        here = 1 - self.elsewhere
        far = np.interp(among_wrong / max(here, 1e-300), _levels(self.far), self.far)
        far = np.where(among_wrong <= here + SURE, far, np.inf)
        radius = np.where(level <= right, near, far)
        if self.by == "frame":
            # Quantiles of equal errors are a hair apart, so that they rise.
            radius = np.ceil(radius - 1e-3)
        return np.maximum(radius, REFERENCES[self.by].least)

    def _right(self, logit: Floats) -> Floats:
        return sigmoid(self.slope * logit + self.intercept)


def _levels(table: tuple[float, ...]) -> Floats:
    return np.linspace(0, 1, len(table))


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
        """That answers lie within ``errors.within`` of the truth, ``(n,)`` in [0, 1].

        Args:
            features: ``(n, 6)``, by :func:`evidence`.

        Raises:
            DataError: another shape, or a feature that it asks for is not finite.
        """
        return sigmoid(self.model.logit(features))

    def radius(self, features: Floats) -> Floats:
        """Metres, or frames, around answers that hold 90% of the truths, ``(n,)``.

        For queries from inside the map: one from outside has no truth to be held. Where answers
        are wrong more often than one time in ten it reaches as far as wrong answers go: it is
        infinite where these lie on other maps, and of no use where places have names.

        Args:
            features: as for :meth:`probability`.

        Raises:
            DataError: as :meth:`probability`.
        """
        return self._radius(self.model.logit(features))

    def radius_at(self, probability: Floats) -> Floats:
        """The radius of answers of some probability, ``(n,)``, as :meth:`radius` has it.

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
            "terms": {term.pop("feature"): term for term in map(asdict, self.model.terms)},
            "errors": {
                **asdict(self.errors),
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
                    # Calibrations from before are all of positions.
                    by=REFERENCES[errors.get("by", "position")].kind,
                    within=_number({"within": 25.0, **errors}, "within", 0),
                    elsewhere=_number({"elsewhere": 0.0, **errors}, "elsewhere", 0, 1),
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
        raise ValueError(f"{name} holds {len(table)} numbers; expected finite ones that rise")
    return table
