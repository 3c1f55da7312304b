"""Fit how likely answers are right, and how far they are off, on labelled queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.evaluation.labelled_evidence import LabelledEvidence, mix_weights
from beenhere.retrieval.locate.confidence import (
    FEATURES,
    RIGHT_WITHIN,
    VERIFIED,
    ErrorModel,
    ProbabilityModel,
    Term,
    scaled,
)

Floats = NDArray[np.float64]

EITHER_WAY = "spread"
"""The feature whose sign is left open: matches far apart speak against a place, but a match alone,
which says little, has spread 0."""

INVERSE_PENALTY = 1.0
"""scikit-learn's ``C`` on standardised features; hardly felt from some hundreds of queries on."""

QUANTILES = 101
"""Of the errors of right and of wrong answers, that are kept."""

_TIE = 1e-6


@dataclass(frozen=True)
class FittedModel:
    """What a fit finds, before a threshold and the levels of radii are chosen."""

    probability: ProbabilityModel
    errors: ErrorModel


def fit_model(labelled: LabelledEvidence, outside_share: float) -> FittedModel:
    """Logistic regression of being right on the evidence, and the errors of both kinds of answers.

    More similarity, margin, share or inliers never make an answer less likely: a feature whose
    slope would come out negative is left out, and the others are fitted again.

    Args:
        labelled: queries, from outside too.
        outside_share: of all queries, as :func:`mix_weights` takes it.

    Raises:
        DataError: all answers are right, or none is.
    """
    right = labelled.right
    if right.all() or not right.any():
        raise DataError(
            f"{int(right.sum()):,} of {len(right):,} answers of a part are right; expected right "
            "and wrong ones on several streets: give more queries, in more streets"
        )
    weights = mix_weights(labelled.outside, outside_share)
    names = [name for name in FEATURES if labelled.verified or name not in VERIFIED]
    while True:
        values = np.stack([scaled(labelled.features, name) for name in names], axis=1)
        slopes, intercept = _logistic(values, right, weights)
        against = [
            (slope * values[:, column].std(), column)
            for column, slope in enumerate(slopes)
            if slope < 0 and names[column] != EITHER_WAY
        ]
        if not against:
            break
        del names[min(against)[1]]
    terms = tuple(
        Term(name, float(slope), float(column.min()), float(column.max()))
        for name, slope, column in zip(names, slopes, values.T, strict=True)
    )
    model = ProbabilityModel(intercept, terms)
    return FittedModel(model, _fit_errors(labelled, model.logit(labelled.features)))


def _fit_errors(labelled: LabelledEvidence, logit: Floats) -> ErrorModel:
    inside, right = ~labelled.outside, labelled.right
    slope, intercept = _platt(logit[inside], right[inside])
    near, far = labelled.error_m[right], labelled.error_m[inside & ~right]
    far = far[np.isfinite(far)]
    return ErrorModel(slope, intercept, _quantiles(near), _quantiles(far))


def _platt(logit: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept from one logit to another: Platt scaling with his soft targets.

    Platt, "Probabilistic outputs for support vector machines" (1999), section 2.2: as if there
    were one more of each kind, so that a sample without wrong answers has a finite fit.
    """
    many, few = int(right.sum()), int((~right).sum())
    target = np.where(right, (many + 1) / (many + 2), 1 / (few + 2))
    twice = np.concatenate([logit, logit])[:, None]
    label = np.repeat([True, False], len(logit))
    slopes, intercept = _logistic(twice, label, np.concatenate([target, 1 - target]))
    if slopes[0] < 0:
        share = (many + 1) / (many + few + 2)
        return 0.0, float(np.log(share / (1 - share)))
    return float(slopes[0]), intercept


def _logistic(values: Floats, right: NDArray[np.bool_], weights: Floats) -> tuple[Floats, float]:
    """Slopes ``(features,)`` and intercept, on the scale of the values."""
    from sklearn.linear_model import LogisticRegression

    centre, deviation = values.mean(axis=0), values.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000)
    fitted.fit((values - centre) / deviation, right, weights)
    slopes = fitted.coef_[0] / deviation
    return slopes, float(fitted.intercept_[0] - slopes @ centre)


def _quantiles(metres: Floats) -> tuple[float, ...]:
    """Evenly from level 0 to 1, rising; of nothing: the end of being right."""
    if len(metres) == 0:
        return (RIGHT_WITHIN,)
    table = np.quantile(metres, np.linspace(0, 1, QUANTILES))
    # Positions that were rounded alike give equal errors; then the level would not be one number.
    table = np.maximum.accumulate(table) + _TIE * np.arange(QUANTILES)
    return tuple(table.tolist())


def folds(
    labelled: LabelledEvidence, count: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to fit on and rows held out; no street stands on both sides, every row is out once.

    Right answers are spread over the parts as evenly as streets allow.

    Args:
        labelled: of two or more streets.
        count: parts; fewer where there are fewer streets or right answers.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    right = labelled.right
    most = min(count, len(np.unique(labelled.groups)), int(right.sum()), int((~right).sum()))
    split = StratifiedGroupKFold(max(2, most))
    for fitted, held in split.split(labelled.features, right, labelled.groups):
        # A part may stay empty where few streets hold most queries.
        if len(held):
            yield fitted, held


def cross_fitted(
    labelled: LabelledEvidence, outside_share: float, count: int
) -> Iterator[tuple[FittedModel, NDArray[np.intp]]]:
    """A model for each part of the queries, fitted on the others, and the part's rows."""
    for fitted, held in folds(labelled, count):
        yield fit_model(labelled[fitted], outside_share), held
