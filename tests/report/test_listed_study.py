"""A study of which one test set lists what is right: the same figures, and no metres for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from study import write_study

from beenhere.report.gallery import failures
from beenhere.report.study_charts import ChartGroup, chart_groups
from beenhere.report.study_figures import all_figures
from beenhere.studies.results import StudyResults, Table


def changed_copy(
    results: StudyResults, change: Callable[[Path], None], test_set: str
) -> StudyResults:
    """The study with the files of one test set changed; read anew."""
    runs = {run.folder: run for table in results.tables for row in table.rows for run in row.runs}
    for folder in runs:
        test = folder / "tests" / test_set
        if test.is_dir():
            change(test)
    fresh = {folder: replace(run) for folder, run in runs.items()}

    def again(table: Table) -> Table:
        rows = tuple(
            replace(row, runs=tuple(fresh[run.folder] for run in row.runs)) for row in table.rows
        )
        return replace(table, rows=rows)

    return replace(results, tables=tuple(map(again, results.tables)))


def _give_lists(test: Path) -> None:
    """Of what lies within 25 m, and no distances."""
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
    return before, changed_copy(before, _give_lists, "tokyo_xs")


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


def _count_frames(test: Path) -> None:
    """As if photos were frames of films, 5 m apart."""
    results = json.loads((test / "results.json").read_text())
    results |= {"by": "frame", "config": {"thresholds": [5.0]}}
    for recall in results["recalls"]:
        recall["threshold"] = 5.0
    (test / "results.json").write_text(json.dumps(results))
    for name, column in (("predictions", "distance_m"), ("queries", "nearest_m")):
        frame = pl.read_parquet(test / f"{name}.parquet")
        frame.with_columns(pl.col(column) / 5).write_parquet(test / f"{name}.parquet")


def test_a_test_set_of_frames_counts_frames(tmp_path: Path) -> None:
    before = write_study(tmp_path)
    figures = all_figures(before)
    after = changed_copy(before, _count_frames, "sf_xs")
    assert after.right_in_words == "within 5 frames (within 25 m for Tokyo-XS)"
    unset = replace(after, threshold=None)
    assert unset.right_in_words == after.right_in_words
    counted = all_figures(unset)
    for old, new in zip(figures, counted, strict=True):
        for one, two in zip(old.rows, new.rows, strict=True):
            assert one.measured == two.measured
    shown = failures(unset, counted)
    off = {one.test: one.away for one in shown if one.metres is not None}
    assert off["sf_xs"].endswith(" frames off") and off["tokyo_xs"].endswith(" m off")
    # As many frames as the study's metres, in bands of frames.
    assert {one.distance_band for one in shown if one.test == "sf_xs"} == {
        *("middle", "far", "unknown")
    }
    plots = {one.title: one for one in chart_groups(unset, counted[0])}
    frames, metres = plots["Recall against the threshold"].charts
    assert "at 100 frames" in frames and "at 100 m" in metres


def charts(plot: ChartGroup) -> list[str]:
    assert plot.charts
    return list(plot.charts)
