"""Figures of queries that were held out, with intervals."""

from dataclasses import dataclass, fields
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from beenhere.config.evaluation import CalibrateConfig
from beenhere.evaluation.calibration import probability_scores as scores
from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence, mix_weights
from beenhere.evaluation.statistics import percentile_interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PRECISIONS = (0.95, 0.99)
"""Share of right answers for which it is said how many queries are answered."""


@dataclass(frozen=True, eq=False)
class HeldOutAnswers:
    """Answers to ``n`` queries by models that were fitted on other streets; arrays ``(n,)``.

    Attributes:
        labelled: the queries.
        probability: that the answer is right. known: whether it reaches that model's threshold.
        radius: metres or frames; infinite where none holds.
    """

    labelled: LabelledEvidence
    probability: Floats
    known: Flags
    radius: Floats


@dataclass(frozen=True)
class Share:
    """A share and its interval, in [0, 1]; NaN where there is nothing to count.

    Attributes:
        value, low, high: the share, and the ends of the interval.
        count, of: queries, where it is one number of them over another.
    """

    value: float
    low: float
    high: float
    count: int | None = None
    of: int | None = None


@dataclass(frozen=True)
class Promise:
    """A threshold above which a share of right answers is promised.

    Attributes:
        threshold: NaN where the queries are too few, or too often wrong, to promise it.
        answered: of the queries from inside, above it; exact interval.
        fewest: answers that can promise it, if all of them are right.
    """

    threshold: float
    answered: Share
    fewest: int


@dataclass(frozen=True, eq=False)
class CalibrationFigures:
    """Figures of held-out queries. Queries from outside weigh ``outside_share`` of all in those
    that count both kinds: precision, the calibration error, Brier score and log loss.

    Attributes:
        inside, outside, located, streets: how many queries, of those from inside how many are
            located rightly (within 25 m), and on how many streets they are.
        reliability: the diagram.
        expected_calibration_error: the mean gap between probability and share of right answers.
        error_if_perfect, error_limit: what chance alone gives in the mean, and in 95 of 100 cases.
        brier, log_loss: of the probabilities; base_log_loss: of always saying the mean.
        curve: precision and recall at every threshold. area: under it.
        answered: of the queries from inside, at their thresholds.
        precision, recall: at their thresholds.
        answered_at: at each of :data:`PRECISIONS`, by the best threshold on these very queries,
            which gives less on others.
        promised: each of :data:`PRECISIONS`, of all answers, by a threshold that was tested.
        outside_accepted: of the queries from outside, at their thresholds; exact interval.
        held_known, held: truths that lie within the radius: of known places and of all queries from
            inside; exact intervals.
        radius_known: metres, or frames, median of known places from inside; NaN of none.
    """

    inside: int
    outside: int
    located: int
    streets: int
    reliability: scores.Reliability
    expected_calibration_error: float
    error_if_perfect: float
    error_limit: float
    brier: float
    log_loss: float
    base_log_loss: float
    curve: scores.PrecisionRecall
    area: Share
    answered: Share
    precision: Share
    recall: Share
    answered_at: dict[float, Share]
    promised: dict[float, Promise]
    outside_accepted: Share
    held_known: Share
    held: Share
    radius_known: float

    def values(self) -> dict[str, Any]:
        """In plain values, without the curve's points; a share is its value and interval."""
        names = [each.name for each in fields(self) if each.name != "curve"]
        return {name: _plain(getattr(self, name)) for name in names}


def measure(held: HeldOutAnswers, config: CalibrateConfig) -> CalibrationFigures:
    """All figures of held-out queries; intervals by the bootstrap over streets.

    Queries of one street come out alike, so streets are drawn, not queries (Field and Welsh,
    "Bootstrapping clustered data", 2007). With fewer than some twenty streets intervals are rough.

    Args:
        held: at least one query from inside.
        config: the mix, bins, and intervals.
    """
    labelled, p, known = held.labelled, held.probability, held.known
    right, outside = labelled.right, labelled.outside
    weight = mix_weights(outside, config.outside_share)
    mean = np.full(len(p), np.average(right, weights=weight))
    perfect = scores.error_if_perfect(p, weight, config.bins, config.resamples, config.seed)
    diagram = scores.reliability(p, right, weight, config.bins)
    value = _shares(p, known, right, outside, weight)
    shares = {name: Share(value[name], *ends) for name, ends in _intervals(held, config).items()}
    known_inside = known & ~outside
    within = labelled.error_m <= held.radius
    return CalibrationFigures(
        inside=int((~outside).sum()),
        outside=int(outside.sum()),
        located=int(right.sum()),
        streets=len(np.unique(labelled.groups)),
        reliability=diagram,
        expected_calibration_error=diagram.error,
        error_if_perfect=float(perfect.mean()),
        error_limit=float(np.quantile(perfect, 0.95)),
        brier=scores.brier(p, right, weight),
        log_loss=scores.log_loss(p, right, weight),
        base_log_loss=scores.log_loss(mean, right, weight),
        curve=scores.precision_recall(p, right, outside, weight),
        **{name: shares[name] for name in ("area", "answered", "precision", "recall")},
        answered_at={wanted: shares[f"answered at {wanted}"] for wanted in PRECISIONS},
        promised={
            wanted: Promise(
                sure := scores.sure_threshold(p, right, weight, wanted, config.confidence),
                exact_share(p[~outside] >= sure, config.confidence),
                scores.fewest_answers(wanted, config.confidence),
            )
            for wanted in PRECISIONS
        },
        outside_accepted=exact_share(known[outside], config.confidence),
        held_known=exact_share(within[known_inside], config.confidence),
        held=exact_share(within[~outside], config.confidence),
        radius_known=float(np.median(held.radius[known_inside])) if known_inside.any() else nan,
    )


def _plain(value: Any) -> Any:
    """For JSON, which has neither NaN nor infinity."""
    if isinstance(value, Share):
        return [_plain(each) for each in (value.value, value.low, value.high)]
    if isinstance(value, scores.Reliability):
        return {name: each.tolist() for name, each in vars(value).items()}
    if isinstance(value, Promise):
        return {name: _plain(each) for name, each in vars(value).items()}
    if isinstance(value, dict):
        return {f"{100 * precision:g}%": _plain(share) for precision, share in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def exact_share(hits: Flags, confidence: float) -> Share:
    """A share with its two-sided exact interval (Clopper and Pearson, 1934).

    It takes queries for independent; those of one street are less so.
    """
    n, count = len(hits), int(hits.sum())
    if n == 0:
        return Share(nan, nan, nan, 0, 0)
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Share(count / n, low, high, count, n)


def _intervals(held: HeldOutAnswers, config: CalibrateConfig) -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(config.seed)
    labelled, right = held.labelled, held.labelled.right
    _, street = np.unique(labelled.groups, return_inverse=True)
    streets = int(street.max()) + 1
    drawn = []
    for times in rng.multinomial(streets, np.full(streets, 1 / streets), config.resamples):
        rows = np.flatnonzero(times[street])
        outside = labelled.outside[rows]
        weight = _mixed(outside, times[street[rows]], config.outside_share)
        p, accepted = held.probability[rows], held.known[rows]
        drawn.append(_shares(p, accepted, right[rows], outside, weight))
    intervals = {}
    for name in drawn[0]:
        values = np.array([one[name] for one in drawn])
        values = values[np.isfinite(values)]
        known = len(values) > 0
        intervals[name] = percentile_interval(values, config.confidence) if known else (nan, nan)
    return intervals


def _mixed(outside: Flags, times: NDArray[np.int64], outside_share: float) -> Floats:
    """Weights of queries drawn several times, with the same share from outside as before."""
    inside, drawn = float(times[~outside].sum()), float(times[outside].sum())
    if inside == 0 or drawn == 0:
        return times.astype(np.float64)
    each = np.where(outside, outside_share / drawn, (1 - outside_share) / inside)
    return np.asarray(times * each)


def _shares(
    probability: Floats, known: Flags, right: Flags, outside: Flags, weight: Floats
) -> dict[str, float]:
    inside = ~outside
    curve = scores.precision_recall(probability, right, outside, weight)
    there, accepted = float(weight[inside].sum()), float(weight[known].sum())
    if there == 0:
        names = ["answered", "precision", "recall", "area"]
        return dict.fromkeys(names + [f"answered at {p}" for p in PRECISIONS], nan)
    found = float(weight[known & right].sum())
    return {
        "answered": float(weight[known & inside].sum()) / there,
        "precision": found / accepted if accepted else nan,
        "recall": found / there,
        "area": curve.area,
        **{f"answered at {p}": curve.answered_at(p) for p in PRECISIONS},
    }
