"""A study's tables as files: CSV with everything, Markdown and LaTeX to put into a text."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beenhere.evaluation.published import PublishedRow
from beenhere.evaluation.ranking import RankedRow
from beenhere.report.columns import columns
from beenhere.report.figures import RowFigures, TableFigures, all_figures
from beenhere.report.numbers import interval, percent
from beenhere.studies.results import StudyResults

Cell = str | float | int | bool | None
_MEASURED = {
    "": "percent",
    " low": "low",
    " high": "high",
    " sd over seeds": "sd",
    " adjusted p": "adjusted_p",
    " among best": "among_best",
}
_PUBLISHED = {" published": "percent", " published low": "low", " published high": "high"}

Measured = RankedRow | PublishedRow | None

_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "≈": r"$\approx$",
        "\n": " ",
    }
)
_MARKDOWN = str.maketrans({**{letter: f"\\{letter}" for letter in "\\|<>[]*_`&#$~"}, "\n": " "})


def write_tables(results: StudyResults, out: Path) -> list[Path]:
    """Write ``OUT/tables/NAME.csv``, ``.md`` and ``.tex`` of every table.

    Returns:
        The files.

    Raises:
        DataError: rows of one table were asked different queries.
    """
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figures in all_figures(results):
        for kind, text in (
            ("csv", as_csv(results, figures)),
            ("md", as_markdown(results, figures)),
            ("tex", as_latex(results, figures)),
        ):
            path = folder / f"{figures.table.name}.{kind}"
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    return written


def as_csv(results: StudyResults, figures: TableFigures) -> str:
    """Full precision, a line a row; an empty cell where nothing is known.

    Columns that would be empty all the way down are left out.
    """
    options = list(dict.fromkeys(name for row in figures.rows for name in row.row.changes))
    lines = [_record(results, row, options) for row in figures.rows]
    columns = {name: [line[name] for line in lines] for name in (lines[0] if lines else ())}
    known = [name for name, cells in columns.items() if any(cell is not None for cell in cells)]
    text = io.StringIO()
    writer = csv.DictWriter(text, known, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def as_markdown(results: StudyResults, figures: TableFigures) -> str:
    """Recall with intervals; the best in bold, those that cannot be told from it with ``≈``."""

    def cell(one: Measured) -> str:
        if one is None:
            return ""
        value = f"**{percent(one.percent)}**" if one.best else percent(one.percent)
        tied = "≈ " if one.among_best and not one.best else ""
        return f"{tied}{value} {interval(one.low, one.high)}"

    header, rows = _columns(results, figures)
    table = figures.table
    lines = [
        [name.translate(_MARKDOWN) for name in ["row", *header]],
        ["---", *["---:"] * len(header)],
        *([name.translate(_MARKDOWN), *map(cell, cells)] for name, cells in rows),
    ]
    texts = [f"## {table.title.translate(_MARKDOWN)}", table.about.translate(_MARKDOWN)]
    texts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    texts.append(_note(results).translate(_MARKDOWN))
    return "\n\n".join(filter(None, texts)) + "\n"


def as_latex(results: StudyResults, figures: TableFigures) -> str:
    """A ``table`` for a document that uses ``booktabs``."""

    def cell(one: Measured) -> str:
        if one is None:
            return ""
        value = percent(one.percent)
        value = rf"\textbf{{{value}}}" if one.best else value
        tied = r"$\approx$\," if one.among_best and not one.best else ""
        return rf"{tied}{value} {{\scriptsize {interval(one.low, one.high)}}}"

    header, rows = _columns(results, figures)
    caption = f"{figures.table.title}. {_note(results)}".translate(_LATEX)
    lines = [[name.translate(_LATEX), *map(cell, cells)] for name, cells in rows]
    head = ["", *(name.translate(_LATEX) for name in header)]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption}}}",
            rf"  \label{{tab:{figures.table.name}}}",
            rf"  \begin{{tabular}}{{l{'r' * len(header)}}}",
            r"    \toprule",
            rf"    {' & '.join(head)} \\",
            r"    \midrule",
            *(rf"    {' & '.join(line)} \\" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _record(results: StudyResults, row: RowFigures, options: Sequence[str]) -> dict[str, Cell]:
    record: dict[str, Cell] = {
        "row": row.name,
        "state": row.state,
        "seeds": " ".join(str(run.seed) for run in row.row.finished),
        **{name: _plain(row.row.changes.get(name)) for name in options},
    }
    for test in results.tests:
        for at in results.recall_at:
            ours = row.measured.get(test, {}).get(at)
            theirs = row.published.get(test, {}).get(at)
            for label, field in _MEASURED.items():
                record[f"{test} R@{at}{label}"] = getattr(ours, field, None)
            for label, field in _PUBLISHED.items():
                record[f"{test} R@{at}{label}"] = getattr(theirs, field, None)
    return record | {
        "validation R@1": row.validation,
        "epochs": row.epochs,
        "seconds": row.seconds,
    }


def _plain(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _columns(
    results: StudyResults, figures: TableFigures
) -> tuple[list[str], list[tuple[str, list[Measured]]]]:
    """Headings, and by row its name and what stands under them."""
    shown = columns(results, figures)
    header = [
        f"{results.tests[one.test]} R@{one.at}{' published' if one.source == 'published' else ''}"
        for one in shown
    ]
    rows = []
    for row in figures.rows:
        name = row.name if row.state == "finished" else f"{row.name} ({row.state})"
        rows.append((name, [one.of(row) for one in shown]))
    return header, rows


def _note(results: StudyResults) -> str:
    caveat = f" {results.caveat}" if results.caveat else ""
    return (
        f"R@N in percent within {results.threshold:g} m on {results.data_title}, with "
        f"{100 * results.confidence:g}% intervals; bold: best; ≈: cannot be told from the best."
        f"{caveat}"
    )
