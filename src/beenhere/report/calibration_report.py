"""A calibration for people: figures in lines, the reliability diagram, precision against recall."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import Calibration
from beenhere.evaluation.calibration.held_out import CalibrationFigures, Share
from beenhere.files.atomic import replacing
from beenhere.report.pictures import BLUE, INK, ORANGE, PAPER, QUIET, RULE, check_picture

CHART_SUFFIXES = (".png",)
"""Ends of the names of charts that :func:`draw_calibration` writes."""

WIDTH, HEIGHT = 10.0, 4.6
"""Of the picture, in inches of 120 pixels."""

_STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


def draw_calibration(calibration: Calibration, path: Path) -> None:
    """Draw the figures of held-out queries, as a PNG.

    Left, bins of equally many queries: where a dot lies on the diagonal, probabilities come true;
    its size is the queries' share. Right, precision against the share of queries from inside the
    map that is answered right, as the threshold falls; the cross is the default threshold.

    Raises:
        DataError: the name ends in something else than .png, or the file cannot be written.
    """
    check_picture(path, CHART_SUFFIXES)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=120, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _reliability(left, calibration.held_out)
        _precision(right, calibration.held_out)
        try:
            with replacing(path) as new:
                figure.savefig(new, format="png")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _reliability(axes: Axes, figures: CalibrationFigures) -> None:
    diagram = figures.reliability
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.vlines(diagram.probability, diagram.probability, diagram.right, color=ORANGE, alpha=0.6)
    sizes = 24 + 300 * diagram.weight
    axes.scatter(diagram.probability, diagram.right, sizes, color=BLUE, zorder=3)
    axes.annotate(
        f"mean gap {figures.expected_calibration_error:.3f}\n"
        f"by chance {figures.error_if_perfect:.3f}",
        (0.97, 0.04),
        xycoords="axes fraction",
        ha="right",
        color=QUIET,
    )
    axes.set_title("Do probabilities come true?")
    axes.set_xlabel("probability of being within 25 m")
    axes.set_ylabel("share that is")
    _unit_square(axes)


def _precision(axes: Axes, figures: CalibrationFigures) -> None:
    curve = figures.curve
    axes.step(curve.recall, curve.precision, where="pre", color=BLUE, linewidth=1.6)
    default = (figures.recall.value, figures.precision.value)
    if np.isfinite(default).all():
        axes.plot(*default, "x", color=ORANGE, markersize=9, markeredgewidth=2.2, zorder=3)
        axes.annotate(
            "default threshold",
            default,
            (10, 8),
            textcoords="offset points",
            color=ORANGE,
        )
    axes.set_title("How many are found, how surely?")
    axes.set_xlabel("share of queries inside the map that is answered right")
    axes.set_ylabel("precision")
    _unit_square(axes)


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.08)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))


def calibration_text(calibration: Calibration) -> str:
    """A line a figure, with its interval where it has one; then notes."""
    lines = _figures(calibration.held_out) | {
        "default threshold": f"{calibration.confidence.threshold:.3f}"
    }
    width = max(map(len, lines)) + 2
    rows = [f"  {name:<{width}}{value}" for name, value in lines.items()]
    return "\n".join([*rows, *(f"  note: {note}" for note in calibration.notes)])


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
