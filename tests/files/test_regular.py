"""Only regular files are opened, whatever they are called, and links where they are allowed."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from beenhere.errors import DataError
from beenhere.files.regular import named, open_regular, read_json, read_regular, regular
from beenhere.photos.formats import read_photos
from beenhere.retrieval.index import Index


@pytest.fixture(params=["pipe", "socket", "device", "folder", "link to a pipe"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "x"
    if request.param == "device":
        yield Path("/dev/zero")
    elif request.param == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as end:
            end.bind(str(path))
            yield path
    else:
        if request.param == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)
        if "link" in request.param:
            (tmp_path / "link").symlink_to(path)
            path = tmp_path / "link"
        yield path


def test_what_is_no_file_is_not_opened(special: Path) -> None:
    for read in (regular, open_regular, read_regular, read_json):
        with pytest.raises(OSError, match="not a regular file") as found:
            read(special)
        assert found.value.filename == str(special)


def test_links_are_followed_where_they_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b'{"a": 1}')
    (tmp_path / "link").symlink_to("file")
    assert read_json(tmp_path / "link") == {"a": 1}
    with pytest.raises(OSError, match="is a link, not a regular file"):
        read_regular(tmp_path / "link", follow=False)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "nothing", follow=False)


def test_an_empty_name_is_not_the_current_folder() -> None:
    for read in (named, read_photos, Index.open):
        for name in ("", " "):
            with pytest.raises(DataError, match="an empty name is given"):
                read(name)
    assert named(".") == Path()


def test_bounds(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"[" * 100_000)
    assert len(read_regular(tmp_path / "x", most=100_000)) == 100_000
    with pytest.raises(OSError, match="more than the 99,999 bytes"):
        read_regular(tmp_path / "x", most=99_999)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "x")
