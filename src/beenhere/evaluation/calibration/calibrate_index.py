"""Calibrate an index: ask it queries with known answers, fit, measure, and keep what was fitted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beenhere import __version__
from beenhere.config import config_yaml
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import (
    FEWEST_OF_A_KIND,
    FEWEST_STREETS,
    Calibration,
    fit_calibration,
)
from beenhere.evaluation.calibration.calibration_queries import CalibrationQueries, QueryEvidence
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.decision import LOCATE_OPTIONS
from beenhere.retrieval.verify import Verifier

_REASONS = 3
"""Why photos were left out, that an error names."""


@dataclass(frozen=True)
class IndexCalibration:
    """The confidences that were fitted for an index, and on which queries.

    Attributes:
        calibrations: by how matches are ordered, ``"plain"`` and, if asked for, ``"verified"``.
        asked: the queries of each.
        locate: how they were asked; answers are to be asked for alike.
        fitted: when, by which version, and on which photos, in words.
    """

    calibrations: Mapping[str, Calibration]
    asked: Mapping[str, QueryEvidence]
    locate: LocateConfig
    fitted: Mapping[str, Any]

    def values(self) -> dict[str, Any]:
        """Plain values, as an index keeps them: the confidences, and how they were fitted."""
        found = self.calibrations.items()
        held_out = {way: one.held_out.values() for way, one in found}
        notes = {way: list(one.notes) for way, one in found}
        return {
            **{way: one.confidence.values() for way, one in found},
            LOCATE_OPTIONS: self.locate.evidence(),
            "fitted": {**self.fitted, "held_out": held_out, "notes": notes},
        }


def calibrate_index(
    index: Index,
    queries: PhotoTable | str | Path | None,
    outside: PhotoTable | str | Path | None,
    verify: bool,
    config: CalibrateConfig,
    locate: LocateConfig,
    wait: float = 0,
) -> IndexCalibration:
    """Fit the confidence of an index's answers; the index keeps it.

    Args:
        index: with photos of which it is known where they were taken: positions, x and y, frames
            or names, by ``locate.by``.
        queries: photos of which the same is known, a table or a path of any format that is known;
            None: photos of the index, a makeshift.
        outside: photos of places that the index does not have, alike; None: none but those made
            by hiding the place of each query.
        verify: fit it for verified matches too.
        config: what to hide and to hold out, and the bounds.
        locate: how to ask.
        wait: seconds to wait for another process that writes the index.

    Raises:
        DataError: too few queries, right or wrong answers, or streets; none that can be read;
            another process writes the index, or it cannot be written.
        ConfigError: verification needs a package that is not there; distances that do not go with
            what is known.
    """
    # Plain first: that queries are too few is known before minutes of verification.
    ways: dict[str, Verifier | None] = {"plain": None}
    if verify:
        from beenhere.retrieval import verify as verification

        ways["verified"] = verification.Verifier(locate.verification)
    inside, elsewhere = (
        read_photos(photos) if isinstance(photos, str | Path) else photos
        for photos in (queries, outside)
    )
    set_of = CalibrationQueries(index, inside, elsewhere, config, locate)
    asked, calibrations = {}, {}
    for way, verifier in ways.items():
        asked[way] = set_of.ask(verifier)
        try:
            calibrations[way] = fit_calibration(asked[way].labelled, config)
        except DataError as error:
            gap = None
            if asked[way].labelled.right.sum() >= FEWEST_OF_A_KIND:
                gap = set_of.workable_gap(asked[way].labelled, FEWEST_STREETS)
            advice = "" if gap is None else f", such as --gap {gap:g}"
            raise DataError(
                f"{error}{advice}; {_counted(asked[way], inside, elsewhere)}"
            ) from error
    fitted = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "beenhere": __version__,
        "queries": "photos of the index" if inside is None else _named(queries, inside),
        "outside": None if elsewhere is None else _named(outside, elsewhere),
        # With the distances that go with the photos.
        "options": config_yaml.plain(config.model_copy(update=asdict(set_of.distances))),
    }
    found = IndexCalibration(calibrations, asked, set_of.locate, fitted)
    index.set_calibration(found.values(), wait)
    return found


def _named(given: PhotoTable | str | Path | None, table: PhotoTable) -> str:
    """Photos in words: the path, if one was given, and what was found there."""
    return f"{given} ({table.source})" if isinstance(given, str | Path) else table.source


def _counted(asked: QueryEvidence, inside: PhotoTable | None, outside: PhotoTable | None) -> str:
    """How many photos were given, and why some of them do not count as from inside the map."""
    given = "photos of the index were asked"
    if inside is not None:
        given = f"{len(inside) + len(inside.unusable):,} queries were given"
    if outside is not None:
        given += f", {len(outside) + len(outside.unusable):,} photos from elsewhere"
    counts = []
    if asked.unmatched:
        near = asked.labelled.reference.within(asked.labelled.within)
        counts.append(f"{asked.unmatched:,} outside the map (no photo of it {near})")
    reasons = Counter(reason for _, reason in asked.left_out)
    if reasons:
        most = [f"{reason}: {number:,}" for reason, number in reasons.most_common(_REASONS)]
        more = ", ..." if len(reasons) > _REASONS else ""
        counts.append(f"{len(asked.left_out):,} left out ({', '.join(most)}{more})")
    return ": ".join(filter(None, (given, ", ".join(counts))))
