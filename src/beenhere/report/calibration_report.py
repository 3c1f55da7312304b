"""A calibration for people: figures in lines, the reliability diagram, precision against recall."""

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from beenhere.errors import DataError
from beenhere.evaluation.calibration.calibration import Calibration
from beenhere.evaluation.calibration.held_out import CalibrationFigures, Promise, Share
from beenhere.files.atomic import replacing
from beenhere.photos.reference import REFERENCES
from beenhere.report.charts.drawing import plain_axes
from beenhere.report.location import far_in_words
from beenhere.report.pictures import BLUE, INK, ORANGE, PAPER, QUIET, RULE, check_picture
from beenhere.retrieval.locate.confidence import ErrorModel

CHART_SUFFIXES = (".png",)
"""Ends of the names of charts that :func:`draw_calibration` writes."""

WIDTH, HEIGHT = 10.0, 4.6
"""Of the picture, in inches of 120 pixels."""

_STYLE = plain_axes(INK, QUIET, RULE) | {"font.size": 10.5, "axes.titlesize": 11.5}


def draw_calibration(calibration: Calibration, path: Path) -> None:
    """Draw the figures of held-out queries, as a PNG.

    Left, bins of equally many queries: where a dot lies on the diagonal, probabilities come true;
    its size is the queries' share. Right, precision against the share of queries from inside the
    map that is answered right, as the threshold falls; the cross is the threshold that is kept.

    Raises:
        DataError: the name ends in something else than .png, or the file cannot be written.
    """
    check_picture(path, CHART_SUFFIXES)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=120, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        errors = calibration.confidence.errors
        right_is = REFERENCES[errors.by].within(errors.within)
        _reliability(left, calibration.held_out, f"probability of being {right_is}")
        _precision(right, calibration.held_out, calibration.confidence.threshold)
        try:
            with replacing(path) as new:
                figure.savefig(new, format="png")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _reliability(axes: Axes, figures: CalibrationFigures, words: str) -> None:
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
    _unit_square(axes, "Do probabilities come true?", words, "share that is")


def _precision(axes: Axes, figures: CalibrationFigures, threshold: float) -> None:
    curve = figures.curve
    axes.step(curve.recall, curve.precision, where="pre", color=BLUE, linewidth=1.6)
    reached = int(np.count_nonzero(curve.threshold >= threshold))
    if reached:
        default = (curve.recall[reached - 1], curve.precision[reached - 1])
        axes.plot(*default, "x", color=ORANGE, markersize=9, markeredgewidth=2.2, zorder=3)
        words, offset = f"threshold {threshold:.2f}", (10, 8)
        axes.annotate(words, default, offset, textcoords="offset points", color=ORANGE)
    x = "share of queries inside the map that is answered right"
    _unit_square(axes, "How many are found, how surely?", x, "precision")


def _unit_square(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.08))
    axes.set(xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))


def calibration_text(calibration: Calibration) -> str:
    """A line a figure, with its interval where it has one; then notes."""
    lines = _figures(calibration.held_out, calibration.confidence.errors)
    lines["default threshold"] = f"{calibration.confidence.threshold:.3f}"
    width = max(map(len, lines)) + 2
    rows = [f"  {name:<{width}}{value}" for name, value in lines.items()]
    return "\n".join([*rows, *(f"  note: {note}" for note in calibration.notes)])


def _figures(figures: CalibrationFigures, errors: ErrorModel) -> dict[str, str]:
    reference = REFERENCES[errors.by]
    radius, area = figures.radius_known, figures.area
    median = ""
    if math.isfinite(radius):
        median = f"; half of these radii are {far_in_words(radius, errors.by)} or less"
    held = {
        "radius holds, known": _percent(figures.held_known) + median,
        "radius holds, all": _percent(figures.held),
    }
    return {
        "queries": f"{figures.inside:,} inside the map, {figures.outside:,} outside, "
        f"{reference.in_groups(figures.streets)}",
        f"located {reference.within(errors.within)}": f"{figures.located:,} of "
        f"{figures.inside:,}, whatever their probability",
        "calibration error": f"{figures.expected_calibration_error:.3f}; true probabilities have "
        f"{figures.error_if_perfect:.3f} by chance, mostly below {figures.error_limit:.3f}",
        "Brier score": f"{figures.brier:.3f}",
        "log loss": f"{figures.log_loss:.3f}; of always saying the mean "
        f"{figures.base_log_loss:.3f}",
        "area under the curve": f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f}), of "
        "precision against recall",
        "outside, accepted": _percent(figures.outside_accepted),
        "inside, answered": _percent(figures.answered),
        "of answers, right": _percent(figures.precision),
        "inside, answered right": _percent(figures.recall),
        **{
            f"{precision:.0%} right, at best": f"{_percent(share)} answered, on these queries"
            if share.value > 0
            else "no threshold gives that on these queries"
            for precision, share in figures.answered_at.items()
        },
        **{
            f"{precision:.0%} right, promised": _promise(promise)
            for precision, promise in figures.promised.items()
        },
        **(held if reference.unit else {}),  # names have none
    }


def _promise(promise: Promise) -> str:
    if math.isnan(promise.threshold):
        return f"by no threshold; it takes {promise.fewest:,} answers, all of them right, or more"
    threshold = math.ceil(1000 * promise.threshold) / 1000
    return f"by --threshold {threshold:.3f}; {_percent(promise.answered)} answered"


def _percent(share: Share) -> str:
    if math.isnan(share.value):
        return "nothing to count"
    counted = "" if share.of is None else f", {share.count:,} of {share.of:,}"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}{counted})"
