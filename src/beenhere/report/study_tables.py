"""A study's tables as files: CSV with everything, Markdown and LaTeX to put into a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from beenhere.evaluation.ranking import RankedRow
from beenhere.files.atomic import write_file
from beenhere.files.csv_text import csv_text
from beenhere.report.study_figures import RowFigures, TableFigures, all_figures
from beenhere.studies.results import StudyResults
from beenhere.wording import as_published, count, interval, percent


@dataclass(frozen=True)
class Column:
    """Recall@N on one test set.

    Attributes:
        test: name of the test set.
        at: N.
        source: measured in this study, or published before.
        marked: whether the rows that cannot be told from the best are marked: at the first N alone,
            for each N asks anew, and only one question was corrected for.
    """

    test: str
    at: int
    source: Literal["measured", "published"]
    marked: bool

    def of(self, row: RowFigures) -> RankedRow | None:
        """The recall of a row; None where there is none."""
        found = row.measured if self.source == "measured" else row.published
        return found.get(self.test, {}).get(self.at)

    def mark(self, row: RowFigures) -> Literal["●", "≈", ""]:
        """``●`` for the best, ``≈`` for those that cannot be told from it."""
        one = self.of(row)
        if one is None or not self.marked:
            return ""
        return "●" if one.best else "≈" if one.among_best else ""


def columns(results: StudyResults, figures: TableFigures) -> list[Column]:
    """By test set and N, the measured before the published; none that is empty in every row."""
    every = [
        Column(test, at, source, at == results.recall_at[0])
        for test in results.tests
        for at in results.recall_at
        for source in ("measured", "published")
    ]
    return [one for one in every if any(one.of(row) is not None for row in figures.rows)]


Cell = str | float | int | bool | None
_MEASURED = {
    "": "percent",
    " low": "low",
    " high": "high",
    " sd over seeds": "sd",
    " adjusted p": "adjusted_p",
    " among best": "among_best",
    " minus best": "against_best.difference",
    " minus best low": "against_best.low",
    " minus best high": "against_best.high",
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
        for kind, text_of in (("csv", as_csv), ("md", as_markdown), ("tex", as_latex)):
            path = folder / f"{figures.table.name}.{kind}"
            write_file(path, text_of(results, figures))
            written.append(path)
    return written


def as_csv(results: StudyResults, figures: TableFigures) -> str:
    """A line a row, every measure to six digits; an empty cell where nothing is known.

    Columns that would be empty all the way down are left out.
    """
    options = list(dict.fromkeys(name for row in figures.rows for name in row.row.changes))
    lines = [_record(results, row, options) for row in figures.rows]
    names = dict.fromkeys(name for line in lines for name in line)
    known = [name for name in names if any(line.get(name) is not None for line in lines)]
    return csv_text(known, lines)


def as_markdown(results: StudyResults, figures: TableFigures) -> str:
    """Recall with intervals and, over several seeds, deviations; the best of a column in bold."""
    shown = columns(results, figures)
    header = [
        f"{results.tests[one.test]} R@{one.at}{' published' if one.source == 'published' else ''}"
        for one in shown
    ]
    facts = [name for texts in (False, True) for name in figures.facts(texts)]
    names = [
        row.name if row.state == "finished" else f"{row.name} ({row.state})" for row in figures.rows
    ]
    lines = [
        [name.translate(_MARKDOWN) for name in ["row", *header, *facts]],
        ["---", *["---:"] * len(header), *["---"] * len(facts)],
        *(
            [
                name.translate(_MARKDOWN),
                *(_markdown_cell(one, row) for one in shown),
                *(fact_text(row.row.facts.get(fact)).translate(_MARKDOWN) for fact in facts),
            ]
            for name, row in zip(names, figures.rows, strict=True)
        ),
    ]
    table = figures.table
    texts = [f"## {table.title.translate(_MARKDOWN)}", table.about.translate(_MARKDOWN)]
    texts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    note = (
        f"R@N in percent {results.right_in_words} on {results.data_title}, with "
        f"{100 * results.confidence:g}% intervals; bold: best of its column; ≈: "
        f"R@{results.recall_at[0]} cannot be told from the best. {results.caveat}"
    )
    texts.append(note.rstrip().translate(_MARKDOWN))
    return "\n\n".join(filter(None, texts)) + "\n"


def fact_text(value: object) -> str:
    """What is said of a model; empty where it is not known."""
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def _markdown_cell(column: Column, row: RowFigures) -> str:
    """Such as ``≈ 51.7 ± 0.8 (3 seeds) [48.5, 54.8]``."""
    one = column.of(row)
    if one is None:
        return ""
    value = _value(one)
    parts = ["≈"] if column.mark(row) == "≈" else []
    parts.append(f"**{value}**" if one.best else value)
    if one.sd is not None:
        parts.append(f"± {percent(one.sd)} ({one.seeds} seeds)")
    return " ".join([*parts, interval(one.low, one.high)])


def _value(one: RankedRow) -> str:
    """Percent; what was published keeps its own digits."""
    return as_published(one.percent) if one.seeds is None else percent(one.percent)


def _record(results: StudyResults, row: RowFigures, options: Sequence[str]) -> dict[str, Cell]:
    measures: dict[str, Any] = {}
    for test in results.tests:
        for at in results.recall_at:
            for recalls, labels in ((row.measured, _MEASURED), (row.published, _PUBLISHED)):
                one = recalls.get(test, {}).get(at)
                for label, name in labels.items():
                    value = reduce(
                        lambda found, part: getattr(found, part, None), name.split("."), one
                    )
                    measures[f"{test} R@{at}{label}"] = value
    measures |= {
        "validation R@1": row.validation,
        "epochs": row.epochs,
        "seconds": row.seconds,
        "milliseconds per photo": row.milliseconds,
        **row.row.facts,
    }
    return {
        "row": row.name,
        "state": row.state,
        "seeds": " ".join(f"{run.seed}" for run in row.row.finished if run.seed is not None)
        or None,
        **{name: _plain(row.row.changes.get(name)) for name in options},
        # To six significant digits: more would say nothing.
        **{
            name: f"{value:.6g}" if isinstance(value, float) else value
            for name, value in measures.items()
        },
    }


def _plain(value: Any) -> Cell:
    """An option as it is, every digit of it."""
    return value if value is None or isinstance(value, str | int | float) else str(value)


_MEASURES = 2
"""Each N that is shown; the CSV file has all."""

_LONG_NAME, _NAME_WIDTH = 30, "4.2cm"
"""Letters of a name that need lines of their own, and the width of these lines."""

# A bracket at the start of a line would be an option of the line break before it.
_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{letter: f"{{{letter}}}" for letter in "[]*"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "≈": r"$\approx$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "±": r"$\pm$",
        "\N{MINUS SIGN}": "$-$",
        "→": r"$\rightarrow$",
        "\n": " ",
    }
)
_LATEX_MARKS = {"●": "", "≈": r"$\approx$\,", "": ""}


def as_latex(results: StudyResults, figures: TableFigures) -> str:
    """A ``table*`` for a document that uses ``booktabs``, with what it means as comments above.

    Of each test set the first two measures, with the published ones next to them in the digits they
    were published with. The interval, the deviation over seeds and the mark of those that cannot
    be told from the best belong to the first; the best of each column is bold.
    """
    shown = [one for one in columns(results, figures) if one.at in results.recall_at[:_MEASURES]]
    names = [_latex_name(row) for row in figures.rows]
    long = max(map(len, names), default=0) > _LONG_NAME
    first, start = (f"p{{{_NAME_WIDTH}}}", r"\raggedright ") if long else ("l", "")
    lines = [
        [start + name.translate(_LATEX), *(_latex_cell(one, row) for one in shown)]
        for name, row in zip(names, figures.rows, strict=True)
    ]
    head = ["", *(f"R@{one.at}" if one.source == "measured" else "publ." for one in shown)]
    groups, rules = _latex_groups(results, shown)
    return "\n".join(
        [
            *(f"% {' '.join(line.split())}" for line in _latex_comments(results, figures)),
            r"\begin{table*}",
            r"  \centering",
            r"  \footnotesize",
            r"  \setlength{\tabcolsep}{4pt}",
            rf"  \caption{{{figures.table.title.translate(_LATEX)}}}",
            rf"  \label{{tab:{figures.table.name}}}",
            rf"  \begin{{tabular}}{{{first}{'r' * len(shown)}}}",
            r"    \toprule",
            rf"    {' & '.join(['', *groups])} \\",
            *([f"    {' '.join(rules)}"] if rules else []),
            rf"    {' & '.join(head)} \\",
            r"    \midrule",
            *(rf"    {' & '.join(line)} \\" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table*}",
            "",
        ]
    )


def _latex_groups(results: StudyResults, shown: list[Column]) -> tuple[list[str], list[str]]:
    """The test sets over their columns, and the lines beneath them."""
    heads, rules, last = [], [], 1
    for test, found in groupby(shown, lambda one: one.test):
        start, last = last + 1, last + len(list(found))
        title = results.tests[test].translate(_LATEX)
        heads.append(rf"\multicolumn{{{last - start + 1}}}{{c}}{{{title}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{last}}}")
    return heads, rules


def _latex_name(row: RowFigures) -> str:
    """With the number of seeds where there are several; with its state where it is unfinished."""
    notes = []
    if len(row.row.finished) > 1:
        notes.append(count(len(row.row.finished), "seed"))
    if row.state != "finished":
        notes.append(next(run.state for run in row.row.runs if run.state != "finished"))
    return f"{row.name} ({', '.join(notes)})" if notes else row.name


def _latex_cell(column: Column, row: RowFigures) -> str:
    one = column.of(row)
    if one is None:
        return ""
    value = _value(one)
    text = _LATEX_MARKS[column.mark(row)] + (rf"\textbf{{{value}}}" if one.best else value)
    if one.seeds is None or not column.marked:
        return text
    deviation = "" if one.sd is None else rf" $\pm$ {percent(one.sd)}"
    return rf"{text}{deviation} {{\scriptsize {interval(one.low, one.high)}}}"


def _latex_comments(results: StudyResults, figures: TableFigures) -> list[str]:
    at = results.recall_at[0]
    lines = [
        r"needs \usepackage{booktabs}",
        f"R@N in percent {results.right_in_words} on {results.data_title}; in brackets the "
        f"{100 * results.confidence:g}% interval of R@{at}; bold: best of its column; approx: "
        f"R@{at} cannot be told from the best.",
    ]
    if figures.table.source:
        lines.append(f"publ.: {figures.table.source}, on its own photos.")
    return [*lines, results.caveat] if results.caveat else lines
