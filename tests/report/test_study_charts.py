"""Which charts a table has, and that they say the figures that were found."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study import study, write_run, write_set, write_study

from beenhere.evaluation.statistics import wilson_interval
from beenhere.report.charts.recall import by_condition
from beenhere.report.study_charts import ChartGroup, chart_groups
from beenhere.report.study_figures import all_figures
from beenhere.studies.results import Row, StudyResults, Table


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def drawn(results: StudyResults) -> dict[str, dict[str, ChartGroup]]:
    figures = all_figures(results)
    return {one.table.name: {p.title: p for p in chart_groups(results, one)} for one in figures[:2]}


def told(chart: str) -> str:
    found = re.search(r"<desc[^>]*>(.*?)</desc>", chart)
    assert found is not None
    return found[1]


def test_a_table_has_the_charts_that_its_figures_allow(
    drawn: dict[str, dict[str, ChartGroup]],
) -> None:
    shared = {
        "How sure the order is",
        "Recall against N",
        "How training went",
        "Accuracy against cost",
        "Recall by condition",
        "Where queries fail",
    }
    # All three rows of the stand-in cost the same: there is nothing to weigh against recall.
    shared.remove("Accuracy against cost")
    assert set(drawn["aggregators"]) == shared | {"Recall against the threshold"}
    assert set(drawn["growth"]) == shared | {"Recall against data.share"}
    assert all(len(plot.charts) in (2, 3) for plot in drawn["growth"].values())


def test_charts_tell_the_measured_recalls(
    results: StudyResults, drawn: dict[str, dict[str, ChartGroup]]
) -> None:
    row = all_figures(results)[0].rows[1]
    for number, test in enumerate(results.tests):
        shares = [100 * row.evaluations(test)[0].hits(n, 25).mean() for n in results.recall_at]
        line = ", ".join(f"{s:.1f} at {n}" for s, n in zip(shares, results.recall_at, strict=True))
        assert f"GeM: {line}" in told(drawn["aggregators"]["Recall against N"].charts[number])
        sure = told(drawn["aggregators"]["How sure the order is"].charts[number])
        assert f"GeM {shares[0]:.1f} [" in sure and "published" in sure


def test_the_curve_against_an_option_is_in_the_order_of_its_values(
    results: StudyResults, drawn: dict[str, dict[str, ChartGroup]]
) -> None:
    growth = results.tables[1]
    backwards = replace(results, tables=(replace(growth, rows=growth.rows[::-1]),))
    (figures,) = all_figures(backwards)
    again = {p.title: p for p in chart_groups(backwards, figures)}["Recall against data.share"]
    assert again.charts == drawn["growth"]["Recall against data.share"].charts
    assert re.findall(r"at ([\d.]+)", told(again.charts[0])) == ["0.25", "0.5", "1"]


def test_the_map_counts_every_query(
    results: StudyResults, drawn: dict[str, dict[str, ChartGroup]]
) -> None:
    figures = all_figures(results)[0]
    for test, chart in zip(
        results.tests, drawn["aggregators"]["Where queries fail"].charts, strict=True
    ):
        best = figures.best(test)
        assert best is not None
        one = best.evaluations(test)[0]
        right = int(one.hits(1, 25).sum())
        far = sum(1 for metres in one.queries["nearest_m"] if metres is not None and metres > 25)
        wrong = one.queries.height - right - far - 1
        assert told(chart) == (
            f"{far} with no photo to be found, {right} right, {wrong} wrong, 1 nobody knows where"
        )


def test_bars_have_wilsons_interval_of_the_queries_of_their_condition(
    results: StudyResults,
) -> None:
    row = all_figures(results)[0].rows[1]
    one = row.evaluations("sf_xs")[0]
    groups = by_condition([row], "sf_xs", 5, results)
    assert list(groups) == ["day", "fog", "night"]
    for condition, group in groups.items():
        hits = one.hits(5, 25)[one.queries["condition"].to_numpy() == condition]
        bar = group["GeM"]
        assert (bar.queries, bar.percent) == (8, pytest.approx(100 * hits.mean()))
        assert (bar.low / 100, bar.high / 100) == pytest.approx(wilson_interval(hits, 0.95))


def test_rows_of_unlike_cost_are_weighed(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs")]
    rows = tuple(
        Row(name, {}, {}, (), (write_run(tmp_path / name, sets, skill, dimension=size),))
        for name, skill, size in (("small", 0.3, 64), ("large", 0.9, 512), ("poor", 0.1, 512))
    )
    table = Table("one", "One", "", "", rows, (), "")
    results = study((table,), tests={"sf_xs": "SF-XS"})
    (figures,) = all_figures(results)
    (chart,) = {p.title: p for p in chart_groups(results, figures)}["Accuracy against cost"].charts
    assert told(chart).endswith("both cheaper and better than small, large")
    assert "numbers in a descriptor" in chart


def test_time_is_of_the_rows_where_it_was_measured(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs")]
    quick, slow, later = (
        write_run(tmp_path / name, sets, skill, milliseconds=milliseconds)
        for name, skill, milliseconds in (("a", 0.4, 2.0), ("b", 0.8, 9.0), ("c", 0.5, None))
    )
    again = write_run(tmp_path / "d", sets, 0.4, seed=1, milliseconds=4.0)
    rows = (
        Row("quick", {}, {}, (), (quick, again)),
        Row("slow", {}, {}, (), (slow,)),
        Row("later", {}, {}, (), (later,)),
    )
    results = study((Table("one", "One", "", "", rows, (), ""),), tests={"sf_xs": "SF-XS"})
    (figures,) = all_figures(results)
    plot = {p.title: p for p in chart_groups(results, figures)}["Accuracy against cost"]
    (chart,) = plot.charts
    assert re.findall(r"(\w+): [\d.]+ at ([\d.]+)", told(chart)) == [("quick", "3"), ("slow", "9")]
    assert "without decoding" in plot.caption
    (figures,) = all_figures(replace(results, tables=(replace(results.tables[0], rows=rows[2:]),)))
    assert "Accuracy against cost" not in {p.title for p in chart_groups(results, figures)}


def test_long_names_are_broken_into_lines(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [write_set(tmp_path / "photos", "sf_xs")], 0.5)
    rows = (Row("multi-similarity " * 9, {}, {}, (), (run,)),)
    results = study((Table("one", "One", "", "", rows, (), ""),), tests={"sf_xs": "SF-XS"})
    (figures,) = all_figures(results)
    chart = {p.title: p for p in chart_groups(results, figures)}["How sure the order is"].charts[0]
    lines = re.findall(r">([^<]*multi-similarity[^<]*)<", chart.partition("</desc>")[2])
    assert len(lines) > 3 and max(map(len, lines)) <= 44


def test_a_table_without_conditions_positions_or_epochs_has_fewer_charts(tmp_path: Path) -> None:
    one = write_set(tmp_path / "photos", "sf_xs", conditions=("day",))
    frame = one.queries.with_columns(lat=None, lon=None)
    run = write_run(tmp_path / "run", [replace(one, queries=frame)], 0.5)
    rows = (Row("only", {}, {}, (), (replace(run, epochs=[], best_epoch=0),)),)
    results = study((Table("one", "One", "", "", rows, (), ""),), tests={"sf_xs": "SF-XS"})
    (figures,) = all_figures(results)
    titles = [plot.title for plot in chart_groups(results, figures)]
    assert titles == ["How sure the order is", "Recall against N"]
    assert figures.rows[0].validation is None and np.isnan(figures.rows[0].epochs or np.nan)


def test_a_training_that_diverged_is_drawn_as_far_as_it_went(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [write_set(tmp_path / "photos", "sf_xs")], 0.5)
    diverged = [
        epoch | {"loss": [1.5, 2.5, math.inf, math.nan][min(place, 3)], "lr": {"head": 0.0}}
        for place, epoch in enumerate(run.epochs)
    ]
    rows = (Row("only", {}, {}, (), (replace(run, epochs=diverged),)),)
    results = study((Table("one", "One", "", "", rows, (), ""),), tests={"sf_xs": "SF-XS"})
    (figures,) = all_figures(results)
    loss, _, rate = {p.title: p for p in chart_groups(results, figures)}["How training went"].charts
    assert told(loss) == "only: 1.5 at first, 2.5 at last"
    assert told(rate) == "only: 0 at first, 0 at last"
