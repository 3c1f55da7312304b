"""A picture of a calibration: the reliability diagram, and precision against recall."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import Calibration
from beenhere.evaluation.calibration.held_out import CalibrationFigures
from beenhere.report.photo_boxes import INK, PAPER, QUIET

# Colours that colour-blind people can tell apart (Okabe and Ito, 2008).
BLUE, ORANGE, RULE = "#0072B2", "#D55E00", "#D9D9D9"

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


def check_chart(path: Path) -> None:
    """See that a picture can be written there, before the work of minutes goes into it.

    Raises:
        DataError: another kind of file, a folder, or a folder that is not there.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"{path} ends in {path.suffix!r}; expected .png")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected the name of a picture")
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")


def draw_calibration(calibration: Calibration, path: Path) -> None:
    """Draw what held-out queries say, as a PNG.

    Left, bins of equally many queries: where a dot lies on the diagonal, probabilities come true;
    its size is the queries' share. Right, precision against the share of queries from inside the
    map that is answered right, as the threshold falls; the cross is the default threshold.

    Raises:
        DataError: the name ends in something else than .png, or the file cannot be written.
    """
    check_chart(path)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=120, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _reliability(left, calibration.held_out)
        _precision(right, calibration.held_out)
        try:
            figure.savefig(path, format="png")
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
