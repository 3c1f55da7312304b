"""How every chart looks: one size, one style, colours that the page's theme decides."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beenhere.report.charts.svg import inline

WIDTH, HEIGHT = 380, 280
"""Of a chart, in CSS pixels at its natural size."""

# Matplotlib must be given colours. These stand for CSS variables of the page.
_VARIABLES = {
    "ink": "#00f001",
    "quiet": "#00f002",
    "rule": "#00f003",
    "paper": "#00f004",
    "right": "#00f005",
    "wrong": "#00f006",
    "faded": "#00f007",
    **{f"series-{number}": f"#00f0{16 + number:02x}" for number in range(1, 8)},
}
INK, QUIET, RULE, PAPER = (_VARIABLES[name] for name in ("ink", "quiet", "rule", "paper"))
RIGHT, WRONG, FADED = (_VARIABLES[name] for name in ("right", "wrong", "faded"))
SERIES = tuple(value for name, value in _VARIABLES.items() if name.startswith("series"))

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11.5,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.linewidth": 1,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": False,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.pad": 5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
}


@contextmanager
def chart_style() -> Iterator[None]:
    """Matplotlib's settings while charts are made.

    It has no font for some letters and says so; the browser, which writes them, has.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def blank(title: str, x: str, y: str, height: float = HEIGHT, left: float = 54) -> Axes:
    """An empty chart, to be drawn on inside :func:`chart_style`.

    Args:
        title: of the chart. x, y: what the axes measure, with the unit.
        height: CSS pixels.
        left: CSS pixels for what stands left of the axes. Margins are the same for all charts, so
            that those side by side stand in line.
    """
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    axes = figure.add_axes(
        (left / WIDTH, 46 / height, 1 - (left + 10) / WIDTH, 1 - (46 + 32) / height)
    )
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes


def finish(axes: Axes, key: str, title: str, description: str) -> str:
    """The chart as an ``<svg role="img">``, safe to put into HTML.

    Args:
        axes: from :func:`blank`.
        key: unique on the page: letters, digits, ``-``.
        title, description: what a screen reader says; the gist of the numbers belongs here.
    """
    matplotlib.rcParams["svg.hashsalt"] = key
    text = io.StringIO()
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.savefig(text, format="svg", metadata={"Date": None})
    return inline(text.getvalue(), key, title, description, _VARIABLES)
