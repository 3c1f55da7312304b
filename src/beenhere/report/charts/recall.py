"""Recall: with its interval, against N, against the threshold, against an option."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from beenhere.evaluation.thresholds import ThresholdCurve
from beenhere.report.charts.drawing import PAPER, QUIET, SERIES, blank, finish
from beenhere.report.charts.series import BACKGROUND, Series
from beenhere.report.figures import RowFigures
from beenhere.wording import interval, option, percent

_LETTERS, _BOLD_LETTERS, _BARS = 52, 44, 24
"""Letters that fit into a line of a label, in a wide font; pixels of the bars under it."""

_BANDS = 3
"""Bands that can lie over each other and still be seen."""


def with_intervals(
    rows: Sequence[RowFigures], test: str, title: str, at: int, key: str, confidence: float
) -> str:
    """One line a row: our recall and the published one, each with its interval."""
    labels = [_label(row, test, at) for row in rows]
    bottom = [sum(map(_pixels, labels[: place + 1])) for place in range(len(rows))]
    unit = f"R@{at}, %, with {100 * confidence:g}% interval"
    axes = blank(title, unit, "", (bottom or [0])[-1] + 78, left=4)
    told = []
    for row, lines, y in zip(rows, labels, bottom, strict=True):
        ours, theirs = row.measured[test][at], row.published.get(test, {}).get(at)
        axes.annotate(
            "\n".join(lines),
            (0, y - _BARS),
            xycoords=("axes fraction", "data"),
            fontweight="bold" if ours.best else "normal",
            annotation_clip=False,
        )
        axes.plot([ours.low, ours.high], [y - 15] * 2, color=SERIES[0], linewidth=4, alpha=0.35)
        axes.plot(ours.percent, y - 15, "o", color=SERIES[0], markersize=6.5)
        told.append(f"{row.name} {percent(ours.percent)} {interval(ours.low, ours.high)}")
        if theirs is not None:
            axes.plot([theirs.low, theirs.high], [y - 7] * 2, color=QUIET, linewidth=1.2)
            axes.plot(theirs.percent, y - 7, "D", color=QUIET, mfc=PAPER, markersize=5)
            told[-1] += f", published {percent(theirs.percent)}"
    axes.set_ylim((bottom or [0])[-1] + 2, 0)
    axes.set_yticks([])
    return finish(axes, key, f"R@{at} of every row on {title}", "; ".join(told))


def _label(row: RowFigures, test: str, at: int) -> list[str]:
    """Lines of a row's name with its mark."""
    one = row.measured[test][at]
    mark = "● " if one.best else "≈ " if one.among_best else ""
    return textwrap.wrap(mark + row.name, _BOLD_LETTERS if one.best else _LETTERS)


def _pixels(lines: Sequence[str]) -> int:
    """That a row's label and bars need."""
    return 15 * len(lines) + _BARS + 4


def against_n(
    rows: Sequence[RowFigures], test: str, title: str, series: Mapping[str, Series], key: str
) -> str:
    """Recall@N at each N."""
    axes = blank(title, "N, photos looked at", "R@N, %")
    told = []
    for row in behind_first(rows, series):
        at = list(row.measured[test])
        values = [row.measured[test][n].percent for n in at]
        _line(axes, range(len(at)), values, series[row.name])
        axes.set_xticks(range(len(at)), [str(n) for n in at])
    for row in rows:
        found = [f"{percent(one.percent)} at {n}" for n, one in row.measured[test].items()]
        told.append(f"{row.name}: {', '.join(found)}")
    return finish(axes, key, f"Recall at N of every row on {title}", "; ".join(told))


def _readable(axes: Axes, values: Sequence[float]) -> list[float]:
    """The last value and, from it down, those whose labels leave each other room."""
    where = axes.transData.transform([(value, 0) for value in values])[:, 0]
    least = 0.07 * axes.bbox.width
    kept = [len(values) - 1]
    for number in range(len(values) - 2, -1, -1):
        if where[kept[-1]] - where[number] >= least:
            kept.append(number)
    return [values[number] for number in reversed(kept)]


def against_threshold(
    curves: Mapping[str, ThresholdCurve], title: str, series: Mapping[str, Series], key: str
) -> str:
    """Recall@N at each threshold with its band, and the ceiling that no model can pass."""
    first = next(iter(curves.values()))
    axes = blank(title, "metres within which a photo is right", f"R@{first.at}, %")
    told = []
    for name, curve in curves.items():
        style = series[name]
        _line(axes, curve.thresholds, curve.percent, style)
        if len(curves) <= _BANDS or style is series[max(curves, key=_height(curves))]:
            axes.fill_between(
                curve.thresholds, curve.low, curve.high, color=style.colour, alpha=0.16, linewidth=0
            )
        ends = f"{percent(curve.percent[0])} at {curve.thresholds[0]:g} m"
        told.append(f"{name}: {ends}, {percent(curve.percent[-1])} at {curve.thresholds[-1]:g} m")
    axes.plot(first.thresholds, first.ceiling, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        "a photo exists",
        (first.thresholds[-1], first.ceiling[-1]),
        (0, 5),
        textcoords="offset points",
        ha="right",
        color=QUIET,
    )
    axes.set_ylim(0, 108)
    if first.thresholds[0] > 0 and first.thresholds[-1] >= 20 * first.thresholds[0]:
        axes.set_xscale("log")
    apart = _readable(axes, first.thresholds.tolist())
    axes.set_xticks(apart, [f"{metres:g}" for metres in apart])
    axes.minorticks_off()
    return finish(axes, key, f"Recall against the threshold on {title}", "; ".join(told))


def against_option(
    rows: Sequence[RowFigures], dotted: str, test: str, title: str, at: int, key: str
) -> str:
    """Recall at each value of an option, in the order of the values."""
    pairs: list[tuple[Any, RowFigures]] = [(row.option(dotted), row) for row in rows]
    numbers = all(isinstance(value, int | float) for value, _ in pairs)
    if numbers:
        pairs.sort(key=lambda pair: float(pair[0]))
    axes = blank(title, dotted, f"R@{at}, %")
    found = [row.measured[test][at] for _, row in pairs]
    x = [float(value) for value, _ in pairs] if numbers else [float(n) for n in range(len(pairs))]
    heights = [one.percent for one in found]
    reach = [[one.percent - one.low for one in found], [one.high - one.percent for one in found]]
    axes.errorbar(x, heights, reach, color=SERIES[0], marker="o", elinewidth=1.2, capsize=3)
    axes.set_xticks(x, [option(value) for value, _ in pairs])
    told = [
        f"{percent(one.percent)} {interval(one.low, one.high)} at {option(value)}"
        for (value, _), one in zip(pairs, found, strict=True)
    ]
    return finish(axes, key, f"R@{at} against {dotted} on {title}", "; ".join(told))


def behind_first(rows: Sequence[RowFigures], series: Mapping[str, Series]) -> list[RowFigures]:
    """The rows in the background first, so that they are drawn under the others."""
    return sorted(rows, key=lambda row: series[row.name] is not BACKGROUND)


def _line(axes: Axes, x: Sequence[float] | Any, y: Sequence[float] | Any, style: Series) -> None:
    width = 1.0 if style is BACKGROUND else 1.8
    axes.plot(x, y, color=style.colour, marker=style.marker or None, linewidth=width)


def _height(curves: Mapping[str, ThresholdCurve]) -> Any:
    return lambda name: curves[name].percent.sum()
