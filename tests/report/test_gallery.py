"""Which failures are shown: real ones, of every model and condition, no more than fit."""

from collections import Counter
from math import inf
from pathlib import Path

import polars as pl
import pytest
from study import study, write_run, write_set

from beenhere.photos.reference import Kind as By
from beenhere.report.gallery import MOST_PHOTOS, Failure, band_names, failures
from beenhere.report.study_figures import all_figures
from beenhere.studies.results import Row, StudyResults, Table


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = tmp_path_factory.mktemp("study")
    sets = [
        write_set(folder / "photos", "sf_xs", queries=90, database=80),
        write_set(folder / "photos", "tokyo_xs", queries=60, database=70),
    ]
    runs = [
        write_run(folder / f"{skill:g}", sets, skill, options=["loss.name=contrastive"])
        for skill in (0.2, 0.4, 0.6)
    ]
    tables = [
        Table(f"t{n}", f"T{n}", "", "", (Row("row", {}, {}, (), (run,)),), (), "")
        for n, run in enumerate(runs)
    ]
    same = Table("again", "Again", "", "", (Row("same", {}, {}, (), (runs[2],)),), (), "")
    return study((*tables, same))


@pytest.fixture(scope="module")
def found(results: StudyResults) -> list[Failure]:
    return failures(results, all_figures(results))


def test_photos_are_few_and_used_up(found: list[Failure]) -> None:
    photos = {one.query for one in found} | {one.prediction for one in found}
    assert MOST_PHOTOS - 4 <= len(photos) <= MOST_PHOTOS


def test_each_is_a_failure_of_the_model_that_is_named(
    results: StudyResults, found: list[Failure]
) -> None:
    for one in found:
        number = int(one.model[1])
        evaluation = results.tables[number].rows[0].runs[0].evaluations[one.test]
        first = evaluation.predictions.filter(
            (pl.col("query") == one.query) & (pl.col("rank") == 1)
        ).row(0, named=True)
        asked = evaluation.queries.filter(pl.col("query") == one.query).row(0, named=True)
        assert first["distance_m"] is None or first["distance_m"] > 25
        assert (one.prediction, one.metres) == (first["database"], first["distance_m"])
        assert one.similarity == first["similarity"]
        assert one.condition == asked["condition"]
        possible = asked["nearest_m"] is not None and asked["nearest_m"] <= 25
        assert one.kind == ("wrong" if possible else "impossible")


def test_every_model_test_set_condition_and_kind_has_its_share(found: list[Failure]) -> None:
    models = Counter((one.model, one.test) for one in found)
    assert len(models) == 6  # the training that two tables share counts once
    assert {one.condition for one in found} == {"day", "night", "fog"}
    assert {one.kind for one in found} == {"wrong", "impossible"}


def test_the_best_comes_first_and_has_half(found: list[Failure]) -> None:
    assert {one.model for one in found if one.best} == {"T2: row"}
    photos = [p for one in found if one.best for p in (one.query, one.prediction)]
    assert MOST_PHOTOS // 2 - 2 <= len(set(photos)) <= MOST_PHOTOS // 2
    assert [one.best for one in found] == sorted((one.best for one in found), reverse=True)


def test_the_same_study_shows_the_same(results: StudyResults, found: list[Failure]) -> None:
    assert failures(results, all_figures(results)) == found


def off(metres: float | None, by: By) -> Failure:
    return Failure("m", False, "t", "", "wrong", "q", "p", metres, 0.5, by)


@pytest.mark.parametrize(
    ("by", "ends", "words"),
    [
        ("position", (100, 1000), "100 m to 1.0 km off"),
        ("xy", (20, 200), "20.0 m to 200 m off"),
        ("frame", (8, 80), "8 frames to 80 frames off"),
    ],
)
def test_distances_fall_into_bands_of_their_unit(by: By, ends: tuple[int, int], words: str) -> None:
    near, middle = ends
    asked = (None, 1, near - 0.1, near, middle - 0.1, middle, inf)
    assert [off(one, by).distance_band for one in asked] == [
        "unknown", "near", "near", "middle", "middle", "far", "unknown",
    ]  # fmt: skip
    assert band_names([off(1, by)])["middle"] == words


def test_names_have_no_distance() -> None:
    assert {off(one, "place").distance_band for one in (None, 0.0, inf)} == {"unknown"}
    both = band_names([off(1, "position"), off(1, "frame"), off(0, "place")])
    assert both["near"] == "up to 8 frames or 100 m off"


def test_a_study_without_a_finished_row_has_no_failures() -> None:
    results = study((Table("t", "T", "", "", (), (), ""),))
    assert failures(results, all_figures(results)) == []


def test_nothing_found_is_a_failure_without_a_photo(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs")]
    run = write_run(tmp_path / "run", sets, 0.5)
    kept = tmp_path / "run" / "tests" / "sf_xs" / "predictions.parquet"
    predictions = pl.read_parquet(kept)
    silent = predictions["query"][0]
    predictions.filter(pl.col("query") != silent).write_parquet(kept)
    table = Table("t", "T", "", "", (Row("row", {}, {}, (), (run,)),), (), "")
    results = study((table,), tests={"sf_xs": "SF-XS"})
    (one,) = [f for f in failures(results, all_figures(results)) if f.query == silent]
    assert (one.prediction, one.metres, one.similarity) == ("", None, None)
    assert one.distance_band == "unknown"
