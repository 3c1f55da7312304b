"""Every chart of a study's table, with its caption and legend."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from beenhere.evaluation.protocol import has_positive
from beenhere.evaluation.thresholds import recall_against_threshold
from beenhere.report.charts import recall, training_curves
from beenhere.report.charts.drawing import chart_style
from beenhere.report.charts.error_map import error_map
from beenhere.report.charts.series import BACKGROUND, ChartRows, LegendEntry, legend, series_of
from beenhere.report.study_figures import TableFigures
from beenhere.studies.results import StudyResults
from beenhere.wording import count

_MOST_BARS = 4
"""Rows of which bars side by side can still be read."""


@dataclass(frozen=True)
class ChartGroup:
    """Charts that belong together.

    Attributes:
        title: short. caption: what is seen, in a sentence or two.
        charts: ``<svg>`` each.
        legend: of all charts; empty where they say it themselves.
        beneath: whether the legend is below the charts, not at their side.
        folded: whether it is there for who looks closer, and opens when asked.
    """

    title: str
    caption: str
    charts: list[str]
    legend: list[LegendEntry]
    beneath: bool = False
    folded: bool = False


def chart_groups(results: StudyResults, figures: TableFigures) -> list[ChartGroup]:
    """The charts of one table; none where no row was measured."""
    with chart_style():
        return [plot for plot in _TableCharts(results, figures).draw() if plot.charts]


class _TableCharts:
    """One table's charts: the same rows look the same in all of them."""

    def __init__(self, results: StudyResults, figures: TableFigures) -> None:
        self.results, self.figures = results, figures
        tests = [test for test in results.tests if figures.on(test)]
        self.rows = figures.on(tests[0]) if tests else []
        self.series = series_of(self.rows, tests[0]) if tests else {}
        self.first_n = results.recall_at[0]
        self.every = [
            ChartRows(figures.on(test), test, results.tests[test], self.first_n, self.series)
            for test in tests
        ]
        # Rows that were not measured on the first test set have no look of their own.
        self.known = [
            replace(one, rows=[row for row in one.rows if row.name in self.series])
            for one in self.every
        ]

    def draw(self) -> Iterator[ChartGroup]:
        if not self.rows:
            return
        yield self._intervals()
        yield self._against_n()
        if self.figures.table.thresholds:
            yield self._against_threshold()
        if self.figures.table.along:
            yield self._against_option()
        yield self._training()
        yield self._cost()
        yield self._conditions()
        yield self._maps()

    def _key(self, kind: str, test: str = "") -> str:
        number = f"-{list(self.results.tests).index(test)}" if test else ""
        return f"chart-{self.figures.table.name}-{kind}{number}"

    def _intervals(self) -> ChartGroup:
        n, confidence = self.first_n, self.results.confidence
        charts = [
            recall.with_intervals(one, self._key("intervals", one.test), confidence)
            for one in self.every
        ]
        signs = []
        caption = (
            f"Recall@{n} of each row with its {100 * confidence:g}% interval. Where intervals "
            "overlap widely, the order of two rows may be chance. ● is the best, ≈ cannot be told "
            "from it."
        )
        if any(row.published for row in self.rows):
            signs = [
                LegendEntry("this study", "series-1", "circle"),
                LegendEntry("published", "quiet", "ring"),
            ]
        return ChartGroup("How sure the order is", caption, charts, signs)

    def _against_n(self) -> ChartGroup:
        charts = [recall.against_n(one, self._key("n", one.test)) for one in self.known]
        caption = "Share of the queries with a right photo among the first N found."
        return ChartGroup("Recall against N", caption, charts, legend(self.series))

    def _against_threshold(self) -> ChartGroup:
        charts, listed, results = [], [], self.results
        shown = {name: one for name, one in self.series.items() if one is not BACKGROUND}
        for one in self.known:
            evaluations = {row.name: row.evaluations(one.test) for row in one.rows}
            if any(each.listed for found in evaluations.values() for each in found):
                listed.append(one.title)
                continue
            curves = {
                name: recall_against_threshold(
                    found,
                    self.first_n,
                    sorted(self.figures.table.thresholds),
                    results.confidence,
                    results.resamples,
                    results.seed,
                )
                for name, found in evaluations.items()
                if name in shown
            }
            key = self._key("threshold", one.test)
            charts.append(recall.against_threshold(curves, one.title, self.series, key))
        caption = (
            "What counts as right is a choice. The dashed line is the share of queries that have "
            f"any photo that near; bands are {100 * results.confidence:g}% intervals."
        )
        if listed:
            caption += f" Not for {', '.join(listed)}: lists say there what is right."
        return ChartGroup("Recall against the threshold", caption, charts, legend(shown))

    def _against_option(self) -> ChartGroup:
        along = self.figures.table.along
        charts = [
            recall.against_option(one, along, self._key("along", one.test)) for one in self.every
        ]
        caption = f"Whiskers are {100 * self.results.confidence:g}% intervals."
        return ChartGroup(f"Recall against {along}", caption, charts, [])

    def _training(self) -> ChartGroup:
        rows = [row for row in self.rows if row.row.finished[0].epochs]
        charts = training_curves.curves(rows, self.series, self._key("training")) if rows else []
        caption = (
            "By epoch: mean loss, recall on the validation set, learning rate (the highest of the "
            "parameter groups)."
        )
        if any(len(row.row.finished) > 1 for row in rows):
            caption += " Of rows with several seeds, the first."
        return ChartGroup(
            "How training went", caption, charts, legend(self.series), beneath=True, folded=True
        )

    def _cost(self) -> ChartGroup:
        charts = []
        for one in self.known:
            times = {row.name: row.milliseconds for row in one.rows if row.milliseconds is not None}
            sizes = {
                row.name: float(row.evaluations(one.test)[0].results["model"]["descriptor_dim"])
                for row in one.rows
            }
            for kind, unit, costs in (
                ("time", "milliseconds of the model for a photo", times),
                ("descriptor", "numbers in a descriptor", sizes),
            ):
                if len(set(costs.values())) > 1:
                    key = self._key(kind, one.test)
                    charts.append(recall.against_cost(one, costs, kind, unit, key))
        caption = (
            "Rings and the dashed line mark the Pareto front: rows that no other beats in both "
            "recall and cost."
        )
        if any(row.milliseconds is not None for row in self.rows):
            caption += (
                " Timed is the model alone, without decoding: the best of several forward passes "
                "of 16 photos, on the machine of the run."
            )
        return ChartGroup(
            "Accuracy against cost", caption, charts, legend(self.series), folded=True
        )

    def _conditions(self) -> ChartGroup:
        recalls = {row.name: self.every[0].measured(row).percent for row in self.rows}
        ranked = sorted(recalls, key=lambda name: -recalls[name])
        names = [name for name in ranked if self.series[name] is not BACKGROUND][:_MOST_BARS]
        shown = {name: one for name, one in self.series.items() if name in names}
        charts = []
        for one in self.known:
            rows = [row for row in one.rows if row.name in shown]
            groups = recall.by_condition(rows, one.test, self.first_n, self.results)
            if len(groups) > 1:
                key = self._key("conditions", one.test)
                charts.append(recall.bars(groups, one.title, self.first_n, shown, key))
        best = f" The best {count(len(shown), 'row')}." if len(shown) < len(self.rows) else ""
        caption = (
            "Below each condition, how many queries it has; whiskers are Wilson's "
            f"{100 * self.results.confidence:g}% intervals.{best}"
        )
        return ChartGroup("Recall by condition", caption, charts, legend(shown), folded=True)

    def _maps(self) -> ChartGroup:
        charts, named = [], []
        for shown in self.every:
            best = self.figures.best(shown.test)
            if best is None:
                continue
            one = best.evaluations(shown.test)[0]
            lat, lon = (
                one.queries[name].cast(float).fill_null(np.nan).to_numpy()
                for name in ("lat", "lon")
            )
            if not np.isfinite(lat).any():
                continue
            possible = one.queries.select(has_positive(one.threshold).fill_null(False)).to_series()
            right, key = one.hits(self.first_n, one.threshold), self._key("map", shown.test)
            charts.append(error_map(lat, lon, right, possible.to_numpy(), shown.title, key))
            named.append(f"{best.name} on {shown.title}")
        caption = (
            f"Each query at its place, by the best row: {'; '.join(named)}. Groups that lie far "
            "apart are moved together, the northernmost first."
        )
        signs = [
            LegendEntry("right", "right", "circle"),
            LegendEntry("wrong", "wrong", "cross"),
            LegendEntry(f"no photo {self.results.right_in_words}", "faded", "ring"),
        ]
        return ChartGroup("Where queries fail", caption, charts, signs, folded=True)
