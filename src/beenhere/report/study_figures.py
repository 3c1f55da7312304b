"""The figures of a study's table for its tables, charts and texts, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beenhere.evaluation.evaluation_results import SavedEvaluation, check_same_order
from beenhere.evaluation.ranking import RankedRow, rank_published, rank_rows
from beenhere.evaluation.statistics import mean_and_sd
from beenhere.studies.results import Row, Run, StudyResults, Table

_SHORT = 20
"""Letters of what fits into a column."""


@dataclass(frozen=True)
class RowFigures:
    """One row.

    Attributes:
        row: the row itself.
        measured: its recalls by test set and N; empty before one of its runs has finished.
        published: what others found, by test set and N.
    """

    row: Row
    measured: dict[str, dict[int, RankedRow]]
    published: dict[str, dict[int, RankedRow]]

    @property
    def name(self) -> str:
        """Of the row."""
        return self.row.name

    @property
    def state(self) -> str:
        """``"finished"``, or in words why its recalls are missing or rest on fewer seeds."""
        open_runs = [run for run in self.row.runs if run.state != "finished"]
        if not open_runs:
            return "finished" if self.row.runs else "waiting"
        first = open_runs[0]
        state = f"{first.state}: {first.error}" if first.error else first.state
        if not self.row.finished:
            return state
        return f"{len(self.row.finished)} of {len(self.row.runs)} seeds; {state}"

    @property
    def validation(self) -> float | None:
        """R@1 on the validation set at the epoch that was tested, in percent; mean over seeds."""
        runs = self.row.finished
        starts = [{"epoch": 0, "validation": run.beginning} for run in runs]
        tested = [
            each
            for start, run in zip(starts, runs, strict=True)
            for each in [start, *run.epochs]
            if each["epoch"] == run.best_epoch
        ]
        return _mean([validation_recall(epoch) for epoch in tested])

    @property
    def epochs(self) -> float | None:
        """How many were trained; mean over seeds."""
        return _mean([float(len(run.epochs)) or None for run in self.row.finished])

    @property
    def seconds(self) -> float | None:
        """Wall clock of a training; mean over seeds."""
        return _mean([run.record.get("seconds") for run in self.row.finished])

    @property
    def milliseconds(self) -> float | None:
        """The model's time for a photo, as a training measures it at its end; mean over seeds."""
        return _mean([run.record.get("milliseconds_per_photo") for run in self.row.finished])

    def first_recall(self, test: str) -> RankedRow:
        """On a test set where it was measured, at the first N."""
        return next(iter(self.measured[test].values()))

    def evaluations(self, test: str) -> list[SavedEvaluation]:
        """On one test set, one a seed."""
        return [run.evaluations[test] for run in self.row.finished if test in run.tests]

    def option(self, dotted: str) -> Any:
        """An option's value, the same for each of its runs; None where there is none."""
        value: Any = self.row.runs[0].options if self.row.runs else self.row.changes.get(dotted)
        for key in dotted.split(".") if self.row.runs else ():
            value = value.get(key) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True)
class TableFigures:
    """A table with the figures of every row, in the table's order."""

    table: Table
    rows: list[RowFigures]

    def on(self, test: str) -> list[RowFigures]:
        """The rows that were measured on a test set."""
        return [row for row in self.rows if test in row.measured]

    def best(self, test: str) -> RowFigures | None:
        """The first of those with the highest R@1; None where nothing was measured."""
        return next((row for row in self.on(test) if row.first_recall(test).best), None)

    def facts(self, texts: bool) -> list[str]:
        """What is said of models that were not trained here: figures and names, or long texts."""
        longest: dict[str, int] = {}
        for row in self.rows:
            for name, value in row.row.facts.items():
                length = 0 if value is None else len(str(value))
                longest[name] = max(longest.get(name, 0), length)
        return [name for name, length in longest.items() if length and (length > _SHORT) == texts]


def all_figures(results: StudyResults) -> list[TableFigures]:
    """The figures of every table of a study.

    Raises:
        DataError: rows of one table were asked different queries.
    """
    return [TableFigures(table, _rows(results, table)) for table in results.tables]


def distinct_runs(results: StudyResults) -> list[tuple[Run, list[str]]]:
    """Every run, once where tables share it, with its tables and rows by name."""
    places: dict[str, tuple[Run, list[str]]] = {}
    for table in results.tables:
        for row in table.rows:
            for run in row.runs:
                _, names = places.setdefault(str(run.folder), (run, []))
                names.append(f"{table.title}: {row.name}")
    return list(places.values())


def _rows(results: StudyResults, table: Table) -> list[RowFigures]:
    rows = [RowFigures(row, {}, {}) for row in table.rows]
    for test in results.tests:
        measured, published = _measured(results, rows, test), _published(results, table, test)
        for row in rows:
            for figures, ranked in ((row.measured, measured), (row.published, published)):
                by_n = {at: named[row.name] for at, named in ranked.items() if row.name in named}
                if by_n:
                    figures[test] = by_n
    return rows


def _measured(
    results: StudyResults, rows: Sequence[RowFigures], test: str
) -> dict[int, dict[str, RankedRow]]:
    evaluations = {row.name: found for row in rows if (found := row.evaluations(test))}
    if not evaluations:
        return {}
    check_same_order([one for found in evaluations.values() for one in found])
    ranked = {}
    for at in results.recall_at:
        hits = {
            name: np.stack([one.hits(at, one.threshold) for one in found])
            for name, found in evaluations.items()
        }
        ranked[at] = rank_rows(hits, results.confidence, results.resamples, results.seed)
    return ranked


def _published(results: StudyResults, table: Table, test: str) -> dict[int, dict[str, RankedRow]]:
    queries = results.published_queries.get(test)
    found = {}
    for at in results.recall_at if queries else ():
        percents = {
            row.name: row.published[test][f"R@{at}"]
            for row in table.rows
            if f"R@{at}" in row.published.get(test, {})
        }
        if percents and queries:
            found[at] = rank_published(percents, queries, results.confidence)
    return found


def validation_recall(epoch: dict[str, Any]) -> float | None:
    """R@1 on the validation set after an epoch, in percent; None where it was not measured."""
    return (epoch.get("validation") or {}).get("R@1")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean_and_sd(known)[0] if known else None
