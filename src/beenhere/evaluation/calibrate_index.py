"""Calibrate an index: ask it queries with known answers, fit, measure, and keep what was fitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from beenhere import __version__, config_yaml
from beenhere.config import CalibrateConfig, LocateConfig
from beenhere.datasets.table import PhotoTable
from beenhere.evaluation.calibration import Calibration, fit_calibration
from beenhere.evaluation.calibration_queries import AskedQueries, CalibrationQueries
from beenhere.retrieval.locate.asking import KEPT

if TYPE_CHECKING:
    from beenhere.retrieval.index import Index


@dataclass(frozen=True)
class CalibratedIndex:
    """What was fitted for an index, and on what.

    Attributes:
        calibrations: by how matches are ordered, ``"plain"`` and, if asked for, ``"verified"``.
        asked: the queries of each.
        locate: how they were asked; answers are to be asked for alike.
        fitted: when, by which version, and on which photos, in words.
    """

    calibrations: Mapping[str, Calibration]
    asked: Mapping[str, AskedQueries]
    locate: LocateConfig
    fitted: Mapping[str, Any]

    def values(self) -> dict[str, Any]:
        """Plain values, as an index keeps them: the confidences, and how they were fitted."""
        confidences = {way: one.confidence.values() for way, one in self.calibrations.items()}
        held_out = {way: one.held_out.values() for way, one in self.calibrations.items()}
        notes = {way: list(one.notes) for way, one in self.calibrations.items()}
        return {
            **confidences,
            KEPT: self.locate.evidence(),
            "fitted": {**self.fitted, "held_out": held_out, "notes": notes},
        }


def calibrate_index(
    index: "Index",
    queries: PhotoTable | None,
    outside: PhotoTable | None,
    verify: bool,
    config: CalibrateConfig,
    locate: LocateConfig,
    wait: float = 0,
) -> CalibratedIndex:
    """Fit the confidence of an index's answers; the index keeps it.

    Args:
        index: with photos that have positions.
        queries: photos with positions; None: photos of the index, a makeshift.
        outside: photos of places that the index does not have; None: none but those made by
            hiding the place of each query.
        verify: fit it for verified matches too.
        config: what to hide, hold out and promise.
        locate: how to ask.
        wait: seconds to wait for another process that writes the index.

    Raises:
        DataError: too few queries, right or wrong answers, or streets; none that can be read;
            another process writes the index, or it cannot be written.
        ConfigError: verification needs a package that is not there.
    """
    verifier = None
    if verify:
        from beenhere.retrieval.verify import Verifier

        verifier = Verifier(locate.verification)
    set_of = CalibrationQueries(index, queries, outside, config, locate)
    asked = {"plain": set_of.ask(None)}
    if verifier is not None:
        asked["verified"] = set_of.ask(verifier)
    calibrations = {way: fit_calibration(one.labelled, config) for way, one in asked.items()}
    fitted = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "beenhere": __version__,
        "queries": "photos of the index" if queries is None else queries.source,
        "outside": None if outside is None else outside.source,
        "options": config_yaml.plain(config),
    }
    found = CalibratedIndex(calibrations, asked, locate, fitted)
    index.set_calibration(found.values(), wait)
    return found
