"""How the tables of a study look in a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from beenhere.cli.output import console

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from beenhere.report.study_figures import RowFigures, TableFigures
    from beenhere.studies.results import Row, StudyResults

NS = (1, 5)
"""Each N that is shown; the report has all."""


def print_study(results: "StudyResults") -> None:
    """Every table, and what the figures are."""
    from beenhere.report.study_figures import all_figures

    output = console()
    output.print(f"\n{results.title}, on {results.data_title}", markup=False)
    for figures in all_figures(results):
        output.print()
        output.print(_table(results, figures))
    for line in _legend(results):
        output.print(line, markup=False)
    if results.caveat:
        output.print(f"\n{results.caveat}", markup=False, soft_wrap=False)
    for line in _problems(results):
        output.print(line, markup=False)


def _legend(results: "StudyResults") -> Iterator[str]:
    rows = [row for table in results.tables for row in table.rows]
    yield (
        f"\nR@N: percent of all queries with a photo {results.right_in_words} among the "
        f"first N found [{100 * results.confidence:g}% bootstrap interval]"
    )
    yield "* not to be told from the best of the table (paired test on the same queries, Holm)"
    if any(len(row.runs) > 1 for row in rows):
        yield "±: standard deviation over seeds"
    if any(row.published for row in rows):
        yield "in brackets: what was published"


def _table(results: "StudyResults", figures: "TableFigures") -> "RichTable":
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column(Text(f"{figures.table.title} ({figures.table.name})"))
    for test in results.tests:
        shown.add_column(Text(f"{test} R@1"), justify="right")
        shown.add_column(Text("R@5"), justify="right")
    shown.add_column("state", justify="right")
    for row in figures.rows:
        cells = [_recall(row, test, n) for test in results.tests for n in NS]
        shown.add_row(Text(row.name), *map(Text, cells), Text(_state(row.row)))
    return shown


def _recall(row: "RowFigures", test: str, n: int) -> str:
    """Such as ``51.7* [48.5, 54.8] (51.7)``; the interval and the mark of R@1 alone."""
    found = row.measured.get(test, {}).get(n)
    published = row.published.get(test, {}).get(n)
    parts = ["-" if found is None else f"{found.percent:.1f}"]
    if found is not None and n == NS[0]:
        mark = "*" if found.among_best else " "
        spread = "" if found.sd is None else f" ± {found.sd:.1f}"
        parts = [f"{found.percent:.1f}{mark} [{found.low:.1f}, {found.high:.1f}]{spread}"]
    if published is not None:
        parts.append(f"({published.percent:.1f})")
    return " ".join(parts)


def _state(row: "Row") -> str:
    """Such as ``finished``, ``2 of 3 finished``, ``running, epoch 4 of 10``."""
    states = [run.state for run in row.runs]
    if len(set(states)) > 1:
        return f"{states.count('finished')} of {len(states)} finished"
    first = row.runs[0]
    if len(states) == 1 and states[0] in ("running", "interrupted"):
        return f"{states[0]}, epoch {len(first.epochs)} of {first.options['fit']['epochs']}"
    return states[0]


def _problems(results: "StudyResults") -> Iterator[str]:
    """What failed, and why; a training that rows share is named once."""
    seen = set()
    for table in results.tables:
        for row in table.rows:
            for run in row.runs:
                if run.state == "failed" and run.folder not in seen:
                    seen.add(run.folder)
                    yield f"\n{row.name} failed: {run.error}"
