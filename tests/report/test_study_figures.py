"""What a report shows of a table: which rows, which seeds, in what state."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study import study, write_run, write_set, write_study

from beenhere.errors import DataError
from beenhere.report.study_figures import all_figures, distinct_runs
from beenhere.report.study_page import best_rows, progress
from beenhere.studies.results import Row, StudyResults, Table


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return write_study(tmp_path_factory.mktemp("study"))


def test_recall_is_the_mean_over_the_seeds_that_have_finished(results: StudyResults) -> None:
    row = all_figures(results)[0].rows[0]
    shares = [e.results["recalls"][0]["percent"] for e in row.evaluations("sf_xs")]
    assert len(shares) == 2
    assert row.measured["sf_xs"][1].percent == pytest.approx(np.mean(shares))
    assert row.measured["sf_xs"][1].seeds == 2
    validation = [
        run.epochs[run.best_epoch - 1]["validation"]["R@1"]
        for run in results.tables[0].rows[0].runs
    ]
    assert row.validation == pytest.approx(np.mean(validation))
    assert (row.epochs, row.seconds) == (20, 1230.0)


def test_rows_say_how_far_they_are(results: StudyResults) -> None:
    figures = all_figures(results)[0]
    assert [row.state for row in figures.rows] == [
        "finished",
        "finished",
        "finished",
        "failed: the loss is <nan> & more",
        "interrupted",
        "waiting",
    ]
    assert [bool(row.measured) for row in figures.rows] == [True] * 3 + [False] * 3
    first, broken = figures.rows[0].row, figures.rows[3].row
    table = replace(results.tables[0], rows=(replace(first, runs=first.runs + broken.runs),))
    (partly,) = all_figures(replace(results, tables=(table,)))[0].rows
    assert partly.state == "2 of 3 seeds; failed: the loss is <nan> & more"
    assert partly.measured["sf_xs"][1].seeds == 2


def test_published_figures_need_to_know_of_how_many_queries(results: StudyResults) -> None:
    row = all_figures(results)[0].rows[1]
    assert row.published["sf_xs"][1].percent == 31.0 and 10 not in row.published["sf_xs"]
    assert row.published["sf_xs"][1].low < 31.0 < row.published["sf_xs"][1].high
    unknown = replace(results, published_queries={"sf_xs": 1000})
    assert set(all_figures(unknown)[0].rows[1].published) == {"sf_xs"}


def test_a_training_that_tables_share_is_there_once(results: StudyResults) -> None:
    runs = {run.folder.name: places for run, places in distinct_runs(results)}
    assert runs["model.aggregator.name-gem"] == ["Aggregators: GeM", "Losses: contrastive"]
    assert len(runs) == 10


def test_the_summary_counts_and_names(results: StudyResults) -> None:
    assert progress(results) == (
        "3 tables, 10 rows, 10 trainings: 7 finished, 1 interrupted, 1 failed, 1 waiting."
    )
    aggregators, growth, losses = (best_rows(results, one) for one in all_figures(results))
    assert [one.row for one in growth] == ["100% of the places"] * 2
    assert [one.test for one in growth] == ["SF-XS", "Tokyo-XS"]
    assert losses[0].others == ""
    assert aggregators[0].others


@pytest.mark.parametrize(
    ("skills", "told"),
    [
        ((0.9, 0.1), "better than the other row"),
        ((0.5, 0.5), "the other row cannot be told from it"),
        ((0.9, 0.1, 0.1), "better than each of the 2 others"),
        ((0.9, 0.9, 0.1), "1 of 2 others cannot be told from it"),
        ((0.5, 0.5, 0.5), "none of the 2 others can be told from it"),
    ],
)
def test_how_the_best_stands_to_the_others(
    tmp_path: Path, skills: tuple[float, ...], told: str
) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs", queries=60)]
    rows = tuple(
        Row(str(n), {}, {}, (), (write_run(tmp_path / str(n), sets, skill, seed=n),))
        for n, skill in enumerate(skills)
    )
    table = Table("one", "One", "", "", rows, (), "")
    results = study((table,), tests={"sf_xs": "SF-XS"})
    (found,) = best_rows(results, all_figures(results)[0])
    assert found.others == told


def test_rows_on_other_queries_are_refused(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(n), [write_set(tmp_path / f"photos{n}", "sf_xs", queries=n)], 0.5)
        for n in (12, 24)
    ]
    rows = tuple(Row(str(n), {}, {}, (), (run,)) for n, run in enumerate(runs))
    with pytest.raises(DataError, match="queries"):
        all_figures(study((Table("one", "One", "", "", rows, (), ""),)))
