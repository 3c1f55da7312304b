"""How the tables of a study look in a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from beenhere.cli.output import console

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from beenhere.studies.results import Row, StudyResults, Table

NS = (1, 5)
"""Each N that is shown; the report has all."""


def print_study(results: "StudyResults") -> None:
    """Every table, and what the figures are."""
    output = console()
    output.print(f"\n{results.title}, on {results.data_title}", markup=False)
    for table in results.tables:
        output.print()
        output.print(_table(results, table))
    output.print(
        f"\nR@N: percent of all queries with a photo from within {results.threshold:g} m among the "
        "first N found;\nin brackets what was published. Mean over seeds where there are several.",
        markup=False,
    )
    if results.caveat:
        output.print(f"\n{results.caveat}", markup=False, soft_wrap=False)
    for line in _problems(results):
        output.print(line, markup=False)


def _table(results: "StudyResults", table: "Table") -> "RichTable":
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column(Text(table.title))
    for test in results.tests:
        for n in NS:
            shown.add_column(Text(f"{test} R@{n}"), justify="right")
    shown.add_column("state", justify="right")
    for row in table.rows:
        cells = [_recall(results, row, test, n) for test in results.tests for n in NS]
        shown.add_row(Text(row.name), *cells, _state(row))
    return shown


def _recall(results: "StudyResults", row: "Row", test: str, n: int) -> str:
    sought = (n, results.threshold, None)
    found = [
        one["percent"]
        for run in row.finished
        if test in run.tests
        for one in run.evaluations[test].results["recalls"]
        if (one["at"], one["threshold"], one["condition"]) == sought
    ]
    published = row.published.get(test, {}).get(f"R@{n}")
    mean = f"{sum(found) / len(found):.1f}" if found else "-"
    return mean + (f" ({published:.1f})" if published is not None else "")


def _state(row: "Row") -> str:
    """Such as ``finished``, ``2 of 3 finished``, ``epoch 4 of 10``."""
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
