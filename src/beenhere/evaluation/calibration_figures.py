"""What held-out queries say of a calibration, with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from beenhere.config import CalibrateConfig
from beenhere.evaluation import calibration_curves as curves
from beenhere.evaluation.labelled_evidence import mix_weights
from beenhere.evaluation.resampling import percentile_interval
from beenhere.retrieval.locate.confidence import RIGHT_WITHIN

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PRECISIONS = (0.95, 0.99)
"""At which it is told how many queries are answered."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What models say of ``n`` queries on whose streets they were not fitted; arrays ``(n,)``.

    Attributes:
        probability: that the answer is right. known: whether it reaches that model's threshold.
        radius: metres. error_m: metres to the truth, infinite from outside.
        outside: whether from outside the map. groups: streets.
    """

    probability: Floats
    known: Flags
    radius: Floats
    error_m: Floats
    outside: Flags
    groups: NDArray[np.int64]

    @property
    def right(self) -> Flags:
        """``(n,)``: whether the answer lies within 25 m of the truth."""
        return self.error_m <= RIGHT_WITHIN


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


@dataclass(frozen=True, eq=False)
class CalibrationFigures:
    """Figures of held-out queries. Queries from outside weigh ``outside_share`` of all in those
    that count both kinds: precision, the calibration error, Brier score and log loss.

    Attributes:
        inside, outside, located, streets: how many queries, of those from inside how many are
            located within 25 m, and on how many streets they stand.
        reliability: the diagram. error: expected calibration error.
        error_if_perfect, error_limit: what chance alone gives in the mean, and in 95 of 100 cases.
        brier, log_loss: of the probabilities; base_log_loss: of always saying the mean.
        curve: precision and recall at every threshold. area: under it.
        answered: of the queries from inside, at their thresholds.
        precision, recall: at their thresholds.
        answered_at: at each of :data:`PRECISIONS`, by the threshold that gives it.
        outside_accepted: of the queries from outside, at their thresholds; exact interval.
        held_known, held: truths that lie within the radius: of known places and of all queries from
            inside; exact intervals.
        radius_known: metres, median of known places from inside; NaN of none.
    """

    inside: int
    outside: int
    located: int
    streets: int
    reliability: curves.Reliability
    error: float
    error_if_perfect: float
    error_limit: float
    brier: float
    log_loss: float
    base_log_loss: float
    curve: curves.PrecisionRecall
    area: Share
    answered: Share
    precision: Share
    recall: Share
    answered_at: dict[float, Share]
    outside_accepted: Share
    held_known: Share
    held: Share
    radius_known: float

    def values(self) -> dict[str, Any]:
        """In plain values, without the curve's points; a share is its value and interval."""

        def of(share: Share) -> list[float | None]:
            return [None if np.isnan(x) else x for x in (share.value, share.low, share.high)]

        diagram = self.reliability
        return {
            "inside": self.inside,
            "outside": self.outside,
            "located": self.located,
            "streets": self.streets,
            "expected_calibration_error": self.error,
            "error_if_perfect": self.error_if_perfect,
            "error_limit": self.error_limit,
            "brier": self.brier,
            "log_loss": self.log_loss,
            "base_log_loss": self.base_log_loss,
            "area": of(self.area),
            "answered": of(self.answered),
            "precision": of(self.precision),
            "recall": of(self.recall),
            "answered_at": {f"{100 * p:g}%": of(one) for p, one in self.answered_at.items()},
            "outside_accepted": of(self.outside_accepted),
            "held_known": of(self.held_known),
            "held": of(self.held),
            "radius_known": None if np.isnan(self.radius_known) else self.radius_known,
            "reliability": {
                "probability": diagram.probability.tolist(),
                "right": diagram.right.tolist(),
                "weight": diagram.weight.tolist(),
            },
        }


def measure(held: HeldOut, config: CalibrateConfig) -> CalibrationFigures:
    """All figures of held-out queries; intervals by the bootstrap over streets.

    Queries of one street come out alike, so streets are drawn, not queries (Field and Welsh,
    "Bootstrapping clustered data", 2007). With fewer than some twenty streets intervals are rough.

    Args:
        held: at least one query from inside.
        config: the mix, bins, and intervals.
    """
    weight = mix_weights(held.outside, config.outside_share)
    p, right, inside = held.probability, held.right, ~held.outside
    mean = np.full(len(p), np.average(right, weights=weight))
    perfect = curves.error_if_perfect(p, weight, config.bins, config.resamples, config.seed)
    diagram = curves.reliability(p, right, weight, config.bins)
    value = _shares(held, weight)
    low, high = _intervals(held, config)
    shares = {name: Share(value[name], low[name], high[name]) for name in value}
    known_inside = inside & held.known
    within = held.error_m <= held.radius
    return CalibrationFigures(
        inside=int(inside.sum()),
        outside=int(held.outside.sum()),
        located=int(right.sum()),
        streets=len(np.unique(held.groups)),
        reliability=diagram,
        error=diagram.error,
        error_if_perfect=float(perfect.mean()),
        error_limit=float(np.quantile(perfect, 0.95)),
        brier=curves.brier(p, right, weight),
        log_loss=curves.log_loss(p, right, weight),
        base_log_loss=curves.log_loss(mean, right, weight),
        curve=curves.precision_recall(p, right, held.outside, weight),
        area=shares["area"],
        answered=shares["answered"],
        precision=shares["precision"],
        recall=shares["recall"],
        answered_at={wanted: shares[f"answered at {wanted}"] for wanted in PRECISIONS},
        outside_accepted=exact_share(held.known[held.outside], config.confidence),
        held_known=exact_share(within[known_inside], config.confidence),
        held=exact_share(within[inside], config.confidence),
        radius_known=float(np.median(held.radius[known_inside]))
        if known_inside.any()
        else float("nan"),
    )


def exact_share(hits: Flags, confidence: float) -> Share:
    """A share with its two-sided exact interval (Clopper and Pearson, 1934).

    It takes queries for independent; those of one street are less so.
    """
    n, count = len(hits), int(hits.sum())
    if n == 0:
        return Share(float("nan"), float("nan"), float("nan"), 0, 0)
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Share(count / n, low, high, count, n)


def _intervals(held: HeldOut, config: CalibrateConfig) -> tuple[dict[str, float], dict[str, float]]:
    rng = np.random.default_rng(config.seed)
    _, street = np.unique(held.groups, return_inverse=True)
    streets = int(street.max()) + 1
    drawn = []
    for times in rng.multinomial(streets, np.full(streets, 1 / streets), config.resamples):
        rows = np.flatnonzero(times[street])
        outside, counted = held.outside[rows], times[street[rows]]
        drawn.append(_shares(_rows(held, rows), _mixed(outside, counted, config.outside_share)))
    low, high = {}, {}
    for name in drawn[0]:
        values = np.array([one[name] for one in drawn])
        values = values[np.isfinite(values)]
        interval = percentile_interval(values, config.confidence) if len(values) else (np.nan,) * 2
        low[name], high[name] = interval
    return low, high


def _rows(held: HeldOut, rows: NDArray[np.intp]) -> HeldOut:
    return HeldOut(
        held.probability[rows],
        held.known[rows],
        held.radius[rows],
        held.error_m[rows],
        held.outside[rows],
        held.groups[rows],
    )


def _mixed(outside: Flags, times: NDArray[np.int64], outside_share: float) -> Floats:
    """Weights of queries drawn several times, with the same share from outside as before."""
    inside, drawn = float(times[~outside].sum()), float(times[outside].sum())
    if inside == 0 or drawn == 0:
        return times.astype(np.float64)
    each = np.where(outside, outside_share / drawn, (1 - outside_share) / inside)
    return np.asarray(times * each)


def _shares(held: HeldOut, weight: Floats) -> dict[str, float]:
    right, known, inside = held.right, held.known, ~held.outside
    curve = curves.precision_recall(held.probability, right, held.outside, weight)
    there, accepted = float(weight[inside].sum()), float(weight[known].sum())
    if there == 0:
        names = ["answered", "precision", "recall", "area"]
        return dict.fromkeys(names + [f"answered at {p}" for p in PRECISIONS], float("nan"))
    found = float(weight[known & right].sum())
    return {
        "answered": float(weight[known & inside].sum()) / there,
        "precision": found / accepted if accepted else float("nan"),
        "recall": found / there,
        "area": curve.area,
        **{f"answered at {p}": curve.answered_at(p) for p in PRECISIONS},
    }
