"""The pairs of a study: every query is counted, a few are drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
from study import study
from two_runs import write_run

from beenhere.report.compared_queries import COUNT, compared_rows
from beenhere.studies.results import Row, Run, State, StudyResults, Table

A = [True, True, True, True, True, False, True, False]
B = [False, False, False, False, True, True, False, False]


def run(folder: Path, state: State = "finished") -> Run:
    return Run(folder, 0, state, "", {}, [], 1, ("streets",), {})


@pytest.fixture
def results(tmp_path: Path) -> StudyResults:
    for seed, (name, right) in enumerate((("a", A), ("b", B), ("other", B))):
        write_run(tmp_path / name, tmp_path / "photos", right, seed)
    rows = (
        Row("one", {}, {}, (), (run(tmp_path / "a"), run(tmp_path / "other"))),
        Row("two", {}, {}, (), (run(tmp_path / "b"),)),
        Row("open", {}, {}, (), (run(tmp_path / "c", "running"),)),
    )
    return study(
        (Table("t", "T", "", "", rows, (), ""),),
        tests={"streets": "The streets", "lanes": "Lanes"},
        compare=(("t", "one", "two"), ("t", "one", "open")),
    )


def test_every_query_is_counted_and_a_few_are_drawn(results: StudyResults) -> None:
    (pair,) = compared_rows(results)
    assert (pair.a, pair.b, pair.test) == ("one", "two", "The streets")
    counted = {one.condition: one for one in pair.conditions}
    assert list(counted) == [None, "day", "night"]
    every = counted[None]
    assert (every.comparison.only_a, every.comparison.only_b) == (5, 1)
    assert (every.both, every.neither, every.comparison.queries) == (1, 1, 8)
    assert counted["day"].comparison.only_a == 4
    assert len(pair.drawn("a")) == COUNT < 5 and len(pair.drawn("b")) == 1
    assert pair.mapped
    bare = [
        replace(query, a=replace(query.a, query_overlay=None, prediction_overlays=()),
                b=replace(query.b, query_overlay=None, prediction_overlays=(None,)))
        for query in pair.queries
    ]  # fmt: skip
    assert not replace(pair, queries=bare).mapped


def test_pairs_that_are_not_trained_are_left_out(results: StudyResults) -> None:
    assert compared_rows(replace(results, compare=(("t", "open", "two"),))) == []
