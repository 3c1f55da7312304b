"""What was read is not read again, whatever happened to the file that remembers it."""

import hashlib
from pathlib import Path

import pytest

from beenhere.errors import PhotoError
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.index import diff
from beenhere.retrieval.index.diff import hash_files


@pytest.fixture
def keys(tmp_path: Path) -> list[PhotoKey]:
    found = []
    for number in range(4):
        (tmp_path / str(number)).write_bytes(bytes(range(number)) * 1000)
        found.append(PhotoKey.of(str(tmp_path / str(number))))
    return found


def test_each_file_once(
    keys: list[PhotoKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "new" / "contents.jsonl"
    first = hash_files(keys, journal, None)
    for key in keys:
        assert first[key] == hashlib.sha256(Path(key.path).read_bytes()).digest()
    monkeypatch.setattr(diff, "_hash", None)
    assert hash_files(keys, journal, None) == first


def test_a_file_that_cannot_be_read(keys: list[PhotoKey], tmp_path: Path) -> None:
    Path(keys[1].path).unlink()
    for _ in range(2):
        error = hash_files(keys, tmp_path / "contents.jsonl", None)[keys[1]]
        assert isinstance(error, PhotoError) and error.reason == "no such file or directory"


@pytest.mark.parametrize("lost", range(1, 400, 13))
def test_any_cut_of_the_journal(keys: list[PhotoKey], tmp_path: Path, lost: int) -> None:
    journal = tmp_path / "contents.jsonl"
    whole = hash_files(keys, journal, None)
    journal.write_bytes(journal.read_bytes()[:-lost])
    for _ in range(2):
        assert hash_files(keys, journal, None) == whole
    journal.write_bytes(journal.read_bytes()[:-lost] + bytes(50))
    assert hash_files(keys, journal, None) == whole
