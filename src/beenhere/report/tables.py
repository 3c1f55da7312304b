"""A study's tables as files: CSV with everything, Markdown and LaTeX to put into a text."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beenhere.evaluation.ranking import PublishedRow
from beenhere.report.columns import Column, columns
from beenhere.report.figures import RowFigures, TableFigures, all_figures
from beenhere.report.latex import as_latex
from beenhere.studies.results import StudyResults
from beenhere.wording import as_published, interval, percent

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
    """A line a row, every measure to six digits; an empty cell where nothing is known.

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
    """Recall with intervals and, over several seeds, deviations; the best of a column in bold."""
    shown = columns(results, figures)
    header = [
        f"{results.tests[one.test]} R@{one.at}{' published' if one.source == 'published' else ''}"
        for one in shown
    ]
    lines = [
        [name.translate(_MARKDOWN) for name in ["row", *header]],
        ["---", *["---:"] * len(header)],
        *(
            [_name(row).translate(_MARKDOWN), *(_cell(one, row) for one in shown)]
            for row in figures.rows
        ),
    ]
    table = figures.table
    texts = [f"## {table.title.translate(_MARKDOWN)}", table.about.translate(_MARKDOWN)]
    texts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    texts.append(_note(results).translate(_MARKDOWN))
    return "\n\n".join(filter(None, texts)) + "\n"


def _cell(column: Column, row: RowFigures) -> str:
    """Such as ``≈ 51.7 ± 0.8 (3 seeds) [48.5, 54.8]``."""
    one = column.of(row)
    if one is None:
        return ""
    published = isinstance(one, PublishedRow)
    value = as_published(one.percent) if published else percent(one.percent)
    parts = ["≈"] if column.mark(row) == "≈" else []
    parts.append(f"**{value}**" if one.best else value)
    if not isinstance(one, PublishedRow) and one.sd is not None:
        parts.append(f"± {percent(one.sd)} ({one.seeds} seeds)")
    return " ".join([*parts, interval(one.low, one.high)])


def _name(row: RowFigures) -> str:
    return row.name if row.state == "finished" else f"{row.name} ({row.state})"


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
                record[f"{test} R@{at}{label}"] = _rounded(getattr(ours, field, None))
            for label, field in _PUBLISHED.items():
                record[f"{test} R@{at}{label}"] = _rounded(getattr(theirs, field, None))
    return record | {
        "validation R@1": _rounded(row.validation),
        "epochs": _rounded(row.epochs),
        "seconds": _rounded(row.seconds),
        "milliseconds per photo": _rounded(row.milliseconds),
    }


def _rounded(value: float | None) -> Cell:
    """To six significant digits: more would say nothing."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _plain(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _note(results: StudyResults) -> str:
    caveat = f" {results.caveat}" if results.caveat else ""
    return (
        f"R@N in percent {results.right_in_words} on {results.data_title}, with "
        f"{100 * results.confidence:g}% intervals; bold: best of its column; ≈: "
        f"R@{results.recall_at[0]} cannot be told from the best.{caveat}"
    )
