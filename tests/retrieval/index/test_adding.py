"""Adding touches only what changed, and knows a photo again by its content."""

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import ExtractConfig
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.extract import extract
from beenhere.retrieval.index import Index, describing, diff, photo_store, segments


def counts(index: Index, photos: Path | PhotoTable, model: TinyModel) -> dict[str, int]:
    """What an add did; every photo of the index has its own file's descriptor after."""
    images = len(model.shapes)
    added = index.add(photos, model=model)
    assert (len(model.shapes) > images) == (added.new > 0)
    assert index.check().damages == []
    rows = np.flatnonzero(index.allowed)
    living = index.photos.rows(rows)
    fresh = extract(model, living, ExtractConfig(precision="32"), None, None).vectors
    kept = np.concatenate([segment.floats(0, len(segment)) for segment in index.segments])[rows]
    assert np.allclose(kept, fresh, atol=1e-6)
    numbers = {name: value for name, value in vars(added).items() if isinstance(value, int)}
    return {name: value for name, value in numbers.items() if value and name != "photos"}


def test_new_photos(index: Index, model: TinyModel, tmp_path: Path) -> None:
    write_photo(tmp_path / "more" / at_name(1, 2), 50)
    before = {path.name for path in (index.path / "parts").iterdir()}
    assert counts(index, tmp_path / "more", model) == {"new": 1}
    assert before <= {path.name for path in (index.path / "parts").iterdir()}  # nothing rewritten
    assert len(index) == 7 and len(index.segments) == 2
    manifest = index.manifest
    assert counts(index, tmp_path / "more", model) == {"unchanged": 1}
    assert index.manifest == manifest


def test_known_files_are_not_read(
    index: Index, model: TinyModel, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[PhotoKey] = []
    real = diff.hash_files

    def hash_files(keys: list[PhotoKey], *rest: object) -> object:
        seen.extend(keys)
        return real(keys, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(diff, "hash_files", hash_files)
    path = photos / at_name(500_010, 4_100_000)
    os.utime(path, ns=(1, 1))
    assert counts(index, photos, model) == {"updated": 1, "unchanged": 5}
    assert [key.path for key in seen] == [str(path)]
    assert counts(index, photos, model) == {"unchanged": 6} and len(seen) == 1


def test_moved_photos(index: Index, model: TinyModel, photos: Path, tmp_path: Path) -> None:
    photos.rename(tmp_path / "elsewhere")
    assert counts(index, tmp_path / "elsewhere", model) == {"moved": 6}
    assert index.photos.paths == read_photos(tmp_path / "elsewhere").paths
    target = tmp_path / "elsewhere" / at_name(600_000, 4_200_000)
    (tmp_path / "elsewhere" / at_name(500_030, 4_100_000)).rename(target)
    assert counts(index, tmp_path / "elsewhere", model) == {"moved": 1, "unchanged": 5}
    assert index.photos.frame.row(3, named=True)["easting"] == 600_000


def test_a_copy_is_another_photo(index: Index, model: TinyModel, photos: Path) -> None:
    shutil.copy(photos / at_name(500_000, 4_100_000), photos / at_name(1, 2))
    assert counts(index, photos, model) == {"new": 1, "unchanged": 6}
    (photos.parent / "more").mkdir()
    shutil.copy(photos / at_name(500_010, 4_100_000), photos.parent / "more" / at_name(1, 2))
    assert counts(index, photos.parent / "more", model) == {"new": 1}
    assert len(index) == 8


def test_replaced_photos(index: Index, model: TinyModel, photos: Path) -> None:
    write_photo(photos / at_name(500_020, 4_100_000), 99)
    assert counts(index, photos, model) == {"new": 1, "replaced": 1, "unchanged": 5}
    assert len(index) == 6 and index.manifest.removed == 1 and not index.allowed[2]


def test_a_photo_replaced_under_its_size_and_time_is_seen(
    index: Index, model: TinyModel, photos: Path
) -> None:
    path = photos / at_name(500_020, 4_100_000)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[:200] = b"garbage" * 28 + b"\0\0\0\0"
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert counts(index, photos, model) == {"replaced": 1, "unchanged": 5}
    assert list(index.unreadable) == [str(path)] and len(index) == 5


def test_a_folder_through_a_link_is_not_added_twice(
    index: Index, model: TinyModel, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(photos)
    assert counts(index, tmp_path / "link", model) == {"moved": 6}
    assert counts(index, photos, model) == {"moved": 6} and len(index) == 6


def test_photos_that_change_places(index: Index, model: TinyModel, photos: Path) -> None:
    one, other = (photos / at_name(500_000 + 10 * n, 4_100_000) for n in (0, 1))
    one.rename(photos / "aside")
    other.rename(one)
    (photos / "aside").rename(other)
    assert counts(index, photos, model) == {"moved": 2, "unchanged": 4}
    assert index.photos.paths[:2] == [str(other), str(one)]


def test_one_takes_the_name_of_another(index: Index, model: TinyModel, photos: Path) -> None:
    one, other = (photos / at_name(500_000 + 10 * n, 4_100_000) for n in (0, 1))
    other.replace(one)
    assert counts(index, photos, model) == {"moved": 1, "replaced": 1, "unchanged": 4}
    assert len(index) == 5


def test_removed_photos_come_back(index: Index, model: TinyModel, photos: Path) -> None:
    index.remove(photos / at_name(500_020, 4_100_000), photos / at_name(500_030, 4_100_000))
    assert counts(index, photos, model) == {"restored": 2, "unchanged": 4}
    assert len(index) == 6 and index.manifest.removed_rows is None


def test_a_removed_photo_that_was_replaced(index: Index, model: TinyModel, photos: Path) -> None:
    path = photos / at_name(500_020, 4_100_000)
    index.remove(path)
    write_photo(path, 99)
    assert counts(index, photos, model) == {"new": 1, "unchanged": 5}


def test_what_is_newly_known_takes_its_place(index: Index, model: TinyModel) -> None:
    paths = index.photos.paths
    before = index.photos.frame.row(1, named=True)
    table = PhotoTable.from_columns(
        {
            "path": paths[:3],
            "heading": [10.0, None, None],
            "lat": [None, None, 40.0],
            "lon": [None, None, 3.0],
            "city": ["a", None, None],
        }
    )
    assert counts(index, table, model) == {"updated": 2, "unchanged": 1}
    rows = index.photos.frame.rows(named=True)
    assert rows[0]["heading"] == 10 and rows[0]["city"] == "a"
    assert rows[0]["easting"] == 500_000 and rows[0]["captured"] == "2015-07"
    assert rows[1] == before
    assert (rows[2]["lat"], rows[2]["lon"], rows[2]["zone"]) == (40.0, 3.0, "31T")
    assert counts(index, table, model) == {"unchanged": 3}
    beyond_utm = PhotoTable.from_columns({"path": paths[2:3], "lat": [85.0], "lon": [3.0]})
    assert counts(index, beyond_utm, model) == {"updated": 1}
    row = index.photos.frame.row(2, named=True)
    assert row["lat"] == 85 and row["easting"] is row["northing"] is row["zone"] is None


def test_unreadable_photos_are_listed_until_they_can_be_read(
    index: Index, model: TinyModel, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    good, bad = more / at_name(1, 2), more / at_name(3, 4)
    write_photo(good, 50)
    bad.write_bytes(b"no photo")
    (more / "raw.dng").write_bytes(b"raw")
    (more / at_name(5, 6)).symlink_to(tmp_path / "nowhere")
    assert counts(index, more, model) == {"new": 1}
    assert index.unreadable == {
        str(bad): "not a photo: a text file",
        str(more / at_name(5, 6)): "link to nothing",
        str(more / "raw.dng"): "camera raw file: save it as JPEG",
    }
    assert index.manifest.unreadable == 3
    write_photo(bad, 51)
    assert counts(index, more, model) == {"new": 1, "unchanged": 1}
    assert str(bad) not in index.unreadable and len(index.unreadable) == 2
    index.remove(more / "raw.dng")
    assert list(index.unreadable) == [str(more / at_name(5, 6))]


def test_a_photo_replaced_by_no_photo(index: Index, model: TinyModel, photos: Path) -> None:
    path = photos / at_name(500_020, 4_100_000)
    path.write_bytes(b"no photo")
    assert counts(index, photos, model) == {"replaced": 1, "unchanged": 5}
    assert len(index) == 5 and list(index.unreadable) == [str(path)]


def test_a_file_that_vanished_stays_listed(index: Index, model: TinyModel, photos: Path) -> None:
    table = read_photos(photos)
    (photos / at_name(500_020, 4_100_000)).unlink()
    added = index.add(table, model=model)
    assert list(added.unreadable.values()) == ["no such file"]
    assert (added.unchanged, len(index)) == (5, 6)


def test_a_file_that_changes_while_it_is_read(
    index: Index, model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write_photo(tmp_path / "more" / at_name(number, 2), 50 + number)
    changing = str(tmp_path / "more" / at_name(1, 2))
    real = describing.extract

    def extract_and_change(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        write_photo(Path(changing), 99)
        return found

    monkeypatch.setattr(describing, "extract", extract_and_change)
    added = index.add(tmp_path / "more", model=model)
    assert added.new == 2
    assert added.unreadable == {changing: "changed while it was read: add it again"}
    monkeypatch.undo()
    assert counts(index, tmp_path / "more", model) == {"new": 1, "unchanged": 2}


def test_large_adds_go_in_blocks(
    index: Index, model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (segments, photo_store):
        monkeypatch.setattr(module, "block_rows", lambda dim: 1)
    monkeypatch.setattr(photo_store, "BLOCKS_AT_ONCE", 2)
    for number in range(5):
        write_photo(tmp_path / "more" / at_name(number, 2), 50 + number)
    assert counts(index, tmp_path / "more", model) == {"new": 5}


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_many_small_adds_make_few_segments(
    photos: Path, model: TinyModel, tmp_path: Path, dtype: str
) -> None:
    index = Index.build(
        photos, model, tmp_path / "y.index", dtype=dtype, extract={"precision": "32"}
    )
    kept: dict[str, bytes] = {}
    for number in range(9):
        write_photo(tmp_path / "more" / at_name(number, 2), 50 + number)
        index.add(tmp_path / "more", model=model)
        rows = [segment.rows for segment in index.manifest.segments]
        assert all(one > other for one, other in pairwise(rows))
        assert sum(rows) == 7 + number
        assert index.photos.paths[: 6 + number] == list(kept)[: 6 + number] or not kept
        vectors = np.concatenate([s.floats(0, len(s)) for s in index.segments])
        found = dict(zip(index.photos.paths, [vector.tobytes() for vector in vectors], strict=True))
        assert kept.items() <= found.items()  # joined, and not rounded a second time
        kept = found
    assert index.check().damages == []
