"""The queries that are shown, with the answers of both models and what they look at."""

from pathlib import Path

import numpy as np
import pytest
from two_runs import CONDITIONS, small_model, write_run

from beenhere.evaluation.differences import Differences, differences
from beenhere.report.compared_queries import compared_queries

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
            assert side.query_overlay is None and not side.prediction_overlays


def test_the_same_seed_shows_the_same_queries(found: Differences) -> None:
    def shown(seed: int) -> tuple[str, ...]:
        return tuple(q.query for q in compared_queries(found, ("a", "b"), None, 1, seed))

    assert shown(0) == shown(0)
    assert len({shown(seed) for seed in range(9)}) > 1


def test_each_model_looks_at_its_own_first_prediction(found: Differences) -> None:
    (query, _) = compared_queries(found, ("a", "b"), MODELS, 1)
    for side in (query.a, query.b):
        assert side.query_overlay is not None and len(side.prediction_overlays) == 1
        (first,) = side.prediction_overlays
        assert first is not None and first.size == side.query_overlay.size
    pixels = [np.asarray(side.query_overlay) for side in (query.a, query.b)]
    assert not np.array_equal(*pixels)


def test_photos_that_cannot_be_read_have_no_map(found: Differences) -> None:
    whole = compared_queries(found, ("a", "b"), MODELS, 9)
    Path(whole[0].query).unlink()
    Path(whole[1].a.predictions[0].path).write_bytes(b"no photo")
    again = compared_queries(found, ("a", "b"), MODELS, 9)
    assert [query.query for query in again] == [query.query for query in whole]
    assert again[0].a.query_overlay is again[0].b.query_overlay is None
    assert again[1].a.query_overlay is None and again[1].a.prediction_overlays == (None,)
    assert again[-1].a.query_overlay is not None


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
        np.testing.assert_array_equal(one.b.query_overlay, two.b.query_overlay)
