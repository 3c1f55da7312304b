"""Which line is which: every row of a table looks the same in all charts of that table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.markers import MarkerStyle

from beenhere.evaluation.ranking import RankedRow
from beenhere.report.charts.drawing import FADED, SERIES
from beenhere.report.study_figures import RowFigures

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a colour, so that no row is known by its colour alone."""

MOST = len(SERIES)
"""Rows that can be told apart; of more, the best have a colour and the others are grey."""


@dataclass(frozen=True)
class Series:
    """How a row is drawn.

    Attributes:
        colour: placeholder of a CSS variable, see :mod:`beenhere.report.charts.drawing`.
        variable: its name, such as ``"series-1"``.
        marker: of matplotlib; empty for rows in the background.
    """

    colour: str
    variable: str
    marker: str

    @property
    def outline(self) -> str:
        """The marker's polygons as the path of an SVG, from -5 to 5."""
        style = MarkerStyle(self.marker)
        path = style.get_path().transformed(style.get_transform())
        outline = ""
        for polygon in path.to_polygons():
            points = [f"{10 * x:.1f} {-10 * y:.1f}" for x, y in np.asarray(polygon)]
            outline += f"M{'L'.join(points)}Z"
        return outline


BACKGROUND = Series(FADED, "faded", "")


def series_of(rows: Sequence[RowFigures], test: str) -> dict[str, Series]:
    """By name of the row, in their order; the rows were measured on ``test``."""
    shown = rows
    if len(rows) > MOST:
        by_recall = sorted(rows, key=lambda row: -row.first_recall(test).percent)
        shown = by_recall[: MOST - 1]
    names = [row.name for row in rows if row in shown]
    numbered = [
        Series(colour, f"series-{number}", marker)
        for number, (colour, marker) in enumerate(zip(SERIES, MARKERS, strict=True), 1)
    ]
    return {
        row.name: numbered[names.index(row.name)] if row.name in names else BACKGROUND
        for row in rows
    }


@dataclass(frozen=True)
class ChartRows:
    """The rows of a chart, measured on one test set.

    Attributes:
        rows: in the order of the table.
        test, title: name of the test set, and the title of the chart.
        at: N of Recall@N.
        series: how each row looks, by name.
    """

    rows: Sequence[RowFigures]
    test: str
    title: str
    at: int
    series: Mapping[str, Series]

    def measured(self, row: RowFigures) -> RankedRow:
        """The recall of a row."""
        return row.measured[self.test][self.at]


def behind_first(rows: Sequence[RowFigures], series: Mapping[str, Series]) -> list[RowFigures]:
    """The rows in the background first, so that they are drawn under the others."""
    return sorted(rows, key=lambda row: series[row.name] is not BACKGROUND)


@dataclass(frozen=True)
class LegendEntry:
    """A sign and its meaning.

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
