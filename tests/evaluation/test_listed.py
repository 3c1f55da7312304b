"""Evaluations whose positives are listed, from tables to saved files and back."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from listed_street import LISTS, QUERIES, write_street
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import EvalConfig, ExtractConfig
from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.evaluation.differences import differences
from beenhere.evaluation.evaluate import evaluate_tables, evaluation_fingerprint
from beenhere.evaluation.evaluation_results import Evaluation, SavedEvaluation
from beenhere.evaluation.photo_tables import read_tables
from beenhere.evaluation.thresholds import recall_against_threshold
from beenhere.photos.formats import read_evaluation
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth
from beenhere.report import panels
from beenhere.training.loop import named_recalls

CONFIG = EvalConfig(
    recall_at=[1, 2, 5],
    thresholds=[25.0, 5.0],
    extract=ExtractConfig(batch_size=4, workers=1, device="cpu", precision="32"),
)


def tables_of(root: Path) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=write_street(root)))


def naive_recall(found: Evaluation, lists: dict[int, list[int]], n: int) -> float:
    hits = 0
    for query in range(QUERIES):
        mine = found.predictions.filter(pl.col("query").str.ends_with(f"q{query}.png"))
        first = mine.sort("rank")["database"].to_list()[:n]
        wanted = {f"d{row:02}.png" for row in lists[query]}
        hits += any(Path(path).name in wanted for path in first)
    return 100 * hits / QUERIES


def test_recall_against_a_loop(tmp_path: Path) -> None:
    found = evaluate_tables(TinyModel(), tables_of(tmp_path), CONFIG)
    assert {one.threshold for one in found.recalls} == {None}
    for n in CONFIG.recall_at:
        assert found.recall(n) == pytest.approx(naive_recall(found, LISTS, n), abs=1e-9)
    # Each query finds its own picture first; of queries 0, 3, 5 and 7 it is listed.
    assert found.recall(1) == pytest.approx(100 * 4 / 9)
    assert found.measured(1, None, "day").queries == 5
    (without,) = found.without_positive.items()
    assert without[0] is None and [Path(path).name for path in without[1]] == ["q2.png"]
    assert found.recalls[0].percent_of_possible == pytest.approx(50)


def test_a_list_that_names_nothing_is_no_measurement(tmp_path: Path) -> None:
    root = write_street(tmp_path)
    (root / "ground_truth.csv").write_text("query,database\n")
    tables = read_evaluation(EvaluationData(tree=root))
    with pytest.raises(DataError, match=r"ground_truth\.csv names no photo that is here as right"):
        evaluate_tables(TinyModel(), tables, CONFIG)


def test_an_unreadable_photo_is_no_positive(tmp_path: Path) -> None:
    root = write_street(tmp_path)
    tables = read_evaluation(EvaluationData(tree=root))
    (root / "ref/d03.png").write_bytes((root / "ref/d03.png").read_bytes()[:60])
    found = evaluate_tables(TinyModel(), tables, CONFIG)
    assert [Path(path).name for path, _ in found.unreadable["database"]] == ["d03.png"]
    left = {query: [row for row in rows if row != 3] for query, rows in LISTS.items()}
    for n in CONFIG.recall_at:
        assert found.recall(n) == pytest.approx(naive_recall(found, left, n), abs=1e-9)
    assert [Path(path).name for path in found.without_positive[None]] == ["q2.png", "q3.png"]
    assert found.query_table["positives"].to_list() == [1, 1, 0, 0, 1, 3, 1, 1, 1]


def test_a_photo_is_not_its_own_answer(tmp_path: Path) -> None:
    table = tables_of(tmp_path).database
    lists = ListedTruth([[row, (row + 1) % len(table)] for row in range(len(table))], len(table))
    found = evaluate_tables(TinyModel(), EvaluationTables(table, table, "self", lists), CONFIG)
    assert found.query_table["positives"].to_list() == [1] * len(table)
    assert found.predictions.filter(pl.col("query") == pl.col("database")).height == 0


def test_files_and_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = evaluate_tables(TinyModel(), tables_of(tmp_path / "street"), CONFIG, out)
    results = json.loads((out / "results.json").read_text())
    assert {one["threshold"] for one in results["recalls"]} == {None}
    assert list(results["without_positive"]) == ["listed"]
    saved = SavedEvaluation.read(out)
    assert saved.listed
    for n in CONFIG.recall_at:
        for threshold in (None, 25.0):  # whatever a study asks for, the lists decide
            assert 100 * saved.hits(n, threshold).mean() == pytest.approx(found.recall(n))
    positive = saved.predictions.filter(pl.col("positive"))
    assert {
        (Path(q).stem, Path(d).stem) for q, d in positive.select("query", "database").rows()
    } == {(f"q{query}", f"d{row:02}") for query, rows in LISTS.items() for row in rows}
    with pytest.raises(DataError, match="positives are listed, so there is no recall against a"):
        recall_against_threshold([saved], 1, [5, 25], 0.95, 100, 0)


def test_an_evaluation_from_before_there_were_lists(tmp_path: Path) -> None:
    root = tmp_path / "town"
    for side, at in (("database", 0), ("queries", 0), ("database", 900)):
        write_photo(root / side / at_name(550_000 + at, 4_180_000), at)
    evaluate_tables(
        TinyModel(), read_evaluation(EvaluationData(tree=root)), CONFIG, tmp_path / "out"
    )
    before = SavedEvaluation.read(tmp_path / "out")
    for name, column in (("predictions", "positive"), ("queries", "positives")):
        file = tmp_path / "out" / f"{name}.parquet"
        assert pl.read_parquet(file)[column].null_count() == pl.read_parquet(file).height
        pl.read_parquet(file).drop(column).write_parquet(file)
    old = SavedEvaluation.read(tmp_path / "out")
    assert not old.listed and old.hits(1, 25).tolist() == before.hits(1, 25).tolist() == [True]


def test_comparing_by_lists(tmp_path: Path) -> None:
    tables = tables_of(tmp_path / "street")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        evaluate_tables(TinyModel(), tables, CONFIG, folder)
    one, two = map(SavedEvaluation.read, folders)
    found = differences(one, two, threshold=10.0)
    assert found.threshold is None and found.to_dict()["threshold"] is None
    assert int(found.right_a.sum()) == 4 and not found.only_a.any()
    others = tables_of_lists(tables, LISTS | {2: [1]})
    evaluate_tables(TinyModel(), others, CONFIG, tmp_path / "b")
    with pytest.raises(DataError, match="the same photos, and other lists of what is right"):
        differences(one, SavedEvaluation.read(tmp_path / "b"))


def tables_of_lists(tables: EvaluationTables, lists: dict[int, list[int]]) -> EvaluationTables:
    listed = ListedTruth([lists[at] for at in range(QUERIES)], len(tables.database))
    return EvaluationTables(tables.database, tables.queries, tables.name, listed)


def test_a_fingerprint_tells_lists_apart_and_not_their_order(tmp_path: Path) -> None:
    tables = tables_of(tmp_path)
    one = evaluation_fingerprint(tables)
    assert evaluation_fingerprint(tables_of_lists(tables, LISTS | {4: [10]})) != one
    turned = np.arange(len(tables.database))[::-1]
    place = {int(row): at for at, row in enumerate(turned)}
    lists = ListedTruth(
        [[place[row] for row in LISTS[at]] for at in range(QUERIES)], len(tables.database)
    )
    moved = EvaluationTables(tables.database.rows(turned), tables.queries, "x", lists)
    assert evaluation_fingerprint(moved) == one
    assert "truth" not in evaluation_fingerprint(
        EvaluationTables(tables.database, tables.queries, "x")
    )


def test_kept_tables_keep_their_lists(tmp_path: Path) -> None:
    root = write_street(tmp_path / "street")
    data = EvaluationData(tree=root)
    first = read_tables(data, tmp_path / "keep")
    again = read_tables(data, tmp_path / "keep")
    assert again.truth.listed and again.queries.frame.equals(first.queries.frame)
    pairs = zip(first.truth.positives(None), again.truth.positives(None), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)
    pair = EvaluationData(database=root / "ref", queries=root / "query")
    assert read_tables(pair, tmp_path / "pair").truth.positives(None)[0].tolist() == [0]
    (root / "ground_truth.csv").write_text("query,database\nquery/q0.png,ref/d05.png\n")
    for data_, keep in ((data, "keep"), (pair, "pair")):
        found = read_tables(data_, tmp_path / keep).truth.positives(None)
        assert found[0].tolist() == [5] and not len(found[1])


def test_what_training_and_panels_make_of_it(tmp_path: Path) -> None:
    found = evaluate_tables(TinyModel(), tables_of(tmp_path), CONFIG)
    assert list(named_recalls(found)) == ["R@1", "R@2", "R@5"]
    chosen = {Path(one.query).stem: one for one in panels.choose_panels(found, QUERIES)}
    assert len(chosen) == QUERIES
    assert chosen["q0"].predictions[0].right is True and chosen["q1"].predictions[0].right is False
    assert chosen["q2"].notes[1] == "no photo on the list to be found"
    assert chosen["q1"].notes[1] == ""
