"""The queries that are shown, with the answers of both models and what they look at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study import study
from two_runs import CONDITIONS, small_model, write_run

from beenhere.evaluation.differences import Differences, differences
from beenhere.report.compared_queries import COUNT, compared_queries, compared_rows
from beenhere.studies.results import Row, Run, State, StudyResults, Table

A = [True, True, True, True, False, True, False, True]
B = [False, False, False, False, False, False, True, True]
MODELS = small_model(1), small_model(2)


@pytest.fixture
def found(tmp_path: Path) -> Differences:
    return differences(
        write_run(tmp_path / "a", tmp_path / "photos", A, seed=1),
        write_run(tmp_path / "b", tmp_path / "photos", B, seed=2),
    )


def test_both_directions_and_all_conditions(found: Differences) -> None:
    queries = compared_queries(found, ("one", "two"), None, count=2)
    assert [query.winner for query in queries] == ["a", "a", "b"]
    assert [query.condition for query in queries] == ["day", "night", "night"]
    for query in queries:
        number = int(Path(query.query).stem)
        assert CONDITIONS[number] == query.condition
        assert (query.a.name, query.b.name) == ("one", "two")
        for letter, side in (("a", query.a), ("b", query.b)):
            assert [p.right for p in side.predictions].index(True) == (letter != query.winner)
            assert [p.metres for p in side.predictions].count(500) == 2
            assert side.predictions[0].similarity == pytest.approx(0.8)
            assert side.overlays is None


def test_the_same_seed_shows_the_same_queries(found: Differences) -> None:
    def shown(seed: int) -> tuple[str, ...]:
        return tuple(q.query for q in compared_queries(found, ("a", "b"), None, 1, seed))

    assert shown(0) == shown(0)
    assert len({shown(seed) for seed in range(9)}) > 1


def test_each_model_looks_at_its_own_first_prediction(found: Differences) -> None:
    (query, _) = compared_queries(found, ("a", "b"), MODELS, 1)
    for side in (query.a, query.b):
        assert side.overlays is not None
        of_query, first = side.overlays
        assert of_query is not None and first is not None and first.size == of_query.size
    pixels = [np.asarray(side.overlays[0]) for side in (query.a, query.b)]
    assert not np.array_equal(*pixels)


def test_photos_that_cannot_be_read_have_no_map(found: Differences) -> None:
    whole = compared_queries(found, ("a", "b"), MODELS, 9)
    Path(whole[0].query).unlink()
    Path(whole[1].a.predictions[0].path).write_bytes(b"no photo")
    again = compared_queries(found, ("a", "b"), MODELS, 9)
    assert [query.query for query in again] == [query.query for query in whole]
    assert again[0].a.overlays == again[0].b.overlays == again[1].a.overlays == (None, None)
    assert again[-1].a.overlays[0] is not None


def test_photos_that_b_found_in_another_folder_are_the_same_queries(
    found: Differences, tmp_path: Path
) -> None:
    elsewhere = write_run(tmp_path / "c", tmp_path / "elsewhere", B, seed=2)
    moved = compared_queries(differences(found.a, elsewhere), ("a", "b"), MODELS, 2)
    for one, two in zip(compared_queries(found, ("a", "b"), MODELS, 2), moved, strict=True):
        assert one.query == two.query
        assert [Path(p.path).name for p in one.b.predictions] == [
            Path(p.path).name for p in two.b.predictions
        ]
        np.testing.assert_array_equal(one.b.overlays[0], two.b.overlays[0])


RIGHT_A = [True, True, True, True, True, False, True, False]
RIGHT_B = [False, False, False, False, True, True, False, False]


def run(folder: Path, state: State = "finished") -> Run:
    return Run(folder, 0, state, "", {}, [], 1, ("streets",), {})


@pytest.fixture
def results(tmp_path: Path) -> StudyResults:
    for seed, (name, right) in enumerate((("a", RIGHT_A), ("b", RIGHT_B), ("other", RIGHT_B))):
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
        replace(query, a=replace(query.a, overlays=None),
                b=replace(query.b, overlays=(None, None)))
        for query in pair.queries
    ]  # fmt: skip
    assert not replace(pair, queries=bare).mapped


def test_pairs_that_are_not_trained_are_left_out(results: StudyResults) -> None:
    assert compared_rows(replace(results, compare=(("t", "open", "two"),))) == []
