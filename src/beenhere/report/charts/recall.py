"""Recall: with its interval, against N, a threshold, an option or a cost, and by condition."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from beenhere.evaluation.protocol import share
from beenhere.evaluation.ranking import RankedRow
from beenhere.evaluation.statistics import wilson_score
from beenhere.evaluation.thresholds import ThresholdCurve
from beenhere.photos.reference import REFERENCES
from beenhere.report.charts.drawing import INK, PAPER, QUIET, SERIES, blank, finish
from beenhere.report.charts.series import BACKGROUND, ChartRows, Series, behind_first
from beenhere.report.study_figures import RowFigures
from beenhere.studies.results import StudyResults
from beenhere.wording import interval, option, percent

_LETTERS, _BOLD_LETTERS, _BARS = 52, 44, 24
"""Letters that fit into a line of a label, in a wide font; pixels of the bars under it."""

_BANDS = 3
"""Bands that can lie over each other and still be seen."""


def with_intervals(shown: ChartRows, key: str, confidence: float) -> str:
    """One line a row: our recall and the published one, each with its interval."""
    labels, bottom, y = [], [], 0
    for row in shown.rows:
        one = shown.measured(row)
        mark = "● " if one.best else "≈ " if one.among_best else ""
        labels.append(textwrap.wrap(mark + row.name, _BOLD_LETTERS if one.best else _LETTERS))
        y += 15 * len(labels[-1]) + _BARS + 4
        bottom.append(y)
    unit = f"R@{shown.at}, %, with {100 * confidence:g}% interval"
    axes = blank(shown.title, unit, "", y + 78, left=4)
    said = []
    for row, lines, y in zip(shown.rows, labels, bottom, strict=True):
        ours, theirs = shown.measured(row), row.published.get(shown.test, {}).get(shown.at)
        axes.annotate(
            "\n".join(lines),
            (0, y - _BARS),
            xycoords=("axes fraction", "data"),
            fontweight="bold" if ours.best else "normal",
            annotation_clip=False,
        )
        axes.plot([ours.low, ours.high], [y - 15] * 2, color=SERIES[0], linewidth=4, alpha=0.35)
        axes.plot(ours.percent, y - 15, "o", color=SERIES[0], markersize=6.5)
        said.append(f"{row.name} {_with_range(ours)}")
        if theirs is not None:
            axes.plot([theirs.low, theirs.high], [y - 7] * 2, color=QUIET, linewidth=1.2)
            axes.plot(theirs.percent, y - 7, "D", color=QUIET, mfc=PAPER, markersize=5)
            said[-1] += f", published {percent(theirs.percent)}"
    axes.set_ylim(y + 2, 0)
    axes.set_yticks([])
    return finish(axes, key, f"R@{shown.at} of every row on {shown.title}", "; ".join(said))


def _with_range(one: "RankedRow | Bar") -> str:
    return f"{percent(one.percent)} {interval(one.low, one.high)}"


def against_n(shown: ChartRows, key: str) -> str:
    """Recall@N at each N."""
    axes = blank(shown.title, "N, photos looked at", "R@N, %")
    for row in behind_first(shown.rows, shown.series):
        at = list(row.measured[shown.test])
        values = [row.measured[shown.test][n].percent for n in at]
        _line(axes, range(len(at)), values, shown.series[row.name])
        axes.set_xticks(range(len(at)), [str(n) for n in at])
    said = []
    for row in shown.rows:
        found = [f"{percent(one.percent)} at {n}" for n, one in row.measured[shown.test].items()]
        said.append(f"{row.name}: {', '.join(found)}")
    return finish(axes, key, f"Recall at N of every row on {shown.title}", "; ".join(said))


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
    highest = max(curves.values(), key=lambda curve: float(curve.percent.sum()))
    unit = REFERENCES[first.by].unit
    name_of = {" m": "metres"}.get(unit, unit.strip())
    axes = blank(title, f"{name_of} within which a photo is right", f"R@{first.at}, %")
    said = []
    for name, curve in curves.items():
        style = series[name]
        _line(axes, curve.thresholds, curve.percent, style)
        # Many bands hide each other: then only the best curve has one.
        if len(curves) <= _BANDS or curve is highest:
            axes.fill_between(
                curve.thresholds, curve.low, curve.high, color=style.colour, alpha=0.16, linewidth=0
            )
        least, most = (f"{curve.thresholds[end]:g}{unit}" for end in (0, -1))
        ends = f"{percent(curve.percent[0])} at {least}"
        said.append(f"{name}: {ends}, {percent(curve.percent[-1])} at {most}")
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
    return finish(axes, key, f"Recall against the threshold on {title}", "; ".join(said))


def against_option(shown: ChartRows, dotted: str, key: str) -> str:
    """Recall at each value of an option, in the order of the values."""
    pairs: list[tuple[Any, RankedRow]] = [
        (row.option(dotted), shown.measured(row)) for row in shown.rows
    ]
    x: list[float] = list(range(len(pairs)))
    if all(isinstance(value, int | float) for value, _ in pairs):
        pairs.sort(key=lambda pair: float(pair[0]))
        x = [float(value) for value, _ in pairs]
    axes = blank(shown.title, dotted, f"R@{shown.at}, %")
    found = [one for _, one in pairs]
    heights = [one.percent for one in found]
    reach = [[one.percent - one.low for one in found], [one.high - one.percent for one in found]]
    axes.errorbar(x, heights, reach, color=SERIES[0], marker="o", elinewidth=1.2, capsize=3)
    axes.set_xticks(x, [option(value) for value, _ in pairs])
    said = [f"{_with_range(one)} at {option(value)}" for value, one in pairs]
    return finish(axes, key, f"R@{shown.at} against {dotted} on {shown.title}", "; ".join(said))


def _line(axes: Axes, x: Sequence[float] | Any, y: Sequence[float] | Any, style: Series) -> None:
    width = 1.0 if style is BACKGROUND else 1.8
    axes.plot(x, y, color=style.colour, marker=style.marker or None, linewidth=width)


@dataclass(frozen=True)
class Bar:
    """Recall of one row over the queries of one condition, in percent with its interval."""

    queries: int
    percent: float
    low: float
    high: float


def by_condition(
    rows: Sequence[RowFigures], test: str, at: int, results: StudyResults
) -> dict[str, dict[str, Bar]]:
    """Bars by condition and name of the row; the mean over seeds.

    The intervals are Wilson's: they hold for few queries, as a condition may have, and where all
    of them are right, or none.
    """
    groups: dict[str, dict[str, Bar]] = {}
    for row in rows:
        found = row.evaluations(test)
        hits = np.stack([one.hits(at, one.threshold) for one in found])
        for condition in found[0].conditions:
            members = found[0].members(condition)
            mean, queries = share(hits[:, members].ravel()), int(members.sum())
            right = round(mean / 100 * queries)
            low, high = wilson_score(right, queries, results.confidence)
            groups.setdefault(condition, {})[row.name] = Bar(queries, mean, 100 * low, 100 * high)
    return groups


def bars(
    groups: Mapping[str, Mapping[str, Bar]],
    title: str,
    at: int,
    series: Mapping[str, Series],
    key: str,
) -> str:
    """A group of bars a condition, a bar a row, from :func:`by_condition`."""
    axes = blank(title, "", f"R@{at}, %")
    said = []
    rows: Sequence[str] = list(dict.fromkeys(name for group in groups.values() for name in group))
    width = 0.8 / len(rows)
    for place, (condition, group) in enumerate(groups.items()):
        for number, name in enumerate(rows):
            one, style = group[name], series[name]
            x = place + (number - (len(rows) - 1) / 2) * width
            axes.bar(x, one.percent, width * 0.86, color=style.colour, alpha=0.3, linewidth=0)
            axes.plot([x, x], [one.low, one.high], color=INK, linewidth=1)
            axes.plot(x, one.percent, marker=style.marker, color=style.colour, markersize=5)
            said.append(f"{condition}, {name}: {_with_range(one)}")
    labels = [
        f"{condition}\n{next(iter(group.values())).queries:,}"
        for condition, group in groups.items()
    ]
    axes.set_xticks(range(len(groups)), labels)
    axes.grid(axis="x", visible=False)
    highest = max(one.high for group in groups.values() for one in group.values())
    axes.set_ylim(0, max(1.0, 1.06 * highest))
    return finish(axes, key, f"R@{at} by condition on {title}", "; ".join(said))


def against_cost(
    shown: ChartRows, costs: Mapping[str, float], kind: str, unit: str, key: str
) -> str:
    """Recall of each row against a cost; a line joins the rows that no other row beats.

    Args:
        costs: by name of the row; a row without one is left out.
        kind: of cost, such as ``"time"``.
        unit: of the costs, such as ``"milliseconds a photo"``.
    """
    axes = blank(f"{shown.title}, {kind}", unit, f"R@{shown.at}, %")
    points = {
        row.name: (costs[row.name], shown.measured(row).percent)
        for row in behind_first(shown.rows, shown.series)
        if row.name in costs
    }
    front = pareto_front(points)
    axes.plot(
        [points[name][0] for name in front],
        [points[name][1] for name in front],
        color=INK,
        linewidth=1,
        linestyle=(0, (4, 3)),
        drawstyle="steps-post",
        zorder=1,
    )
    for name, point in points.items():
        style = shown.series[name]
        axes.plot(
            *point,
            marker=style.marker or "o",
            color=style.colour,
            markersize=3.5 if style is BACKGROUND else 7,
            linestyle="none",
        )
    for name in front:
        axes.plot(*points[name], "o", mfc="none", color=INK, markersize=14, mew=1)
    axes.margins(0.12)
    axes.set_xlim(left=0)
    said = [f"{name}: {percent(y)} at {x:.4g}" for name, (x, y) in points.items()]
    if front:
        said.append(f"no other row is both cheaper and better than {', '.join(front)}")
    return finish(axes, key, f"R@{shown.at} on {shown.title} against {unit}", "; ".join(said))


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names of the points that no other beats: as cheap and better, or cheaper and as good.

    Args:
        points: cost and recall, by name.

    Returns:
        The cheapest first.
    """
    front = [
        name
        for name, (cost, recall) in points.items()
        if not any(
            other != (cost, recall) and other[0] <= cost and other[1] >= recall
            for other in points.values()
        )
    ]
    return sorted(front, key=lambda name: points[name])
