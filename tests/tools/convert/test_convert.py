"""Sets in other layouts, read back by the readers; real files, real trees."""

import os
import shutil
from pathlib import Path
from typing import Literal

import polars as pl
import published_sets
import pytest
from camera import street, write_photo
from PIL import Image
from town import write_town

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import read_evaluation, read_photos, sets_in
from beenhere.photos.table import PhotoTable
from beenhere.tools.convert import convert

Tables = Literal["csv", "parquet"]

KNOWN = ["lat", "lon", "easting", "northing", "zone", "heading", "captured"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training set and three evaluation sets, one with conditions."""
    root = write_town(tmp_path_factory.mktemp("sets") / "town")
    queries = sorted((root / "val/queries").iterdir())
    rows = ["path,condition", *(f"queries/{path.name},night" for path in queries[:5])]
    (root / "val/conditions.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def state(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in root.rglob("*")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sides(tree: Path) -> tuple[PhotoTable, PhotoTable]:
    tables = read_evaluation(EvaluationData(tree=tree))
    return tables.database, tables.queries


def assert_same(found: PhotoTable, given: PhotoTable, columns: list[str]) -> None:
    """Equal rows, by the bytes of their photos."""
    read = [Path(path).read_bytes() for path in given.paths]
    order = {content: row for row, content in enumerate(read)}
    assert len(order) == len(found) == len(given)
    rows = [order[Path(path).read_bytes()] for path in found.paths]
    for column in columns:
        expected = given.frame[column][rows]
        if expected.dtype == pl.Float64:
            assert (found.frame[column] - expected).abs().fill_null(0).max() <= 0.005  # type: ignore[operator]
            assert found.frame[column].is_null().to_list() == expected.is_null().to_list()
        else:
            assert found.frame[column].to_list() == expected.to_list(), column


def test_every_set_to_names_with_positions(town: Path, tmp_path: Path) -> None:
    before = state(town)
    written = convert(town, tmp_path / "new", "utm")
    assert state(town) == before
    assert written.photos["val/queries"] == 12
    assert written.linked == sum(written.photos.values()) == 40 + 6 * 12
    assert written.lost == ["10 places of train", "2 cities of train"]
    assert [each.path.name for each in sets_in(tmp_path / "new")] == ["far", "test", "train", "val"]
    for part in ("val", "test", "far"):
        for found, given in zip(sides(tmp_path / "new" / part), sides(town / part), strict=True):
            assert_same(found, given, [*KNOWN, "condition"])
    assert_same(read_photos(tmp_path / "new/train"), read_photos(town / "train"), KNOWN)
    assert not (tmp_path / "new/test/conditions.csv").exists()


def test_names_do_not_change_a_second_time(town: Path, tmp_path: Path) -> None:
    convert(town / "val", tmp_path / "once", "utm")
    convert(tmp_path / "once", tmp_path / "twice", "utm")
    assert names(tmp_path / "once/queries") == names(tmp_path / "twice/queries")


@pytest.mark.parametrize("layout", ["csv", "parquet"])
def test_tables_of_every_set_and_back(town: Path, tmp_path: Path, layout: Tables) -> None:
    written = convert(town, tmp_path / "tables", layout)
    assert (written.linked, written.copied, written.lost) == (0, 0, [])
    everything = [*KNOWN, "place", "city", "condition"]
    for found, given in zip(sides(tmp_path / "tables/val"), sides(town / "val"), strict=True):
        assert_same(found, given, everything)
    assert_same(read_photos(tmp_path / "tables/train"), read_photos(town / "train"), everything)
    written = convert(tmp_path / "tables/train", tmp_path / "gsv", "gsv-xs")
    assert written.lost == []
    assert_same(read_photos(tmp_path / "gsv"), read_photos(town / "train"), everything)
    assert names(tmp_path / "gsv") == ["Aston", "Bray"]


def test_a_phone_s_photos_keep_every_byte(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photo(photos / "a/IMG_1.JPG", (8, 8), (52.5, 13.4), orientation=6)
    write_photo(photos / "b/IMG_1.JPG", (8, 8), (52.5, 13.4), seed=1)
    write_photo(photos / "c/nowhere.jpeg", (8, 8), seed=2)
    Image.fromarray(street(8, 8, 3)).save(photos / "IMG.png")
    (photos / "broken.jpg").write_bytes(b"")
    written = convert(photos, tmp_path / "new", "utm")
    assert written.unusable == [(str(photos / "broken.jpg"), "empty file (0 bytes)")]
    given = read_photos(photos)
    assert_same(read_photos(tmp_path / "new"), given, KNOWN)
    ends = sorted(path.suffix for path in (tmp_path / "new").iterdir())
    assert ends == [".JPG", ".JPG", ".jpeg", ".png"]


def test_places_of_any_name_get_numbers_and_it_is_said(tmp_path: Path) -> None:
    labels = ["church", "church", "7", None, "7"]
    cities = ["Åbo/Turku", "Åbo/Turku", None, None, "a:b"]
    for number in range(5):
        write_photo(tmp_path / f"in/{number}.jpg", (8, 8), (52.5, 13.4), seed=number)
    frame = pl.DataFrame(
        {"path": [f"{n}.jpg" for n in range(5)], "place": labels, "city": cities}
    ).with_columns(condition=pl.lit("day"))
    frame.write_csv(tmp_path / "in/table.csv")
    written = convert(tmp_path / "in", tmp_path / "out", "gsv-xs")
    assert written.lost == [
        "the names of 3 places, which are numbered: 7 is now 0000000_a-b",
        "1 condition",
    ]
    read = read_photos(tmp_path / "out")
    assert names(tmp_path / "out") == ["a-b", "in", "Åbo-Turku"]
    by_number = {Path(path).name.split("@")[7]: row for row, path in enumerate(read.paths)}
    found = [read.frame["place"][by_number[str(number)]] for number in range(5)]
    assert found == ["0000002_Åbo-Turku", "0000002_Åbo-Turku", "0000001_in", None, "0000000_a-b"]


def test_cities_that_a_file_system_cannot_tell_apart_stay_two(tmp_path: Path) -> None:
    for number in range(2):
        write_photo(tmp_path / f"in/{number}.jpg", (8, 8), (52.5, 13.4), seed=number)
    table = "path,place,city\n0.jpg,1,Rome\n1.jpg,1,rome\n"
    (tmp_path / "in/table.csv").write_text(table)
    convert(tmp_path / "in", tmp_path / "out", "gsv-xs")
    assert names(tmp_path / "out") == ["Rome", "rome-2"]
    assert read_photos(tmp_path / "out").frame["place"].n_unique() == 2


def test_links_to_photos_are_followed(tmp_path: Path) -> None:
    real = write_photo(tmp_path / "real.jpg", (8, 8), (52.5, 13.4))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link.jpg").symlink_to("../real.jpg")
    convert(tmp_path / "in", tmp_path / "deep/out", "utm")
    (new,) = (tmp_path / "deep/out").iterdir()
    assert not new.is_symlink()
    assert new.stat().st_ino == real.stat().st_ino


def test_where_links_cannot_be_photos_are_copied(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    written = convert(town / "val", tmp_path / "copy", "utm")
    assert (written.linked, written.copied) == (0, 24)
    old, new = (path / "queries" for path in (town / "val", tmp_path / "copy"))
    first, copy = sorted(old.iterdir())[0], sorted(new.iterdir())[0]
    assert first.read_bytes() == copy.read_bytes()
    assert first.stat().st_ino != copy.stat().st_ino


def test_what_cannot_be_is_refused_and_leaves_nothing(town: Path, tmp_path: Path) -> None:
    cases = [
        (town, "gsv-xs", "is a database with queries, and gsv-xs is for training photos"),
        (town / "val/queries", "gsv-xs", "no photo has a place, as gsv-xs needs"),
        (tmp_path / "none", "csv", "no such file or folder"),
    ]
    for source, layout, message in cases:
        with pytest.raises(DataError, match=message):
            convert(source, tmp_path / "out", layout)  # type: ignore[arg-type]
        assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something already"):
        convert(town, tmp_path / "out", "csv")
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_a_photo_that_goes_away_is_named_and_nothing_is_left(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(source: str, target: Path) -> bool:
        raise DataError(f"{source}: cannot be copied (No such file or directory)")

    monkeypatch.setattr("beenhere.files.links._place", vanish)
    with pytest.raises(DataError, match="cannot be copied"):
        convert(town, tmp_path / "out", "utm")
    assert not (tmp_path / "out").exists()


def test_two_places_never_become_one(tmp_path: Path) -> None:
    for number in range(2):
        write_photo(tmp_path / f"in/{number}.jpg", (8, 8), (52.5, 13.4), seed=number)
    (tmp_path / "in/table.csv").write_text("path,place,city\n0.jpg,1,Rome\n1.jpg,1_Rome,Rome\n")
    convert(tmp_path / "in", tmp_path / "out", "gsv-xs")
    assert read_photos(tmp_path / "out").frame["place"].n_unique() == 2


@pytest.mark.parametrize("layout", ["csv", "parquet"])
def test_a_training_set_beside_an_evaluation_set_stays_seen(
    town: Path, tmp_path: Path, layout: Tables
) -> None:
    shutil.copytree(town / "train", tmp_path / "proj/mine")
    shutil.copytree(town / "val", tmp_path / "proj/held-out")
    convert(tmp_path / "proj", tmp_path / "once", layout)
    convert(tmp_path / "once", tmp_path / "twice", layout)
    for root in ("once", "twice"):
        found = {one.path.name: one.evaluation for one in sets_in(tmp_path / root)}
        assert found == {"held-out": True, "mine": False}
        assert len(read_photos(tmp_path / root / "mine")) == 40


def test_the_training_split_of_a_published_set_comes_along(tmp_path: Path) -> None:
    published_sets.msls(tmp_path / "msls")
    written = convert(tmp_path / "msls", tmp_path / "new", "csv")
    assert written.photos == {"val/database": 6, "val/queries": 2, "train": 7}
    found = {one.path.name: one.evaluation for one in sets_in(tmp_path / "new")}
    assert found == {"train": False, "val": True}
