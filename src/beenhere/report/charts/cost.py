"""Accuracy against what it costs: time for a photo, size of a descriptor."""

from collections.abc import Mapping, Sequence

from beenhere.report.charts.drawing import INK, blank, finish
from beenhere.report.charts.recall import behind_first
from beenhere.report.charts.series import BACKGROUND, Series
from beenhere.report.figures import RowFigures
from beenhere.wording import percent

Point = tuple[float, float]
"""Cost and recall."""


def against_cost(
    costs: Mapping[str, float],
    rows: Sequence[RowFigures],
    test: str,
    title: str,
    at: int,
    kind: str,
    unit: str,
    series: Mapping[str, Series],
    key: str,
) -> str:
    """Recall of each row against a cost; a line joins the rows that no other row beats.

    Args:
        costs: by name of the row; a row without one is left out.
        kind: of cost, such as ``"time"``.
        unit: of the costs, such as ``"milliseconds a photo"``.
    """
    axes = blank(f"{title}, {kind}", unit, f"R@{at}, %")
    shown = [row for row in behind_first(rows, series) if row.name in costs]
    points = {row.name: (costs[row.name], row.measured[test][at].percent) for row in shown}
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
    for row in shown:
        style = series[row.name]
        axes.plot(
            *points[row.name],
            marker=style.marker or "o",
            color=style.colour,
            markersize=3.5 if style is BACKGROUND else 7,
            linestyle="none",
        )
    for name in front:
        axes.plot(*points[name], "o", mfc="none", color=INK, markersize=14, mew=1)
    axes.margins(0.12)
    axes.set_xlim(left=0)
    told = [f"{name}: {percent(y)} at {x:.4g}" for name, (x, y) in points.items()]
    best = f"no other row is both cheaper and better than {', '.join(front)}"
    return finish(
        axes, key, f"R@{at} on {title} against {unit}", "; ".join([*told, best] if front else told)
    )


def pareto_front(points: Mapping[str, Point]) -> list[str]:
    """Names of the points that no other beats: as cheap and better, or cheaper and as good.

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
