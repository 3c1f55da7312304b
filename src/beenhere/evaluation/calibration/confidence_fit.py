"""Fit the confidence of answers on labelled queries.

What is fitted, in the order of the steps:

1. The probability that an answer is right, such as within 25 m of the truth: logistic regression
   on the evidence, with queries from outside the map among the wrong ones.
2. How far answers are off: the errors of right and of wrong answers, mixed by that probability.
3. The threshold from which on a place counts as known, so that few queries from outside pass.
4. The level at which radii hold 90% of the truths.

Steps 3 and 4 look at probabilities of queries whose street the model did not see (cross-fitting).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from beenhere.config.evaluation import CalibrateConfig
from beenhere.errors import DataError
from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence, folds, mix_weights
from beenhere.retrieval.locate.confidence import (
    FEATURES,
    HELD,
    VERIFIED,
    Confidence,
    ErrorModel,
    ProbabilityModel,
    Term,
    scaled,
    sigmoid,
)

Floats = NDArray[np.float64]

EITHER_WAY = "spread"
"""The feature whose sign is left open: matches far apart speak against a place, but a match alone,
which says little, has spread 0."""

INVERSE_PENALTY = 1.0
"""scikit-learn's ``C`` on standardised features; hardly felt from some hundreds of queries on."""

QUANTILES = 101
"""Of the errors of right and of wrong answers, that are kept."""

FEWEST_LEVELS = 20
"""Queries whose errors tell the level of a radius."""

_TIE = 1e-6


def fit_confidence(labelled: LabelledEvidence, config: CalibrateConfig) -> Confidence:
    """All four steps on all the queries given.

    Raises:
        DataError: right answers on too few streets to hold one out.
    """
    logit, level = np.empty(len(labelled)), np.empty(len(labelled))
    for fitted, held in folds(labelled, config.folds):
        model = fit_model(labelled[fitted], config.outside_share)
        logit[held] = model.probability.logit(labelled.features[held])
        level[held] = model.errors.level(logit[held], labelled.error_m[held])
    probability, inside = sigmoid(logit), ~labelled.outside
    threshold, bounded = choose_threshold(probability[labelled.outside], config)
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
            "outside_confidence": config.outside_confidence,
            "outside_bounded": bounded,
        },
    )


@dataclass(frozen=True)
class FittedModel:
    """The first two steps: before a threshold and the levels of radii are chosen."""

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
    inside, logit = ~labelled.outside, model.logit(labelled.features)
    slope, intercept = _platt(logit[inside], right[inside])
    near, far = labelled.error_m[right], labelled.error_m[inside & ~right]
    here = np.isfinite(far)  # the others lie on other maps
    elsewhere = 1 - float(here.mean()) if len(far) else 0.0
    errors = ErrorModel(
        slope=slope,
        intercept=intercept,
        near=_quantiles(near, labelled.within),
        far=_quantiles(far[here], labelled.within),
        by=labelled.by,
        within=labelled.within,
        elsewhere=elsewhere,
    )
    return FittedModel(model, errors)


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


def _quantiles(metres: Floats, within: float) -> tuple[float, ...]:
    """Evenly from level 0 to 1, rising; of nothing: the end of being right."""
    if len(metres) == 0:
        return (within,)
    table = np.quantile(metres, np.linspace(0, 1, QUANTILES))
    # Positions that were rounded alike give equal errors; then the level would not be one number.
    table = np.maximum.accumulate(table) + _TIE * np.arange(QUANTILES)
    return tuple(table.tolist())


def highest_share(accepted: int, queries: int, confidence: float) -> float:
    """Upper bound of the share that is accepted of all such queries, where some of these were.

    One-sided and exact at a confidence level: Clopper and Pearson, "The use of confidence or
    fiducial limits illustrated in the case of the binomial" (1934).
    """
    if accepted >= queries:
        return 1.0
    return float(betaincinv(accepted + 1, queries - accepted, confidence))


def outside_needed(config: CalibrateConfig) -> int:
    """The fewest queries from outside for the bound to hold, if none of them is accepted."""
    return math.ceil(math.log1p(-config.outside_confidence) / math.log1p(-config.outside_accepted))


def choose_threshold(outside: Floats, config: CalibrateConfig) -> tuple[float, bool]:
    """The lowest threshold that keeps queries from outside out.

    It accepts as many of the given queries as leave the upper bound of :func:`highest_share` at the
    level ``outside_confidence`` no higher than ``outside_accepted``; where they are too few for
    that, none of them. Never below ``least_probability``.

    Args:
        outside: probabilities of queries from outside, by models that were fitted without them.

    Returns:
        The threshold, and whether there were queries enough for the bound to hold.
    """

    def within(accepted: int) -> bool:
        bound = highest_share(accepted, len(outside), config.outside_confidence)
        return bound <= config.outside_accepted

    accepted = 0
    while within(accepted + 1):
        accepted += 1
    threshold = config.least_probability
    if accepted < len(outside):
        refused = float(np.sort(outside)[-1 - accepted])
        threshold = max(threshold, math.nextafter(refused, 2))
    return min(threshold, 1.0), within(accepted)


def choose_levels(level: Floats, known: NDArray[np.bool_]) -> tuple[float, float]:
    """Levels at which radii hold 90% of the truths, of known places and of others.

    Distributional conformal prediction (Chernozhukov, Wuethrich and Zhu, 2021): where the error of
    each query lies in the distribution predicted for it would be uniform if that were right. The
    quantile of where it does lie holds 90%, right or not. It is taken among known places and
    others apart (Vovk, "Conditional validity of inductive conformal predictors", 2012), and among
    all of them where one kind is rare.

    Args:
        level: ``(n,)`` of queries from inside the map, by models that were fitted without them.
        known: ``(n,)``, whether their probability, by the same models, reaches the threshold.
    """
    kinds = (level[known], level[~known])
    of_known, of_others = (_conformal(x if len(x) >= FEWEST_LEVELS else level) for x in kinds)
    return of_known, of_others


def _conformal(level: Floats) -> float:
    """The ``ceil(0.9 (n + 1))``-th smallest; 1 where there are too few for one."""
    place = math.ceil(HELD * (len(level) + 1))
    return float(np.sort(level)[place - 1]) if place <= len(level) else 1.0
