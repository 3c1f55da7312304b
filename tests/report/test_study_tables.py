"""The files of a study's tables: CSV with everything, Markdown and LaTeX that a text can take."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from study import write_study

from beenhere.report.study_figures import TableFigures, all_figures
from beenhere.report.study_tables import as_csv, as_latex, as_markdown, write_tables
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


def test_csv_has_every_row_to_six_digits(results: StudyResults, aggregators: TableFigures) -> None:
    lines = records(results, aggregators)
    assert [line["row"] for line in lines] == [row.name for row in aggregators.rows]
    for line, row in zip(lines, aggregators.rows, strict=True):
        for test in results.tests if row.measured else ():
            hits = [one.hits(5, results.threshold).mean() for one in row.evaluations(test)]
            assert float(line[f"{test} R@5"]) == float(f"{100 * sum(hits) / len(hits):.6g}")
            assert float(line[f"{test} R@5 low"]) <= float(line[f"{test} R@5"])
    assert lines[0]["seeds"] == "0 1" and float(lines[0]["sf_xs R@1 sd over seeds"]) >= 0
    assert lines[0]["fit.epochs"] == "20" and lines[1]["fit.epochs"] == ""
    assert lines[1]["sf_xs R@1 published"] == "31" and lines[2]["sf_xs R@1 published"] == ""
    assert lines[3]["state"] == "failed: the loss is <nan> & more" and lines[3]["sf_xs R@1"] == ""
    assert lines[0]["milliseconds per photo"] == "8.4"
    digits = [
        len(re.sub(r"\D|^0\.0*", "", cell))
        for line in lines
        for cell in line.values()
        if re.fullmatch(r"[\d.]+", cell)
    ]
    assert max(digits) == 6


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


def test_only_the_first_measure_is_marked(results: StudyResults, aggregators: TableFigures) -> None:
    tied = [row.measured["tokyo_xs"][20] for row in aggregators.rows if row.measured]
    assert any(one.among_best and not one.best for one in tied)
    header, _, *lines = (
        re.split(r" \| ", line)
        for line in as_markdown(results, aggregators).splitlines()
        if line.startswith("|")
    )
    marked = {
        name for line in lines for name, cell in zip(header, line, strict=True) if "≈" in cell
    }
    assert marked and all("R@1 " in f"{name} " for name in marked)
    latex = as_latex(results, aggregators)
    assert latex.count("approx$") == sum(cell.count("≈") for line in lines for cell in line)


def test_seeds_are_named_where_there_are_several(
    results: StudyResults, aggregators: TableFigures
) -> None:
    avg, gem = (row.measured["sf_xs"][1] for row in aggregators.rows[:2])
    assert avg.sd is not None and gem.sd is None
    markdown, latex = as_markdown(results, aggregators), as_latex(results, aggregators)
    assert f"{avg.percent:.1f} ± {avg.sd:.1f} (2 seeds) [" in markdown
    assert "Avg (2 seeds) & " in latex and rf"{avg.percent:.1f} $\pm$ {avg.sd:.1f} " in latex
    assert "±" not in next(line for line in markdown.splitlines() if "GeM" in line)


def test_published_figures_keep_their_digits(results: StudyResults) -> None:
    table = results.tables[0]
    gem = replace(table.rows[1], published={"sf_xs": {"R@1": 47.61, "R@5": 61.0}})
    changed = replace(results, tables=(replace(table, rows=(table.rows[0], gem)),))
    (figures,) = all_figures(changed)
    for text in (as_latex(changed, figures), as_markdown(changed, figures)):
        assert re.search(r"47\.61\b", text) and re.search(r"61\.0\b", text)


def test_latex_has_nothing_that_latex_would_misread(
    results: StudyResults, aggregators: TableFigures
) -> None:
    text = as_latex(results, aggregators)
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    columns = re.search(r"\\begin\{tabular\}\{(lr*)\}", text)
    assert columns is not None and len(lines) == len(aggregators.rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1
    assert r"\textless{}b\textgreater{}\&''x\_1\%" in body
    plain = re.sub(r"\\[&%$#_{}\\]|\\[a-zA-Z]+|\$\\(approx|pm)\$|^% .*$", "", text, flags=re.M)
    assert not re.search(r"[%$#_~^<>\"]", plain)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_latex_groups_two_measures_by_test_set(
    results: StudyResults, aggregators: TableFigures
) -> None:
    text = as_latex(results, aggregators)
    assert r"& \multicolumn{4}{c}{SF-XS} & \multicolumn{4}{c}{Tokyo-XS} \\" in text
    assert r"\cmidrule(lr){2-5} \cmidrule(lr){6-9}" in text
    head = "& R@1 & publ. & R@5 & publ. "
    assert f"     {head}{head}\\\\\n" in text and "R@10" not in text
    caption = re.search(r"\\caption\{(.*)\}", text)
    assert caption is not None and caption[1] == "Aggregators"
    assert f"% {results.caveat}\n" in text
    intervals = re.findall(r"& \S* ?\S* ?\S* ?\{\\scriptsize \[[\d.]+, [\d.]+\]\}", text)
    assert len(intervals) == 6  # of R@1, three rows, two test sets


def test_a_row_whose_name_begins_like_an_option_of_latex_is_a_name(results: StudyResults) -> None:
    table = results.tables[0]
    long = replace(table.rows[1], name='[2] a "long" name* that needs more than a line')
    changed = replace(results, tables=(replace(table, rows=(long,)),))
    (figures,) = all_figures(changed)
    text = as_latex(changed, figures)
    name = "{[}2{]} a ''long'' name{*} that needs more than a line"
    assert rf"\raggedright {name} & " in text and r"\begin{tabular}{p{4.2cm}rrrr" in text


def test_the_titles_of_a_table_are_escaped_too(results: StudyResults) -> None:
    growth = all_figures(results)[1]
    assert r"More \& more places" in as_latex(results, growth)
    assert r"## More \& more places" in as_markdown(results, growth)
