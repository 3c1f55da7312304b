"""Fit the confidence of answers on labelled queries, and measure it on queries held out.

What is fitted, in the order of the steps:

1. The probability that an answer lies within 25 m of the truth: logistic regression on the
   evidence, with queries from outside the map among the wrong ones.
2. How far answers are off: the errors of right and of wrong answers, mixed by that probability.
3. The threshold from which on a place counts as known, so that few queries from outside pass.
4. The level at which radii hold 90% of the truths.

Steps 3 and 4 look at probabilities of queries whose street the model did not see (cross-fitting).
All four steps are done again for every part that is held out, so nothing that is measured on a
street was fitted or chosen on it; what is stored is fitted on all queries.
"""

from dataclasses import dataclass

import numpy as np

from beenhere.config import CalibrateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration_figures import CalibrationFigures, HeldOut, measure
from beenhere.evaluation.calibration_fit import cross_fitted, fit_model, folds
from beenhere.evaluation.calibration_limits import (
    choose_levels,
    choose_threshold,
    outside_needed,
)
from beenhere.evaluation.labelled_evidence import LabelledEvidence
from beenhere.retrieval.locate.confidence import HELD, Confidence, sigmoid

FEWEST = 50
"""Queries from inside the map."""

FEWEST_OF_A_KIND = 10
"""Right answers, and wrong ones."""

FEWEST_STREETS = 3
"""On which right answers stand."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A confidence and what held-out queries say of it.

    Attributes:
        confidence: fitted on all queries; :meth:`Confidence.values` is what an index keeps.
        held_out: figures of queries held out, street by street.
        notes: what the queries were too few for, a sentence each.
    """

    confidence: Confidence
    held_out: CalibrationFigures
    notes: tuple[str, ...]


def fit_calibration(labelled: LabelledEvidence, config: CalibrateConfig) -> Calibration:
    """Fit the confidence of answers, and measure it on held-out streets.

    Args:
        labelled: queries from inside and outside the map, verified or not.
        config: parts, mix, promises, intervals.

    Raises:
        DataError: too few queries, right or wrong answers, or streets.
    """
    _check(labelled)
    n = len(labelled)
    probability, radius, known = np.empty(n), np.empty(n), np.empty(n, bool)
    for fitted, held in folds(labelled, config.folds):
        confidence = fit_confidence(labelled[fitted], config)
        features = labelled.features[held]
        probability[held] = confidence.probability(features)
        radius[held] = confidence.radius(features)
        known[held] = probability[held] >= confidence.threshold
    measured = HeldOut(
        probability, known, radius, labelled.error_m, labelled.outside, labelled.groups
    )
    return Calibration(
        fit_confidence(labelled, config),
        measure(measured, config),
        tuple(_notes(labelled, measured, config)),
    )


def fit_confidence(labelled: LabelledEvidence, config: CalibrateConfig) -> Confidence:
    """All four steps on all the queries given.

    Raises:
        DataError: right answers on too few streets to hold one out.
    """
    logit, level = np.empty(len(labelled)), np.empty(len(labelled))
    for model, held in cross_fitted(labelled, config.outside_share, config.folds):
        logit[held] = model.probability.logit(labelled.features[held])
        level[held] = model.errors.level(logit[held], labelled.error_m[held])
    probability, inside = sigmoid(logit), ~labelled.outside
    threshold, promised = choose_threshold(probability[labelled.outside], config)
    level_known, level_unknown = choose_levels(level[inside], probability[inside] >= threshold)
    model = fit_model(labelled, config.outside_share)
    return Confidence(
        verified=labelled.verified,
        threshold=threshold,
        model=model.probability,
        errors=model.errors,
        level_known=level_known,
        level_unknown=level_unknown,
        fitted={
            "inside": int(inside.sum()),
            "outside": int(labelled.outside.sum()),
            "right": int(labelled.right.sum()),
            "streets": len(np.unique(labelled.groups)),
            "outside_share": config.outside_share if labelled.outside.any() else 0.0,
            "outside_accepted": config.outside_accepted,
            "promise": config.promise,
            "promised": promised,
        },
    )


def _check(labelled: LabelledEvidence) -> None:
    inside, right = int((~labelled.outside).sum()), int(labelled.right.sum())
    if inside < FEWEST:
        raise DataError(
            f"{inside:,} queries from inside the map; expected {FEWEST} or more to calibrate: give "
            "more photos whose position is known"
        )
    if right < FEWEST_OF_A_KIND or len(labelled) - right < FEWEST_OF_A_KIND:
        kind = "right" if right < FEWEST_OF_A_KIND else "wrong"
        many = min(right, len(labelled) - right)
        raise DataError(
            f"{many:,} of {len(labelled):,} answers are {kind}; expected {FEWEST_OF_A_KIND} or "
            "more: "
            + (
                "take a better model, or other queries"
                if kind == "right"
                else "give harder queries, or photos from outside the map"
            )
        )
    found = len(np.unique(labelled.groups[labelled.right]))
    if found < FEWEST_STREETS:
        raise DataError(
            f"right answers stand on {found} streets; expected {FEWEST_STREETS} or more, to hold "
            "one out: give queries from more places, or a smaller gap"
        )


def _notes(labelled: LabelledEvidence, held: HeldOut, config: CalibrateConfig) -> list[str]:
    notes = []
    outside, needed = int(labelled.outside.sum()), outside_needed(config)
    if outside == 0:
        notes.append(
            "no query from outside the map: how many such are accepted is not known, and "
            f"probabilities take all queries for inside; the threshold is "
            f"{config.least_probability:g}"
        )
    elif outside < needed:
        notes.append(
            f"{outside:,} queries from outside the map are too few to promise that at most "
            f"{config.outside_accepted:.1%} of such are accepted; {needed:,} would do. The "
            "threshold is above all of them"
        )
    known = held.known & ~held.outside
    if not known.any():
        notes.append("no query reaches the threshold: every place is called unknown")
    elif held.right[known].mean() < HELD:
        notes.append(
            "more than one known place in ten is wrong, so a radius that holds 90% reaches as far "
            "as wrong answers go"
        )
    streets = len(np.unique(labelled.groups))
    if streets < 20:
        notes.append(f"queries stand on {streets} streets: intervals are rough below 20")
    return notes
