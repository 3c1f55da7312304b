"""Evaluations read again, against loops over their rows and against the real evaluation."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from saved_evaluation import write_evaluation
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import EvalConfig, ExtractConfig
from beenhere.errors import DataError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import (
    FILES,
    SavedEvaluation,
    check_same_order,
    check_same_queries,
)
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.table import PhotoTable


def first_hit(evaluation: SavedEvaluation, query: str, threshold: float) -> int:
    rows = evaluation.predictions.filter(pl.col("query") == query).sort("rank")
    for row in rows.iter_rows(named=True):
        if row["distance_m"] is not None and row["distance_m"] <= threshold:
            return int(row["rank"])
    return 0


@pytest.mark.parametrize("threshold", [0.0, 7.5, "that of a prediction", 1e6])
def test_first_hits_and_hits_equal_a_loop(tmp_path: Path, threshold: float | str) -> None:
    saved = write_evaluation(tmp_path)
    if isinstance(threshold, str):
        threshold = float(saved.predictions["distance_m"][0])
    # Nothing rests on the order of the file.
    shuffled = replace(
        saved, predictions=saved.predictions.sample(fraction=1, shuffle=True, seed=1)
    )
    expected = [first_hit(saved, query, threshold) for query in saved.queries["query"]]
    for one in (saved, shuffled):
        assert one.first_hits(threshold).tolist() == expected
        for at in (1, 5, 20):
            assert one.hits(at, threshold).tolist() == [0 < rank <= at for rank in expected]


def test_unreadable_queries_and_those_without_a_position_are_misses(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)
    assert saved.hits(20, 1e9).tolist() == [True] * 57 + [False, False, True]


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)
    assert (saved.name, saved.depth, saved.conditions) == ("made up", 20, ["day", "fog", "night"])
    nothing = replace(saved, predictions=saved.predictions.clear())
    assert nothing.depth == 0
    assert not nothing.hits(5, 25).any()


def test_more_than_was_kept_is_refused(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)
    with pytest.raises(
        DataError, match=r"keeps 20 predictions a query, too few for R@21; run .*21"
    ):
        saved.hits(21, 25)
    deeper = write_evaluation(tmp_path / "deeper", depth=30, recall_at=(1, 30))
    assert deeper.hits(30, 25).sum() >= deeper.hits(20, 25).sum()


def test_a_small_database_is_kept_whole(tmp_path: Path) -> None:
    # Fewer predictions than photos: some cannot be read, or each is asked among the others.
    saved = write_evaluation(tmp_path, database=10, depth=8)
    assert saved.hits(100, 25).tolist() == saved.hits(8, 25).tolist()


@pytest.mark.parametrize("name", FILES)
def test_a_folder_without_an_evaluation_is_refused(tmp_path: Path, name: str) -> None:
    write_evaluation(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"holds no whole evaluation: {name} missing"):
        SavedEvaluation.read(tmp_path)


def test_other_queries_or_databases_are_refused(tmp_path: Path) -> None:
    one, two = write_evaluation(tmp_path / "one"), write_evaluation(tmp_path / "two", seed=1)
    check_same_queries([one, two])
    check_same_queries([one])
    for side, options in (("queries", {"queries": 59}), ("database", {"database": 49})):
        other = write_evaluation(tmp_path / side, **options)
        with pytest.raises(DataError, match=f"have not the same {side} .*evaluate both on it"):
            check_same_queries([one, two, other])


def test_the_same_queries_in_another_order_are_refused(tmp_path: Path) -> None:
    one, two = write_evaluation(tmp_path / "one"), write_evaluation(tmp_path / "two", seed=1)
    moved = one.queries.with_columns(pl.col("query").str.replace("photos", "/elsewhere"))
    check_same_order([one, two, replace(one, queries=moved)])
    turned = replace(two, queries=two.queries.reverse())
    with pytest.raises(DataError, match="the same queries in another order"):
        check_same_order([one, turned])
    with pytest.raises(DataError, match="have not the same queries"):
        check_same_order([one, write_evaluation(tmp_path / "fewer", queries=50)])


def street(folder: Path, side: str, photos: int) -> PhotoTable:
    rng = np.random.default_rng(photos)
    east = 550_000 + 6.0 * np.arange(photos)
    look = (np.arange(photos) + rng.integers(-2, 3, photos)).clip(0)
    paths = [
        write_photo(folder / side / at_name(e, 4_180_000, str(i)), int(seed))
        for i, (e, seed) in enumerate(zip(east, look, strict=True))
    ]
    columns = {"easting": east, "northing": [4_180_000.0] * photos, "zone": ["10S"] * photos}
    return PhotoTable.from_columns({"path": paths, **columns})


@pytest.mark.parametrize("kind", ["a database and queries", "each photo among the others"])
def test_hits_are_those_of_the_evaluation(tmp_path: Path, kind: str) -> None:
    database = street(tmp_path, "database", 9)
    queries = database if kind.startswith("each") else street(tmp_path, "queries", 8)
    Path(queries.paths[3]).write_bytes(b"no photo")
    thresholds, at = [25.0, 5.0, 13.0], [1, 2, 5, 10]
    config = EvalConfig(
        recall_at=at,
        thresholds=thresholds,
        extract=ExtractConfig(batch_size=8, workers=1, device="cpu", precision="32"),
    )
    result = evaluate_tables(
        TinyModel(), EvaluationTables(database, queries, "street"), config, tmp_path / "out"
    )
    saved = SavedEvaluation.read(tmp_path / "out")
    percent: Callable[[np.ndarray], float] = lambda hits: 100 * hits.sum() / len(queries)  # noqa: E731
    for threshold in thresholds:
        for n in at:
            assert percent(saved.hits(n, threshold)) == pytest.approx(result.recall(n, threshold))
        reachable = (saved.queries["nearest_m"] <= threshold).fill_null(False)
        assert (~reachable).sum() == len(result.without_positive[threshold])
