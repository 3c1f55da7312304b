"""How training went: loss, recall on the validation set, learning rate, by epoch."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from matplotlib.ticker import MaxNLocator, NullFormatter

from beenhere.report.charts.drawing import blank, finish
from beenhere.report.charts.series import BACKGROUND, Series, behind_first
from beenhere.report.study_figures import RowFigures, validation_recall
from beenhere.wording import option

_HEIGHT = 260


def curves(rows: Sequence[RowFigures], series: Mapping[str, Series], key: str) -> list[str]:
    """Three charts; of several seeds the first."""
    return [
        _by_epoch(rows, series, f"{key}-loss", "Loss", "", lambda epoch: epoch.get("loss")),
        _by_epoch(rows, series, f"{key}-validation", "Validation", "R@1, %", validation_recall),
        _by_epoch(rows, series, f"{key}-rate", "Learning rate", "", _rate, True),
    ]


def _by_epoch(
    rows: Sequence[RowFigures],
    series: Mapping[str, Series],
    key: str,
    title: str,
    y: str,
    value: Callable[[dict[str, Any]], float | None],
    from_zero: bool = False,
) -> str:
    axes = blank(title, "epoch", y, _HEIGHT)
    said: list[str] = []
    everything: list[float] = []
    for row in behind_first(rows, series):
        style = series[row.name]
        points = [(epoch["epoch"], value(epoch)) for epoch in row.row.finished[0].epochs]
        # A training that diverges has a loss that is no number.
        known = [(n, height) for n, height in points if height is not None and isfinite(height)]
        if not known:
            continue
        numbers, heights = zip(*known, strict=True)
        every = max(1, len(known) // 5)
        axes.plot(
            numbers,
            heights,
            color=style.colour,
            marker=style.marker or None,
            markevery=every,
            linewidth=1.0 if style is BACKGROUND else 1.6,
        )
        everything += heights
        said.append(f"{row.name}: {heights[0]:.3g} at first, {heights[-1]:.3g} at last")
    if everything and min(everything) > 0 and max(everything) >= 20 * min(everything):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif from_zero and max(everything, default=0) > 0:
        axes.set_ylim(0, 1.1 * max(everything))
    axes.yaxis.set_major_formatter(lambda height, _: option(round(height, 12)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(axes, key, f"{title} by epoch", "; ".join(said) or "no epoch was recorded")


def _rate(epoch: dict[str, Any]) -> float | None:
    rates = (epoch.get("lr") or {}).values()
    return max(rates) if rates else None
