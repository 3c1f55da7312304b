"""The look of every chart: one size, one style, colours that the page's theme decides."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as xml

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH, HEIGHT = 380, 280
"""Of a chart, in CSS pixels at its natural size."""

# Matplotlib must be given colours. These are placeholders of the page's CSS variables.
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


def plain_axes(ink: str, quiet: str, rule: str) -> dict[Any, Any]:
    """Matplotlib's settings of axes with a light grid, a bold title on the left, and no ticks."""
    return {
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.edgecolor": rule,
        "axes.labelcolor": quiet,
        "axes.titlecolor": ink,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": rule,
        "grid.linewidth": 0.7,
        "text.color": ink,
        "xtick.color": quiet,
        "ytick.color": quiet,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
    }


_STYLE = plain_axes(INK, QUIET, RULE) | {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11.5,
    "axes.titlesize": 12.5,
    "axes.titlepad": 12,
    "axes.linewidth": 1,
    "axes.spines.left": False,
    "axes.unicode_minus": False,
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
        left: CSS pixels left of the axes. Margins are the same for all charts, so
            that those side by side are in line.
    """
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    axes = figure.add_axes(
        (left / WIDTH, 46 / height, 1 - (left + 10) / WIDTH, 1 - (46 + 32) / height)
    )
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    axes.set(title=title, xlabel=x, ylabel=y)
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
    return _inline(text.getvalue(), key, title, description)


_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points")


def _inline(text: str, key: str, title: str, description: str) -> str:
    """Make a chart, as matplotlib writes it, part of an HTML page.

    Ids that nothing refers to go, the others get ``key`` before them; coordinates keep a tenth of
    a pixel; colours and the font become the page's.
    """
    # Control characters are no XML, and a file name may hold them.
    root = xml.fromstring(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text))
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {name for value in values for name in re.findall(r"(?:^|url\()#([^)]+)", value)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = _attributes(element.attrib, used, key)
    _prune(root)
    width, height = root.attrib["viewBox"].split()[2:]
    named = xml.Element("title", id=f"{key}-t"), xml.Element("desc", id=f"{key}-d")
    named[0].text, named[1].text = title, description
    root.attrib = {
        "class": "chart",
        "role": "img",
        "aria-labelledby": f"{key}-t {key}-d",
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
    }
    root[:0] = named
    return xml.tostring(root, encoding="unicode")


def _attributes(old: dict[str, str], used: set[str], key: str) -> dict[str, str]:
    new = {}
    for name, value in old.items():
        if name == "id":
            if value in used:
                new["id"] = f"{key}-{value}"
        elif name == _LINK:
            new["href"] = f"#{key}-{value[1:]}"
        elif name == "clip-path":
            new[name] = value.replace("url(#", f"url(#{key}-")
        elif name == "style":
            rules = [rule.strip() for rule in value.split(";")]
            new[name] = ";".join(rule for rule in rules if not rule.startswith("font-family"))
            for variable, colour in _VARIABLES.items():
                new[name] = new[name].replace(colour, f"var(--{variable})")
        elif name in _GEOMETRY:
            # Matplotlib turns what is not turned by minus zero degrees.
            if not value.startswith("rotate(-0 "):
                new[name] = " ".join(re.sub(r"-?\d+\.\d+", _tenth, value).split())
        else:
            new[name] = value
    return new


def _tenth(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _prune(element: xml.Element) -> None:
    """Drop metadata, style sheets, which would reach the whole page, and what draws nothing."""
    for child in list(element):
        _prune(child)
        empty = child.tag in ("g", "defs") and not len(child)
        if child.tag in ("metadata", "style") or empty:
            element.remove(child)
        elif child.tag == "g" and not child.attrib and len(child) == 1:
            element[list(element).index(child)] = child[0]
    element.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
