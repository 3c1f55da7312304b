"""A study's table as LaTeX: two measures of each test set, as wide as a page of two columns."""

from itertools import groupby

from beenhere.evaluation.ranking import PublishedRow
from beenhere.report.columns import Column, columns
from beenhere.report.figures import RowFigures, TableFigures
from beenhere.studies.results import StudyResults
from beenhere.wording import as_published, count, interval, percent

_MEASURES = 2
"""Each N that is shown; the CSV file has all."""

_LONG, _WIDTH = 30, "4.2cm"
"""Letters of a name that need lines of their own, and the width of these lines."""

# A bracket at the start of a line would be an option of the line break before it.
_ESCAPES = str.maketrans(
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
_MARKS = {"●": "", "≈": r"$\approx$\,", "": ""}


def as_latex(results: StudyResults, figures: TableFigures) -> str:
    """A ``table*`` for a document that uses ``booktabs``, with what it means as comments above.

    Of each test set the first two measures, the published ones beside them with the digits they
    were published with. The interval, the deviation over seeds and the mark of those that cannot
    be told from the best belong to the first; the best of each column is bold.
    """
    shown = [one for one in columns(results, figures) if one.at in results.recall_at[:_MEASURES]]
    names = [_name(row) for row in figures.rows]
    first = "l"
    if max(map(len, names), default=0) > _LONG:
        first = f"p{{{_WIDTH}}}"
        names = [rf"\raggedright {name.translate(_ESCAPES)}" for name in names]
    else:
        names = [name.translate(_ESCAPES) for name in names]
    lines = [
        [name, *(_cell(one, row) for one in shown)]
        for name, row in zip(names, figures.rows, strict=True)
    ]
    head = ["", *(f"R@{one.at}" if one.source == "measured" else "publ." for one in shown)]
    groups, rules = _groups(results, shown)
    return "\n".join(
        [
            *(f"% {' '.join(line.split())}" for line in _comments(results, figures)),
            r"\begin{table*}",
            r"  \centering",
            r"  \footnotesize",
            r"  \setlength{\tabcolsep}{4pt}",
            rf"  \caption{{{figures.table.title.translate(_ESCAPES)}}}",
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


def _groups(results: StudyResults, shown: list[Column]) -> tuple[list[str], list[str]]:
    """The test sets over their columns, and the lines beneath them."""
    heads, rules, last = [], [], 1
    for test, found in groupby(shown, lambda one: one.test):
        start, last = last + 1, last + len(list(found))
        title = results.tests[test].translate(_ESCAPES)
        heads.append(rf"\multicolumn{{{last - start + 1}}}{{c}}{{{title}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{last}}}")
    return heads, rules


def _name(row: RowFigures) -> str:
    """With the number of seeds where there are several; with its state where it is unfinished."""
    notes = []
    if len(row.row.finished) > 1:
        notes.append(count(len(row.row.finished), "seed"))
    if row.state != "finished":
        notes.append(next(run.state for run in row.row.runs if run.state != "finished"))
    return f"{row.name} ({', '.join(notes)})" if notes else row.name


def _cell(column: Column, row: RowFigures) -> str:
    one = column.of(row)
    if one is None:
        return ""
    published = isinstance(one, PublishedRow)
    value = as_published(one.percent) if published else percent(one.percent)
    text = _MARKS[column.mark(row)] + (rf"\textbf{{{value}}}" if one.best else value)
    if isinstance(one, PublishedRow) or not column.marked:
        return text
    deviation = "" if one.sd is None else rf" $\pm$ {percent(one.sd)}"
    return rf"{text}{deviation} {{\scriptsize {interval(one.low, one.high)}}}"


def _comments(results: StudyResults, figures: TableFigures) -> list[str]:
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
