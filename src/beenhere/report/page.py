"""A study as one HTML file: no other file, no network, opens from disk."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from beenhere import wording
from beenhere.report.columns import Column, columns
from beenhere.report.compared import ComparedPair
from beenhere.report.figures import TableFigures, all_figures, distinct_runs
from beenhere.report.gallery import failures
from beenhere.report.latex import as_latex
from beenhere.report.plots import Plot, plots
from beenhere.report.summary import Finding, findings, progress
from beenhere.report.tables import as_csv, as_markdown
from beenhere.report.thumbnails import Thumbnails
from beenhere.studies.results import StudyResults


@dataclass(frozen=True)
class Section:
    """A table as the page shows it.

    Attributes:
        figures: of its rows.
        columns: of recall, by test set.
        with_ranges: each N of which intervals are shown: all, or where published figures make the
            table wide, the first and those that were published.
        findings: what they say, by test set.
        plots: its charts.
        downloads: kind, file name and ``data:`` URI of each file.
    """

    figures: TableFigures
    columns: dict[str, list[Column]]
    with_ranges: set[int]
    findings: list[Finding]
    plots: list[Plot]
    downloads: list[tuple[str, str, str]]


def write_page(results: StudyResults, out: Path, compared: Sequence[ComparedPair] = ()) -> Path:
    """Write ``OUT/report.html``: everything a study has found so far.

    The same results give the same bytes. A photo that is gone leaves an empty box with its name.

    Args:
        compared: pairs of models, each on one test set, in the order to be shown.

    Raises:
        DataError: rows of one table were asked different queries.
    """
    figures = all_figures(results)
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
            failures=failures(results, figures),
            pairs=pairs,
            mapped=any(pair.mapped for pair in compared),
            several_seeds=any(len(run.row.finished) > 1 for one in figures for run in one.rows),
            runs=distinct_runs(results),
            pictures=pictures,
        )
    )
    out.mkdir(parents=True, exist_ok=True)
    path = out / "report.html"
    new = out / "report.html.new"
    new.write_text(html, encoding="utf-8", newline="\n")
    new.replace(path)
    return path


def _section(results: StudyResults, figures: TableFigures) -> Section:
    name = figures.table.name
    downloads = [
        ("CSV", f"{name}.csv", _uri("text/csv", as_csv(results, figures))),
        ("Markdown", f"{name}.md", _uri("text/markdown", as_markdown(results, figures))),
        ("LaTeX", f"{name}.tex", _uri("application/x-tex", as_latex(results, figures))),
    ]
    shown = columns(results, figures)
    by_test = {test: list(found) for test, found in groupby(shown, lambda one: one.test)}
    published = {one.at for one in shown if one.source == "published"}
    return Section(
        figures=figures,
        columns=by_test,
        with_ranges=published | {results.recall_at[0]} if published else set(results.recall_at),
        findings=findings(results, figures),
        plots=plots(results, figures),
        downloads=downloads,
    )


def _uri(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _environment(pictures: Thumbnails) -> Environment:
    environment = Environment(
        loader=PackageLoader("beenhere.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {
            name: getattr(wording, name)
            for name in (
                "percent",
                "as_published",
                "signed",
                "p_value",
                "duration",
                "metres",
                "option",
                "short_name",
                "count",
            )
        }
        | {
            "title_of": lambda name, titles: titles[name],
            "yaml": _yaml,
            "file_name": lambda path: Path(path).name,
        }
    )
    environment.globals.update(
        {
            "interval": wording.interval,
            "of_photo": pictures.of_photo,
            "of_picture": pictures.of_picture,
            "part": lambda name: _part(environment, name),
        }
    )
    return environment


def _part(environment: Environment, name: str) -> str:
    """A style sheet or script as it is."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
