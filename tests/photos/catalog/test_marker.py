from pathlib import Path

import published_sets
import pytest

from beenhere.errors import DataError
from beenhere.photos.catalog.marker import MARKER, difference, read_marker
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable


def _table(photos: int, *unusable: str) -> PhotoTable:
    paths = [f"{number}.jpg" for number in range(photos)]
    return PhotoTable.from_columns(
        {"path": paths}, unusable=[(f"/x/{name}", "empty file") for name in unusable]
    )


@pytest.mark.parametrize(
    ("table", "expected", "words"),
    [
        (_table(3), 3, None),
        (_table(3, "left.txt.jpg"), 3, None),
        (_table(2), 3, "2 of 3; 1 is not there"),
        (_table(0), 1200, "0 of 1,200; 1,200 are not there"),
        (_table(2, "a.jpg"), 3, "2 of 3; 1 file cannot be used: a.jpg (empty file)"),
        (
            _table(1, "a.jpg", "b.jpg", "c.jpg", "d.jpg"),
            6,
            "1 of 6; 4 files cannot be used: a.jpg (empty file), b.jpg (empty file), c.jpg (empty "
            "file), ...; 1 is not there",
        ),
        (_table(5), 3, "5 of 3; 2 too many"),
    ],
)
def test_a_difference_in_words(table: PhotoTable, expected: int, words: str | None) -> None:
    assert difference(table, expected) == words


@pytest.mark.parametrize("text", ["", "[]", "set: [", "set: gsv_xs", "set: a\nlaid_out: x", "\x00"])
def test_a_marker_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    published_sets.gsv_xs(tmp_path)
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(DataError, match=r"not a set's marker .*; delete it") as caught:
        read_photos(tmp_path / "train")
    assert "\n" not in str(caught.value)


def test_no_marker_no_assertion(tmp_path: Path) -> None:
    published_sets.gsv_xs(tmp_path)
    assert read_marker(tmp_path) is None
    assert read_marker(tmp_path / "nowhere") is None
    assert len(read_photos(tmp_path / "train")) == 4


def test_the_file_to_delete_is_named_as_the_path_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_sets.gsv_xs(tmp_path / "data" / "gsv_xs")
    (tmp_path / "data" / "gsv_xs" / MARKER).write_text(
        "set: gsv_xs\nlaid_out: 2026-11-23\nphotos: {train: 5}\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"or delete data/gsv_xs/{MARKER} if"):
        read_photos(Path("data/gsv_xs/train"))
    monkeypatch.chdir(tmp_path / "data" / "gsv_xs" / "train")
    with pytest.raises(DataError, match=f"or delete {tmp_path}/data/gsv_xs/{MARKER} if"):
        read_photos(Path())
