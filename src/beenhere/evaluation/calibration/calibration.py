"""Fit the confidence of answers on labelled queries, and measure it on queries held out.

The steps of the fit are those of :mod:`beenhere.evaluation.calibration.confidence_fit`. All of them
are done again for every part that is held out, so nothing that is measured on a street was fitted
or chosen on it; the confidence that is stored is fitted on all queries.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.config.evaluation import CalibrateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.confidence_fit import (
    fit_confidence,
    highest_share,
    outside_needed,
)
from beenhere.evaluation.calibration.held_out import CalibrationFigures, HeldOutAnswers, measure
from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence, folds
from beenhere.retrieval.locate.confidence import HELD, Confidence

FEWEST = 10
"""Queries from inside the map."""

FEWEST_OF_A_KIND = 5
"""Right answers, and wrong ones."""

FEWEST_STREETS = 3
"""With right answers."""

FEW = 50
"""Queries from inside the map below which intervals are so wide that it is said."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A confidence, and figures of it on held-out queries.

    Attributes:
        confidence: fitted on all queries; :meth:`Confidence.values` is what an index keeps.
        held_out: figures of queries held out, street by street.
        notes: a sentence for each figure that the queries were too few for.
    """

    confidence: Confidence
    held_out: CalibrationFigures
    notes: tuple[str, ...]


def fit_calibration(labelled: LabelledEvidence, config: CalibrateConfig) -> Calibration:
    """Fit the confidence of answers, and measure it on held-out streets.

    Args:
        labelled: queries from inside and outside the map, verified or not.
        config: parts, mix, bounds, intervals.

    Raises:
        DataError: too few queries, right or wrong answers, or streets.
    """
    _check(labelled)
    n = len(labelled)
    probability, radius, known = np.empty(n), np.empty(n), np.empty(n, bool)
    for fitted, out in folds(labelled, config.folds):
        # The threshold and the levels too: chosen on the held-out part they would look too good.
        confidence = fit_confidence(labelled[fitted], config)
        features = labelled.features[out]
        probability[out] = confidence.probability(features)
        radius[out] = confidence.radius(features)
        known[out] = probability[out] >= confidence.threshold
    figures = measure(HeldOutAnswers(labelled, probability, known, radius), config)
    notes = [*_notes(labelled, known, radius, config)]
    held = figures.held_known
    if labelled.by != "place" and held.high < HELD:
        notes.append(
            f"radii held {held.value:.0%} of the truths of known places, not {HELD:.0%}: how far "
            "answers are off differs from place to place; give queries from more of them"
        )
    return Calibration(fit_confidence(labelled, config), figures, tuple(notes))


def _check(labelled: LabelledEvidence) -> None:
    inside, right = int((~labelled.outside).sum()), int(labelled.right.sum())
    if inside < FEWEST:
        raise DataError(
            f"{inside:,} queries from inside the map; expected {FEWEST} or more to calibrate: give "
            "more photos whose position is known"
        )
    for many, kind, advice in (
        (right, "right", "take a better model, or other queries"),
        (len(labelled) - right, "wrong", "give harder queries, or photos from outside the map"),
    ):
        if many < FEWEST_OF_A_KIND:
            raise DataError(
                f"{many:,} of {len(labelled):,} answers are {kind}; expected {FEWEST_OF_A_KIND} "
                f"or more: {advice}"
            )
    found = len(np.unique(labelled.groups[labelled.right]))
    if found < FEWEST_STREETS:
        raise DataError(
            f"right answers are {labelled.reference.in_groups(found)}; expected "
            f"{FEWEST_STREETS} or more, to hold one out: give queries from more places"
            + (", or a smaller gap" if labelled.by != "place" else "")
        )


def _notes(
    labelled: LabelledEvidence,
    known: NDArray[np.bool_],
    radius: NDArray[np.float64],
    config: CalibrateConfig,
) -> list[str]:
    notes = []
    outside, needed = int(labelled.outside.sum()), outside_needed(config)
    inside = int((~labelled.outside).sum())
    if inside < FEW:
        notes.append(
            f"{inside:,} queries from inside the map: probabilities are rough; {FEW} would do"
        )
    if outside == 0:
        notes.append(
            "no query from outside the map: how many such are accepted is not known, and "
            f"probabilities take all queries for inside; the threshold is "
            f"{config.least_probability:g}"
        )
    elif outside < needed:
        most = highest_share(0, outside, config.outside_confidence)
        notes.append(
            f"{outside:,} queries from outside the map are too few to promise that at most "
            f"{config.outside_accepted:.1%} of such are accepted; {needed:,} would do. The "
            f"threshold is above all of them, which promises {most:.1%}"
        )
    known_inside = known & ~labelled.outside
    if not known_inside.any():
        notes.append("no query reaches the threshold: every place is called unknown")
    elif labelled.by != "place" and labelled.right[known_inside].mean() < HELD:
        notes.append(
            "more than one known place in ten is wrong, so a radius that holds 90% reaches as far "
            "as wrong answers go"
        )
    endless = int(np.isinf(radius[known_inside]).sum())
    if endless and labelled.by != "place":
        notes.append(
            f"{endless:,} known places have no radius: too many wrong answers lie on another map"
        )
    streets = len(np.unique(labelled.groups))
    if streets < 20:
        said = labelled.reference.in_groups(streets)
        notes.append(f"queries are {said}: intervals are rough below 20")
    return notes
