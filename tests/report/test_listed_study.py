"""A study of which one test set lists what is right: the same figures, and no metres for it."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from study import write_study

from beenhere.report.gallery import failures
from beenhere.report.study_charts import ChartGroup, chart_groups
from beenhere.report.study_figures import all_figures
from beenhere.studies.results import StudyResults, Table


def listed_copy(results: StudyResults) -> StudyResults:
    """Tokyo-XS with lists of what lies within 25 m, and without distances; read anew."""
    runs = {run.folder: run for table in results.tables for row in table.rows for run in row.runs}
    for folder in runs:
        test = folder / "tests/tokyo_xs"
        if test.is_dir():
            _give_lists(test)
    fresh = {folder: replace(run) for folder, run in runs.items()}

    def again(table: Table) -> Table:
        rows = tuple(
            replace(row, runs=tuple(fresh[run.folder] for run in row.runs)) for row in table.rows
        )
        return replace(table, rows=rows)

    return replace(results, tables=tuple(map(again, results.tables)))


def _give_lists(test: Path) -> None:
    results = json.loads((test / "results.json").read_text())
    for recall in results["recalls"]:
        recall["threshold"] = None
    (test / "results.json").write_text(json.dumps(results))
    predictions = pl.read_parquet(test / "predictions.parquet").with_columns(
        positive=(pl.col("distance_m") <= 25).fill_null(False),
        distance_m=pl.lit(None, pl.Float64),
    )
    predictions.write_parquet(test / "predictions.parquet")
    queries = pl.read_parquet(test / "queries.parquet").with_columns(
        positives=(pl.col("nearest_m") <= 25).fill_null(False).cast(pl.Int64),
        nearest_m=pl.lit(None, pl.Float64),
    )
    queries.write_parquet(test / "queries.parquet")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResults, StudyResults]:
    folder = tmp_path_factory.mktemp("study")
    before = write_study(folder)
    for table in before.tables:  # read before the files change
        for row in table.rows:
            for run in row.finished:
                assert set(run.evaluations) == {"sf_xs", "tokyo_xs"}
    return before, listed_copy(before)


def test_recalls_failures_and_words(both: tuple[StudyResults, StudyResults]) -> None:
    before, after = both
    for old, new in zip(all_figures(before), all_figures(after), strict=True):
        for one, two in zip(old.rows, new.rows, strict=True):
            assert one.measured == two.measured
    kinds = [
        sorted((one.test, one.query, one.kind) for one in failures(each, all_figures(each)))
        for each in both
    ]
    assert kinds[0] == kinds[1] and {kind for _, _, kind in kinds[0]} == {"wrong", "impossible"}
    assert before.right_in_words == "within 25 m"
    assert after.right_in_words == "within 25 m (on the list for Tokyo-XS)"
    alone = replace(after, tests={"tokyo_xs": "Tokyo-XS"})
    assert alone.right_in_words == "on the list"


def test_charts(both: tuple[StudyResults, StudyResults]) -> None:
    before, after = (
        {one.title: one for one in chart_groups(each, all_figures(each)[0])} for each in both
    )
    title = "Recall against the threshold"
    assert len(before[title].charts) == 2 and len(after[title].charts) == 1
    assert after[title].charts[0] == before[title].charts[0]
    assert after[title].caption.endswith("Not for Tokyo-XS: lists say there what is right.")
    for same in ("Where queries fail", "Recall against N", "Recall by condition"):
        assert charts(after[same]) == charts(before[same])


def charts(plot: ChartGroup) -> list[str]:
    assert plot.charts
    return list(plot.charts)
