"""Removing touches the marks alone; compacting gives the space back."""

from pathlib import Path

import numpy as np
import pytest
from tiny import TinyModel, at_name, write_photo

from beenhere.errors import DataError
from beenhere.retrieval.index import Index


@pytest.fixture
def deep(tmp_path: Path, model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Photos in folders, one of whose names looks like a pattern; the working folder is theirs."""
    for number, name in enumerate(["a/1.jpg", "a/b/2.jpg", "ab/3.jpg", "c[1]/4.jpg", "c1/5.jpg"]):
        write_photo(tmp_path / "deep" / name, number)
    (tmp_path / "deep" / "a" / "raw.dng").write_bytes(b"raw")
    monkeypatch.chdir(tmp_path / "deep")
    return Index.build(tmp_path / "deep", model, tmp_path / "x.index")


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("a/1.jpg", [1]),
        ("a", [1, 2]),
        ("a/", [1, 2]),
        ("./a/b/../b", [2]),
        ("a/*.jpg", [1, 2]),
        ("a?/*", [3]),
        ("*/[24].jpg", [2, 4]),
        ("c[1]", [4]),
        ("c[1]/*", [5]),
        ("*", [1, 2, 3, 4, 5]),
        (".", [1, 2, 3, 4, 5]),
    ],
)
def test_photos_folders_and_patterns(deep: Index, path: str, gone: list[int]) -> None:
    files = {file.name for file in (deep.path / "parts").iterdir()}
    assert deep.remove(path).removed == len(gone)
    left = [int(Path(p).stem) for p in deep.photos.rows(np.flatnonzero(deep.allowed)).paths]
    assert sorted(left) == [number for number in range(1, 6) if number not in gone]
    kept = {file.name for file in (deep.path / "parts").iterdir()}
    assert {name for name in files - kept if "unreadable" not in name} == set()
    assert [name.partition(".")[2] for name in kept - files] in (
        ["removed.npy"],
        ["unreadable.parquet", "removed.npy"],
    )


def test_one_wrong_path_and_nothing_is_removed(deep: Index) -> None:
    for wrong in ("nothing.jpg", "nothing*", "1.jpg", "a?"):
        with pytest.raises(DataError, match=r"holds no photo .*expected a photo, a folder"):
            deep.remove("a", wrong)
    assert len(deep) == 5
    deep.remove("a")
    with pytest.raises(DataError, match=r"holds no photo a/1.jpg"):
        deep.remove("a/1.jpg")


def test_unreadable_photos_are_forgotten_too(deep: Index) -> None:
    assert list(deep.unreadable) == [str(Path("a/raw.dng").absolute())]
    assert deep.remove("a/raw.dng").removed == 0
    assert deep.unreadable == {} and len(deep) == 5


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_compacting_keeps_every_other_photo_as_it_is(
    photos: Path, model: TinyModel, tmp_path: Path, dtype: str
) -> None:
    index = Index.build(photos, model, tmp_path / "y.index", dtype=dtype)
    write_photo(tmp_path / "more" / at_name(1, 2), 50)
    index.add(tmp_path / "more", model=model)
    paths = index.photos.paths
    index.remove(paths[0], paths[4])
    vectors = np.concatenate([segment.floats(0, len(segment)) for segment in index.segments])
    frame = index.photos.frame.filter(index.allowed)
    sizes = index.compact()
    assert sizes.bytes_after < sizes.bytes_before
    assert index.photos.frame.equals(frame) and index.allowed.all()
    (segment,) = index.segments
    assert np.array_equal(segment.floats(0, 5), vectors[[1, 2, 3, 5, 6]])
    assert index.check().damages == []
    manifest = index.manifest
    again = index.compact()
    assert again.bytes_after == again.bytes_before and index.manifest == manifest
    index.remove(paths[5])
    assert index.search(vectors[[6]], 1).paths(0) == [paths[6]]
