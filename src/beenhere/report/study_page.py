"""A study as one HTML file: no other file, no network, opens from disk."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from beenhere import wording
from beenhere.evaluation.ranking import RankedRow
from beenhere.files.atomic import write_file
from beenhere.report.compared_queries import ComparedPair
from beenhere.report.gallery import band_names, failures
from beenhere.report.study_charts import chart_groups
from beenhere.report.study_figures import TableFigures, all_figures, distinct_runs
from beenhere.report.study_tables import as_csv, as_latex, as_markdown, columns, fact_text
from beenhere.report.thumbnails import Thumbnails
from beenhere.studies.results import State, StudyResults

_STATES: tuple[State, ...] = ("finished", "running", "interrupted", "failed", "waiting")


@dataclass(frozen=True)
class BestRow:
    """The best row of a table on one test set.

    Attributes:
        test: title of the test set. row: name of the row. at: N of its recall.
        recall: that recall with its interval.
        others: in words, how it compares with the other rows; empty where there are none.
    """

    test: str
    row: str
    at: int
    recall: RankedRow
    others: str


def write_page(results: StudyResults, out: Path, compared: Sequence[ComparedPair] = ()) -> Path:
    """Write ``OUT/report.html``: everything a study has found so far.

    The same results give the same bytes. A photo that is gone leaves an empty box with its name.

    Args:
        compared: pairs of models, each on one test set, in the order to be shown.

    Raises:
        DataError: rows of one table were asked different queries.
    """
    figures = all_figures(results)
    failed = failures(results, figures)
    pictures = Thumbnails()
    pairs = [
        (a, b, list(tests)) for (a, b), tests in groupby(compared, lambda pair: (pair.a, pair.b))
    ]
    html = (
        _environment(pictures)
        .get_template("page.html")
        .render(
            results=results,
            progress=progress(results),
            sections=[_section(results, one) for one in figures],
            failures=failed,
            bands=band_names(failed),
            pairs=pairs,
            mapped=any(pair.mapped for pair in compared),
            several_seeds=any(len(run.row.finished) > 1 for one in figures for run in one.rows),
            runs=distinct_runs(results),
            pictures=pictures,
        )
    )
    out.mkdir(parents=True, exist_ok=True)
    path = out / "report.html"
    write_file(path, html)
    return path


def _section(results: StudyResults, figures: TableFigures) -> dict[str, Any]:
    """A table as the page shows it, by the names that its template uses."""
    name = figures.table.name
    shown = columns(results, figures)
    published = {one.at for one in shown if one.source == "published"}
    return {
        "figures": figures,
        "columns": {test: list(found) for test, found in groupby(shown, lambda one: one.test)},
        # Published figures make the table wide: intervals of the first N and of those alone, then.
        "with_ranges": {*published, results.recall_at[0]} if published else {*results.recall_at},
        "best_rows": best_rows(results, figures),
        "chart_groups": chart_groups(results, figures),
        "downloads": [
            ("CSV", f"{name}.csv", _uri("text/csv", as_csv(results, figures))),
            ("Markdown", f"{name}.md", _uri("text/markdown", as_markdown(results, figures))),
            ("LaTeX", f"{name}.tex", _uri("application/x-tex", as_latex(results, figures))),
        ],
    }


def _uri(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _environment(pictures: Thumbnails) -> Environment:
    loader = PackageLoader("beenhere.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The words of the package, so that a page and a terminal never differ.
    named = "percent as_published signed p_value duration metres option short_name count"
    environment.filters.update({name: getattr(wording, name) for name in named.split()})
    environment.filters["title_of"] = lambda name, titles: titles[name]
    environment.filters["yaml"] = partial(yaml.safe_dump, sort_keys=False, allow_unicode=True)
    environment.filters["file_name"] = lambda path: Path(path).name
    environment.filters["fact"] = fact_text
    environment.globals["interval"] = wording.interval
    environment.globals["of_photo"] = pictures.of_photo
    environment.globals["of_picture"] = pictures.of_picture
    # A style sheet or script as it is.
    environment.globals["part"] = lambda name: loader.get_source(environment, name)[0]
    return environment


def progress(results: StudyResults) -> str:
    """How many tables, rows and trainings there are, and how far these came."""
    runs = [run for run, _ in distinct_runs(results)]
    states = Counter(run.state for run in runs)
    rows = sum(len(table.rows) for table in results.tables)
    what = "evaluation" if any(row.facts for row in results.rows) else "training"
    named = [f"{states[state]:,} {state}" for state in _STATES if states[state]]
    far = "all finished" if set(states) == {"finished"} else ", ".join(named)
    return (
        f"{wording.count(len(results.tables), 'table')}, {wording.count(rows, 'row')}, "
        f"{wording.count(len(runs), what)}{f': {far}' if far else ''}."
    )


def best_rows(results: StudyResults, figures: TableFigures) -> list[BestRow]:
    """One for each test set on which a row was measured."""
    found = []
    for test, title in results.tests.items():
        best = figures.best(test)
        if best is None:
            continue
        at, recall = next(iter(best.measured[test].items()))
        others = [row.measured[test][at] for row in figures.on(test) if row is not best]
        tied = sum(other.among_best for other in others)
        found.append(BestRow(title, best.name, at, recall, _standing(tied, len(others))))
    return found


def _standing(tied: int, others: int) -> str:
    if others == 0:
        return ""
    if others == 1:
        return "the other row cannot be told from it" if tied else "better than the other row"
    if tied == 0:
        return f"better than each of the {others} others"
    if tied == others:
        return f"none of the {others} others can be told from it"
    return f"{tied} of {others} others cannot be told from it"
