"""Mapillary Street-Level Sequences as its archives unpack."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from published_sets import msls

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import read_evaluation, read_photos, sets_in
from beenhere.photos.ground_truth import EvaluationTables


def read(root: Path, protocol: str | None = None) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=root, protocol=protocol))


def names(paths: list[str]) -> list[str]:
    return [Path(path).stem for path in paths]


@pytest.mark.parametrize("keys", [True, False])
def test_both_protocols(tmp_path: Path, keys: bool) -> None:
    msls(tmp_path, keys)
    every = read(tmp_path, "val-747")
    assert names(every.queries.paths) == ["cph_q0", "cph_q1", "cph_q2", "sf_q0", "sf_q1", "sf_q2"]
    assert names(every.database.paths) == [
        f"{city}_d{at}" for city in ("cph", "sf") for at in range(3)
    ]
    found = [rows.tolist() for rows in every.truth.positives(25)]
    assert found == [[0, 1], [], [], [3, 4], [], []]
    with_positive = read(tmp_path)
    assert with_positive.name == "msls-val-740"
    assert names(with_positive.queries.paths) == ["cph_q0", "sf_q0"]
    assert with_positive.database.paths == every.database.paths


def test_what_is_known_of_a_photo(tmp_path: Path) -> None:
    msls(tmp_path)
    row = read(tmp_path, "val-747").queries.frame.row(1, named=True)
    assert (row["heading"], row["captured"], row["condition"]) == (40.5, "2017-02-05", "night")
    assert (row["city"], row["zone"]) == ("cph", "33U")
    assert row["lat"] == pytest.approx(55.68, abs=0.01)


def test_the_order_of_a_table_does_not_matter(tmp_path: Path) -> None:
    msls(tmp_path)
    before = read(tmp_path).queries.frame.sort("path")
    for file in tmp_path.glob("train_val/*/*/raw.csv"):
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head, *rows[::-1]]) + "\n")
    assert read(tmp_path).queries.frame.sort("path").equals(before)


def test_a_missing_photo_takes_no_query_away(tmp_path: Path) -> None:
    msls(tmp_path)
    for name in ("cph_d0", "cph_d1"):
        (tmp_path / f"train_val/cph/database/images/{name}.jpg").unlink()
    tables = read(tmp_path, "val-740")
    assert len(tables.queries) == 2 and len(tables.database) == 4
    assert names([path for path, _ in tables.database.unusable]) == ["cph_d0", "cph_d1"]
    assert [rows.tolist() for rows in tables.truth.positives(25)] == [[], [1, 2]]


def test_cities_to_train_on(tmp_path: Path) -> None:
    msls(tmp_path)
    whole = read_photos(tmp_path / "train_val")
    assert whole.frame["city"].unique().to_list() == ["amsterdam"]
    assert names(whole.paths) == [f"amsterdam_d{at}" for at in range(3)] + [
        f"amsterdam_q{at}" for at in range(4)
    ]
    assert read_photos(tmp_path / "train_val/sf").frame["city"].unique().to_list() == ["sf"]
    assert [each.evaluation for each in sets_in(tmp_path)] == [True]
    assert names(read_photos(tmp_path).paths) == names(whole.paths)
    shutil.rmtree(tmp_path / "train_val/amsterdam")
    with pytest.raises(DataError, match=r"\(msls\); evaluate the whole"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("pano", "maybe", "not True or False"), ("lat", "", "an image has no position")],
)
def test_a_broken_table(tmp_path: Path, column: str, value: str, reason: str) -> None:
    msls(tmp_path)
    file = tmp_path / "train_val/sf/query/raw.csv"
    rows = pl.read_csv(file, infer_schema=False)
    rows.with_columns(pl.lit(value).alias(column)).write_csv(file)
    with pytest.raises(DataError, match=reason):
        read(tmp_path)
    rows.drop(column).write_csv(file)
    with pytest.raises(DataError, match=f"the column '{column}' is missing"):
        read(tmp_path)
