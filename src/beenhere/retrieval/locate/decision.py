"""From the candidates of a query to an answer: how sure it is, and whether that is enough."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.config import config_yaml
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError
from beenhere.photos.reference import REFERENCES, kind_of
from beenhere.retrieval.locate.answer import Candidates, Location, Place, Status
from beenhere.retrieval.locate.confidence import Confidence
from beenhere.retrieval.locate.inlier_rule import LEAST_GAP, LEAST_INLIERS, InlierGap

LOCATE_OPTIONS = "locate"
"""Under this name a calibration keeps :meth:`LocateConfig.evidence`."""

_UNVERIFIED = ("by", "matches", "radius", "temperature")
"""Options that decide the evidence where matches are not verified."""


@dataclass(frozen=True)
class DecisionRule:
    """Decides by an index's calibration, if it has one, whether a place is known.

    Attributes:
        plain: for matches by similarity alone; None where that was not calibrated.
        verified: for verified matches; None where that was not calibrated.
        verify: which of them was asked for.
        threshold: the probability to ask for; None: the calibration's.
        no_match: the reason that is given where there is no match at all, in a sentence.
    """

    plain: Confidence | None
    verified: Confidence | None
    verify: bool
    threshold: float | None
    no_match: str

    @classmethod
    def of(
        cls,
        calibration: Mapping[str, Any] | None,
        verify: bool,
        config: LocateConfig,
        no_match: str,
    ) -> "DecisionRule":
        """The rule of an index's calibration.

        Raises:
            ConfigError: a threshold without the calibration it needs, verification without its
                own, or options that make other evidence than it was fitted for.
            DataError: a calibration that cannot be read.
        """
        check_as_calibrated(calibration, config, verify)
        threshold = config.threshold
        parts = calibration or {}
        plain, verified = (
            Confidence.read(parts[part]) if parts.get(part) else None
            for part in ("plain", "verified")
        )
        if verify and plain is not None and verified is None:
            raise ConfigError(
                "the index was calibrated for matches by similarity alone, so it cannot say how "
                "sure verified ones are; calibrate it by beenhere calibrate --verify, or leave "
                "verification out"
            )
        if threshold is not None and (verified if verify else plain) is None:
            raise ConfigError(
                f"threshold is {threshold}, but the index was not calibrated, so there is no "
                "probability; leave it out, or calibrate the index first"
            )
        return cls(plain, verified, verify, threshold, no_match)

    def location(self, name: str, found: Candidates) -> Location:
        """The answer for a photo alone."""
        place, runner_up = (*found.places, None, None)[:2]
        return self._location(name, found, place, runner_up, self.probability(found))

    def location_on_path(
        self, name: str, found: Candidates, states: NDArray[np.float64]
    ) -> Location:
        """The answer for a frame of a sequence.

        Args:
            states: ``(n + 1,)`` probabilities of its places, and of none of them, given all frames.
        """
        order = np.argsort(-states[:-1], kind="stable")
        place, runner_up = (*(found.places[row] for row in order), None, None)[:2]
        calibrated = place is not None and self._confidence(found) is not None
        probability = float(states[order[0]]) if calibrated else None
        return self._location(name, found, place, runner_up, probability)

    def probability(self, found: Candidates) -> float | None:
        """That the likeliest place is right, by this photo alone; None if not calibrated."""
        confidence = self._confidence(found)
        if confidence is None or found.evidence is None:
            return None
        return float(confidence.probability(found.evidence[None])[0])

    def _confidence(self, found: Candidates) -> Confidence | None:
        # Where no match could be verified the evidence is plain, whatever was asked for.
        verified = any(match.inliers is not None for match in found.matches)
        return self.verified if verified else self.plain

    def _location(
        self,
        name: str,
        found: Candidates,
        place: Place | None,
        runner_up: Place | None,
        probability: float | None,
    ) -> Location:
        confidence = self._confidence(found)
        threshold = self.threshold
        if threshold is None and confidence is not None:
            threshold = confidence.threshold
        reason = None
        if not found.matches:
            reason = self.no_match
        elif place is None:
            count = len(found.matches)
            photos = "photo has no place" if count == 1 else f"{count} photos have no places"
            reason = f"the most similar {photos}"
        elif confidence is None and self.verify and self.verified is not None:
            reason = "no match can be verified, and the index is calibrated for verified ones alone"
        elif probability is not None and threshold is not None and probability < threshold:
            reason = f"the probability is {probability:.3f}, below the threshold of {threshold:.3f}"
        radius = None
        if confidence is not None and probability is not None and REFERENCES[kind_of(place)].unit:
            found_radius = float(confidence.radius_at(np.array([probability]))[0])
            radius = found_radius if math.isfinite(found_radius) else None
        status: Status = "known" if reason is None else "unknown"
        if status == "known" and confidence is None and place is not None:
            reason = _why_a_guess(found.gap, place)
            status = "known" if reason is None else "guess"
        return Location(
            query=name,
            status=status,
            place=place,
            radius=radius,
            probability=probability,
            threshold=threshold,
            runner_up=runner_up,
            # As verification orders them; without it, by rank.
            matches=tuple(sorted(found.matches, key=lambda match: -(match.inliers or 0))),
            reason=reason,
            gap=found.gap,
        )


def verifies(calibration: Mapping[str, Any] | None) -> bool:
    """Whether matches are verified where nobody says otherwise.

    They are, unless the index is calibrated for matches by similarity alone.
    """
    return not (calibration and calibration.get("plain")) or bool(calibration.get("verified"))


def _why_a_guess(gap: InlierGap | None, place: Place) -> str | None:
    """Why a place is no more than a guess while the index is not calibrated; None: it is known."""
    if gap is None:
        return "similar photos alone do not prove a place, and the index is not calibrated"
    if gap.known and any(match.rank == gap.rank for match in place.matches):
        return None
    return (
        f"its best match has {gap}; known takes {LEAST_INLIERS}, and {LEAST_GAP} more than "
        "elsewhere"
    )


def locate_options(
    calibration: Mapping[str, Any] | None, options: Mapping[str, Any], source: str
) -> LocateConfig:
    """The options to ask with: those given, then those of the calibration, then the defaults.

    Args:
        calibration: of the index, if it has one.
        options: by name, groups within groups.
        source: what errors call the options.

    Raises:
        ConfigError: an unknown option, or a value out of range.
    """
    values: dict[str, Any] = {}
    if calibration and LOCATE_OPTIONS in calibration:
        values = copy.deepcopy(_calibrated_options(calibration))
    by = values.get("by", "auto")
    config_yaml.change(values, options)
    if values.get("by") == "auto":
        values["by"] = by
    return config_yaml.validate(LocateConfig, values, source)


def check_as_calibrated(
    calibration: Mapping[str, Any] | None, config: LocateConfig, verify: bool
) -> None:
    """See that probabilities mean what they meant when they were fitted.

    Raises:
        ConfigError: an option that decides the evidence is another; both values are named.
    """
    if not calibration:
        return
    fitted, asked = _calibrated_options(calibration), config.evidence()
    for name in asked if verify else _UNVERIFIED:
        if name in fitted and asked[name] != fitted[name]:
            one, other = _first_difference(name, asked[name], fitted.get(name))
            raise ConfigError(
                f"{one}, but the index was calibrated with {other}: leave it out, or calibrate "
                "the index again with it (beenhere calibrate INDEX --set NAME=VALUE)"
            )


def _calibrated_options(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """Those that decide the evidence; calibrations that do not say so are of positions."""
    return {"by": "position", **calibration.get(LOCATE_OPTIONS, {})}


def _first_difference(name: str, asked: Any, fitted: Any) -> tuple[str, Any]:
    if isinstance(asked, Mapping) and isinstance(fitted, Mapping):
        for inner, value in asked.items():
            if value != fitted.get(inner):
                return _first_difference(f"{name}.{inner}", value, fitted.get(inner))
    return f"{name} is {asked}", fitted
