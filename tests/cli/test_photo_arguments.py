import os
from pathlib import Path

import pytest
from tiny import write_photo

from beenhere.cli.photo_arguments import named_photos
from beenhere.errors import BeenhereError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.png", "deep/c.jpg", "deep/[1].jpg"):
        write_photo(tmp_path / name, 1)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/d.CR2").write_bytes(b"raw")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_folders_patterns_each_once(folder: Path) -> None:
    photos, unusable = named_photos(["deep", "a.jpg", "*", "**/*.jpg", "-", "raw"])
    assert photos == ["deep/[1].jpg", "deep/c.jpg", "a.jpg", "b.png", "-"]
    assert unusable == [("raw/d.CR2", "camera raw file: save it as JPEG")]
    # A file of that name is no pattern.
    assert named_photos(["deep/[1].jpg"])[0] == ["deep/[1].jpg"]


def test_what_is_not_there_is_named_and_the_others_go_on(folder: Path) -> None:
    photos, unusable = named_photos(["a.jpg", "gone.jpg"])
    assert photos == ["a.jpg"] and unusable == [("gone.jpg", "no such file")]
    odd = os.fsdecode(b"\xff.jpg")
    (folder / odd).write_bytes(b"x")
    assert named_photos([odd]) == ([], [("\ufffd.jpg", "its name is not UTF-8: rename it")])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no photo is named; give files, "),
        (["--verfiy"], "--verfiy: no such option, see 'beenhere locate --help'"),
        (["*.webp"], "*.webp: no photo fits this pattern"),
        (["empty"], "empty: holds no photos; expected files such as .jpg"),
    ],
)
def test_nothing_to_locate(folder: Path, names: list[str], said: str) -> None:
    with pytest.raises(BeenhereError) as error:
        named_photos(names)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
