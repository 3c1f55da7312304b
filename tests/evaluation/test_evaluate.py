"""Evaluation of real photo files against the public protocol, written naively."""

import json
from pathlib import Path

import faiss
import numpy as np
import polars as pl
import pytest
import torch
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import EvalConfig, ExtractConfig
from beenhere.errors import DataError, ModelError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.photo_tables import leave_one_out
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.pixels import load_photo
from beenhere.photos.table import PhotoTable
from beenhere.retrieval import extract

CONFIG = EvalConfig(
    recall_at=[1, 2, 5, 10],
    thresholds=[25.0, 5.0, 60.0],
    extract=ExtractConfig(batch_size=8, workers=1, device="cpu", precision="32"),
)


def utm_tables(folder: Path, database: int = 60, queries: int = 25) -> EvaluationTables:
    """A street of 4 m steps; a query looks like a place up to 12 m from where it stands."""
    rng = np.random.default_rng(0)

    def side(name: str, n: int, span: int, **extra: list[str]) -> PhotoTable:
        east = 550_000 + rng.integers(0, span, n) * 4.0
        north = 4_180_000 + rng.uniform(0, 8, n).round(2)
        look = ((east - 550_000) // 4 + rng.integers(-3, 4, n)).clip(0)
        paths = [
            write_photo(folder / name / at_name(e, n_, str(i)), int(seed))
            for i, (e, n_, seed) in enumerate(zip(east, north, look, strict=True))
        ]
        return PhotoTable.from_columns(
            {"path": paths, "easting": east, "northing": north, "zone": ["10S"] * n, **extra}
        )

    condition = {"condition": [("day", "night")[i % 3 == 0] for i in range(queries)]}
    return EvaluationTables(
        side("database", database, 60), side("queries", queries, 75, **condition), "street"
    )


def public_protocol(
    model: TinyModel, tables: EvaluationTables, threshold: float, at: list[int]
) -> list[float]:
    """Radius search in the UTM plane, IndexFlatL2, share of all queries: as loops."""

    def describe(table: PhotoTable) -> np.ndarray:
        images = [load_photo(path, None, "bilinear")[None] for path in table.paths]
        return np.concatenate([model.eval()(image).detach().numpy() for image in images])

    index = faiss.IndexFlatL2(model.descriptor_dim)
    index.add(describe(tables.database))
    _, predictions = index.search(describe(tables.queries), max(at))
    hits = np.zeros(len(at))
    for query, predicted in enumerate(predictions):
        e, n = (tables.queries.frame[name][query] for name in ("easting", "northing"))
        close = [
            row
            for row, (x, y) in enumerate(tables.database.frame.select("easting", "northing").rows())
            if np.hypot(x - e, y - n) <= threshold
        ]
        for place, upto in enumerate(at):
            if any(row in close for row in predicted[:upto]):
                hits[place:] += 1
                break
    return (hits / len(tables.queries) * 100).tolist()


def test_the_model_is_folded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[object] = []
    fold = extract.fold_batch_norms
    monkeypatch.setattr(
        extract, "fold_batch_norms", lambda *given: folded.append(given) or fold(*given)
    )
    evaluate_tables(TinyModel(), utm_tables(tmp_path, 5, 3), CONFIG)
    assert len(folded) == 1


def test_recall_equals_the_public_protocol_to_the_last_digit(tmp_path: Path) -> None:
    tables, model = utm_tables(tmp_path), TinyModel()
    result = evaluate_tables(model, tables, CONFIG)
    for threshold in CONFIG.thresholds:
        expected = public_protocol(model, tables, threshold, CONFIG.recall_at)
        assert [result.recall(n, threshold) for n in CONFIG.recall_at] == expected
    assert 0 < result.recall() < 100


def test_conditions_share_out_all_queries(tmp_path: Path) -> None:
    tables, model = utm_tables(tmp_path), TinyModel()
    result = evaluate_tables(model, tables, CONFIG)
    night = tables.queries.frame["condition"] == "night"
    dark = EvaluationTables(
        tables.database, tables.queries.rows(np.flatnonzero(night)), "the queries at night"
    )
    alone = evaluate_tables(model, dark, CONFIG)
    assert result.recall(5, condition="night") == alone.recall(5)
    queries = {r.condition: r.queries for r in result.recalls}
    assert queries == {None: 25, "day": 16, "night": 9}


def test_intervals_hold_the_share(tmp_path: Path) -> None:
    for one in evaluate_tables(TinyModel(), utm_tables(tmp_path), CONFIG).recalls:
        assert 0 <= one.low <= one.percent <= one.high <= 100
        assert one.wilson_low <= one.percent + 1e-9 and one.percent - 1e-9 <= one.wilson_high


def test_queries_without_a_positive_count_and_are_named(tmp_path: Path) -> None:
    tables, model = utm_tables(tmp_path), TinyModel()
    result = evaluate_tables(model, tables, CONFIG)
    for threshold in CONFIG.thresholds:
        unlimited = public_protocol(model, tables, threshold, [len(tables.database)])
        without = result.without_positive[threshold]
        assert len(without) == round(25 * (1 - unlimited[0] / 100))
        first = next(r for r in result.recalls if r.threshold == threshold and r.at == 10)
        hits = round(first.percent * 25 / 100)
        assert first.percent_of_possible == pytest.approx(100 * hits / (25 - len(without)))
    assert any(result.without_positive.values())


def test_a_side_without_any_position_is_refused(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path)
    for side, what in (("database", "database photo"), ("queries", "query")):
        both = {"database": tables.database, "queries": tables.queries}
        both[side] = PhotoTable.from_columns({"path": both[side].paths})
        model = TinyModel()
        with pytest.raises(DataError) as caught:
            evaluate_tables(model, EvaluationTables(**both, name="tunnel"), CONFIG)
        assert str(caught.value) == (
            f"tunnel: no {what} has a position, and no list says which photos are right; expected "
            "positions (in names, EXIF or a table), x and y, frame or place in the tables of both, "
            "or ground_truth.csv beside database and queries"
        )
        assert model.shapes == []
    with pytest.raises(DataError, match=r"no photo has a position; expected positions \(in names,"):
        evaluate_tables(TinyModel(), leave_one_out(both["queries"], "tunnel"), CONFIG)


def test_queries_without_a_position_are_misses_and_named(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path)
    lost = write_photo(tmp_path / "queries" / "lost.jpg", 3)
    with_lost = PhotoTable(
        pl.concat([tables.queries.frame, PhotoTable.from_columns({"path": [lost]}).frame])
    )
    before = evaluate_tables(TinyModel(), tables, CONFIG)
    after = evaluate_tables(
        TinyModel(), EvaluationTables(tables.database, with_lost, "lost"), CONFIG
    )
    assert after.without_position == [lost] and lost in after.without_positive[25.0]
    assert after.queries == 26
    assert after.recall(5) == pytest.approx(before.recall(5) * 25 / 26)
    rows = after.predictions.filter(pl.col("query") == lost)
    assert rows.height == 20 and rows["distance_m"].null_count() == 20


def test_unreadable_photos_are_misses_or_left_out_and_named(tmp_path: Path) -> None:
    tables, model = utm_tables(tmp_path), TinyModel()
    whole = evaluate_tables(model, tables, CONFIG)
    hit = whole.predictions.filter((pl.col("rank") == 1) & (pl.col("distance_m") <= 25))
    query, answer = hit["query"][0], hit["database"][0]
    Path(query).write_bytes(b"no photo")
    result = evaluate_tables(model, tables, CONFIG)
    assert result.queries == 25
    assert result.recall() == pytest.approx(whole.recall() - 4)
    assert [path for path, _ in result.unreadable["queries"]] == [query]
    assert query not in result.predictions["query"].to_list()
    Path(answer).write_bytes(b"no photo")
    result = evaluate_tables(model, tables, CONFIG)
    assert [path for path, _ in result.unreadable["database"]] == [answer]
    assert answer not in result.predictions["database"].to_list()


def test_an_unreadable_photo_is_nobodys_positive(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path, 2, 1)
    east, north = tables.queries.frame.select("easting", "northing").row(0)
    where = {"easting": [east, east + 500], "northing": [north, north], "zone": ["10S", "10S"]}
    database = PhotoTable.from_columns({"path": tables.database.paths, **where})
    tables = EvaluationTables(database, tables.queries, "one positive")
    assert evaluate_tables(TinyModel(), tables, CONFIG).without_positive[25.0] == []
    Path(database.paths[0]).write_bytes(b"no photo")
    result = evaluate_tables(TinyModel(), tables, CONFIG)
    assert result.without_positive[25.0] == tables.queries.paths


def test_each_photo_against_the_rest(tmp_path: Path) -> None:
    table = utm_tables(tmp_path, 30, 1).database
    alone = write_photo(tmp_path / "alone.jpg", 7)
    table = PhotoTable(
        pl.concat(
            [
                table.frame,
                PhotoTable.from_columns({"path": [alone], "lat": [37.0], "lon": [-122.0]}).frame,
            ]
        )
    )
    model = TinyModel()
    result = evaluate_tables(model, EvaluationTables(table, table, "photos"), CONFIG)
    assert sum(shape[0] for shape in model.shapes) == 31
    assert (result.predictions["query"] != result.predictions["database"]).all()
    assert alone in result.without_positive[25.0]
    east, north = (table.frame[name].to_numpy() for name in ("easting", "northing"))
    model.eval()
    vectors = np.concatenate(
        [model(load_photo(path, None, "bilinear")[None]).detach().numpy() for path in table.paths]
    )
    hits = 0
    for query in range(31):
        others = [row for row in range(31) if row != query]
        best = max(others, key=lambda row: float(vectors[query] @ vectors[row]))
        hits += bool(np.hypot(east[best] - east[query], north[best] - north[query]) <= 25)
    assert result.recall() == hits / 31 * 100


def test_the_same_files_as_database_and_queries_are_never_their_own_answer(tmp_path: Path) -> None:
    table = utm_tables(tmp_path, 20, 1).database
    both = evaluate_tables(TinyModel(), EvaluationTables(table, table, "one table"), CONFIG)
    copy = EvaluationTables(table, PhotoTable(table.frame), "two tables of the same files")
    assert evaluate_tables(TinyModel(), copy, CONFIG).recalls == both.recalls


def test_a_database_smaller_than_n(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path, 3, 4)
    result = evaluate_tables(TinyModel(), tables, CONFIG)
    assert result.predictions.height == 12
    assert result.recall(10) == result.recall(5)


def test_files_say_what_the_result_says(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path)
    out = tmp_path / "out"
    result = evaluate_tables(TinyModel(), tables, CONFIG, out, {"spec": "tiny"})
    text = (out / "results.json").read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found == json.loads(json.dumps(result.to_dict()))
    assert found["model"]["provenance"] == {"spec": "tiny"}
    predictions = pl.read_parquet(out / "predictions.parquet")
    assert predictions.equals(result.predictions)
    assert predictions.columns == [
        "query", "rank", "database", "similarity", "distance_m", "positive",
        "query_condition",
    ]  # fmt: skip
    first = predictions.filter(pl.col("query") == tables.queries.paths[0])
    assert first["rank"].to_list() == list(range(1, 21))
    assert first["similarity"].is_sorted(descending=True)
    hits = predictions.filter(pl.col("distance_m") <= 25).group_by("query").agg(pl.min("rank"))
    assert (hits["rank"] <= 5).sum() / 25 * 100 == result.recall(5)


def test_another_threshold_touches_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, out = utm_tables(tmp_path), tmp_path / "out"
    first = evaluate_tables(TinyModel(), tables, CONFIG, out)
    monkeypatch.setattr("beenhere.retrieval.extract.load_photo", None)
    other = CONFIG.model_copy(update={"thresholds": [60.0], "recall_at": [3, 5]})
    again = evaluate_tables(TinyModel(), tables, other, out)
    assert again.recall(5, 60.0) == first.recall(5, 60.0)
    assert again.timing.images_computed == 0 and again.timing.images_per_second is None


def test_an_empty_side_is_refused(tmp_path: Path) -> None:
    tables = utm_tables(tmp_path, 2, 2)
    nothing = PhotoTable.from_columns({"path": []})
    with pytest.raises(DataError, match="the queries hold no photo"):
        evaluate_tables(TinyModel(), EvaluationTables(tables.database, nothing, "x"), CONFIG)
    with pytest.raises(DataError, match="the database hold"):
        evaluate_tables(TinyModel(), EvaluationTables(nothing, tables.queries, "x"), CONFIG)


def test_a_recall_that_was_not_measured_says_what_was(tmp_path: Path) -> None:
    result = evaluate_tables(TinyModel(), utm_tables(tmp_path, 2, 2), CONFIG)
    with pytest.raises(DataError, match=r"Recall@7, right within 25 m.*there are N 1, 2, 5, 10"):
        result.recall(7)


def test_a_model_without_finite_descriptors_is_refused(tmp_path):
    broken = TinyModel()
    with torch.no_grad():
        broken.scale.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        evaluate_tables(broken, utm_tables(tmp_path, 6, 3), CONFIG)


def test_a_photo_is_never_its_own_answer_by_another_way_to_it(tmp_path):
    tables = utm_tables(tmp_path, 8, 2)
    (tmp_path / "link").symlink_to(tmp_path / "database")
    again = tables.database.frame.with_columns(
        pl.col("path").str.replace("/database/", "/link/", literal=True)
    )
    both = EvaluationTables(tables.database, PhotoTable(again), "the same by a link")
    found = evaluate_tables(TinyModel(), both, CONFIG).predictions
    names = found.select(pl.col("query", "database").str.split("/").list.last())
    assert not (names["query"] == names["database"]).any()
