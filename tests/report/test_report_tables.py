"""The files of a study's tables: CSV with every digit, Markdown and LaTeX that a text can take."""

import csv
import io
import re
from pathlib import Path

import pytest
from study import write_study

from beenhere.report.figures import TableFigures, all_figures
from beenhere.report.tables import as_csv, as_latex, as_markdown, write_tables
from beenhere.studies.results import StudyResults


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def aggregators(results: StudyResults) -> TableFigures:
    return all_figures(results)[0]


def records(results: StudyResults, figures: TableFigures) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(results, figures))))


def test_a_table_becomes_three_files(results: StudyResults, tmp_path: Path) -> None:
    written = write_tables(results, tmp_path)
    assert written == sorted(tmp_path.glob("tables/*"), key=written.index)
    assert [path.name for path in written[:4]] == [
        "aggregators.csv",
        "aggregators.md",
        "aggregators.tex",
        "growth.csv",
    ]
    again = [path.read_bytes() for path in write_tables(results, tmp_path)]
    assert again == [path.read_bytes() for path in written]


def test_csv_keeps_every_digit_and_every_row(
    results: StudyResults, aggregators: TableFigures
) -> None:
    lines = records(results, aggregators)
    assert [line["row"] for line in lines] == [row.name for row in aggregators.rows]
    for line, row in zip(lines, aggregators.rows, strict=True):
        for test in results.tests if row.measured else ():
            hits = [one.hits(5, results.threshold).mean() for one in row.evaluations(test)]
            assert float(line[f"{test} R@5"]) == pytest.approx(100 * sum(hits) / len(hits), 1e-12)
            assert float(line[f"{test} R@5 low"]) <= float(line[f"{test} R@5"])
    assert lines[0]["seeds"] == "0 1" and float(lines[0]["sf_xs R@1 sd over seeds"]) >= 0
    assert lines[0]["fit.epochs"] == "20" and lines[1]["fit.epochs"] == ""
    assert lines[1]["sf_xs R@1 published"] == "31.0" and lines[2]["sf_xs R@1 published"] == ""
    assert lines[3]["state"] == "failed: the loss is <nan> & more" and lines[3]["sf_xs R@1"] == ""


def test_csv_has_no_column_that_is_empty_all_the_way_down(
    results: StudyResults, aggregators: TableFigures
) -> None:
    lines = records(results, aggregators)
    assert all(any(line[name] for line in lines) for name in lines[0])
    assert "sf_xs R@20 published" not in lines[0] and "sf_xs R@20" in lines[0]


def test_markdown_has_equally_many_cells_in_every_line(
    results: StudyResults, aggregators: TableFigures
) -> None:
    text = as_markdown(results, aggregators)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(aggregators.rows)
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r'\<b\>\&"x\_1%' in text and "<" not in text.replace("\\<", "")
    best = aggregators.best("sf_xs")
    assert best is not None
    assert f"**{best.measured['sf_xs'][1].percent:.1f}** [" in text
    assert results.caveat in text


def test_latex_has_nothing_that_latex_would_misread(
    results: StudyResults, aggregators: TableFigures
) -> None:
    text = as_latex(results, aggregators)
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    columns = re.search(r"\\begin\{tabular\}\{(l r*|lr*)\}", text)
    assert columns is not None and len(lines) == len(aggregators.rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1
    assert r"\textless{}b\textgreater{}\&\textquotedbl{}x\_1\%" in body
    plain = re.sub(r"\\[&%$#_{}\\]|\\[a-zA-Z]+|\$\\approx\$|^% .*$", "", text, flags=re.M)
    assert not re.search(r"[%$#_~^<>\"]", plain)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_the_titles_of_a_table_are_escaped_too(results: StudyResults) -> None:
    growth = all_figures(results)[1]
    assert r"More \& more places" in as_latex(results, growth)
    assert r"## More \& more places" in as_markdown(results, growth)
