"""What held-out queries say of a calibration, in lines for people."""

import math

from beenhere.evaluation.calibration.calibration import Calibration
from beenhere.evaluation.calibration.held_out import CalibrationFigures, Share


def calibration_text(calibration: Calibration) -> str:
    """A line a figure, with its interval where it has one; then notes."""
    lines = _figures(calibration.held_out) | {
        "default threshold": f"{calibration.confidence.threshold:.3f}"
    }
    width = max(map(len, lines)) + 2
    told = [f"  {what:<{width}}{value}" for what, value in lines.items()]
    return "\n".join([*told, *(f"  note: {note}" for note in calibration.notes)])


def _figures(figures: CalibrationFigures) -> dict[str, str]:
    radius = figures.radius_known
    median = "" if math.isnan(radius) else f"; half of these radii are below {radius:.0f} m"
    return {
        "queries": f"{figures.inside:,} inside the map, {figures.outside:,} outside, on "
        f"{figures.streets:,} streets",
        "located within 25 m": f"{figures.located:,} of {figures.inside:,}, whatever their "
        "probability",
        "calibration error": f"{figures.expected_calibration_error:.3f}; true probabilities have "
        f"{figures.error_if_perfect:.3f} by chance, mostly below {figures.error_limit:.3f}",
        "Brier score": f"{figures.brier:.3f}",
        "log loss": f"{figures.log_loss:.3f}; of always saying the mean "
        f"{figures.base_log_loss:.3f}",
        "area under the curve": f"{_share(figures.area, 3)}, of precision against recall",
        "outside, accepted": _percent(figures.outside_accepted),
        "inside, answered": _percent(figures.answered),
        "of answers, right": _percent(figures.precision),
        "inside, answered right": _percent(figures.recall),
        **{
            f"answered at {precision:.0%} right": _percent(share)
            for precision, share in figures.answered_at.items()
        },
        "radius holds, known": _percent(figures.held_known) + median,
        "radius holds, all": _percent(figures.held),
    }


def _share(share: Share, digits: int) -> str:
    return f"{share.value:.{digits}f} ({share.low:.{digits}f} to {share.high:.{digits}f})"


def _percent(share: Share) -> str:
    if math.isnan(share.value):
        return "nothing to count"
    counted = "" if share.of is None else f", {share.count:,} of {share.of:,}"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}{counted})"
