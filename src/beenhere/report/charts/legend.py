"""What the lines and signs of charts stand for, written beside them by the page."""

from collections.abc import Mapping
from dataclasses import dataclass

from beenhere.report.charts.series import BACKGROUND, Series


@dataclass(frozen=True)
class LegendEntry:
    """A sign and what it stands for.

    Attributes:
        name: for people.
        variable: the CSS variable of its colour.
        outline: ``"circle"``, ``"ring"``, ``"cross"``, or the path of a marker on a line.
    """

    name: str
    variable: str
    outline: str


def legend(series: Mapping[str, Series]) -> list[LegendEntry]:
    """An entry a row, and one for all rows in the background."""
    shown = [
        LegendEntry(name, one.variable, one.outline)
        for name, one in series.items()
        if one is not BACKGROUND
    ]
    others = [name for name, one in series.items() if one is BACKGROUND]
    if others:
        shown.append(LegendEntry(f"{len(others)} others: {'; '.join(others)}", "faded", ""))
    return shown
