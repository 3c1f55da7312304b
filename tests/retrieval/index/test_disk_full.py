"""A full disk loses nothing: the index is as before, and going on ends as it would have."""

import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import index_writer
import pytest
from index_writer import State
from tiny import TinyModel

from beenhere.errors import DataError, ModelError
from beenhere.retrieval.index.checking import check_index
from beenhere.retrieval.index.editing import build_index
from beenhere.retrieval.index.manifest import MANIFEST
from beenhere.retrieval.index.snapshot import Snapshot

ACTIONS = ["build", "add", "remove", "compact", "train"]
FULL = "no space left on device"


def prepared(root: Path, name: str) -> tuple[State | None, State]:
    """Photos and an index as they are before an action; the states before and after it."""
    index_writer.make_photos(root)
    for earlier in ACTIONS[: ACTIONS.index(name)]:
        getattr(index_writer, earlier)(root)
        if earlier == "build":
            index_writer.move_photos(root)
    before = State.of(root / "x.index") if name != "build" else None
    if before is not None:
        shutil.copytree(root / "x.index", root / "saved")
    getattr(index_writer, name)(root)
    after = State.of(root / "x.index")
    restore(root)
    return before, after


def restore(root: Path) -> None:
    shutil.rmtree(root / "x.index")
    if (root / "saved").exists():
        shutil.copytree(root / "saved", root / "x.index")


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_no_space_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    before, after = prepared(tmp_path, name)
    index, action = tmp_path / "x.index", getattr(index_writer, name)
    moment = 0
    refused = 0
    while True:
        moment += 1
        failed: list[bool] = []
        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing(getattr(os, function), moment, failed))
            try:
                action(tmp_path)
            except (DataError, ModelError) as error:
                assert FULL in str(error).lower() and "\n" not in str(error)
                refused += 1
        if not failed:
            break
        found = State.of(index) if (index / MANIFEST).exists() else None
        assert found in (before, after)
        if found is not None:
            assert check_index(index).damages == check_index(index).leftovers == []
        if found == before and before != after:
            action(tmp_path)
            assert State.of(index) == after
        restore(tmp_path)
    assert refused > (1 if function == "fsync" else 0)


def failing(function: Callable[..., Any], moment: int, failed: list[bool]) -> Callable[..., Any]:
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == moment:
            failed.append(True)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*args, **kwargs)

    return counted


@pytest.mark.parametrize("most", [100, 500, 1000])
def test_no_file_may_grow_beyond_a_limit(tmp_path: Path, most: int) -> None:
    before, after = prepared(tmp_path, "add")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        with pytest.raises(DataError, match=r"file too large.*nothing is lost"):
            index_writer.add(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert State.of(tmp_path / "x.index") == before
    assert check_index(tmp_path / "x.index").leftovers == []
    index_writer.add(tmp_path)
    assert State.of(tmp_path / "x.index") == after


def test_a_disk_that_is_really_full(small_disk: Callable[[str], Path], tmp_path: Path) -> None:
    index_writer.make_photos(tmp_path)
    disk = small_disk("256k")
    index = disk / "x.index"
    photos = index_writer.listed(tmp_path / "first")
    with index_writer.few_suffice():
        build_index(index, photos, TinyModel(), index_writer.CONFIG)
    (tmp_path / "x.index").symlink_to(index)
    before = State.of(index)
    filler = disk / "filler"
    actions = index_writer.add, index_writer.remove, index_writer.compact, index_writer.train
    for action in actions:
        refused = 0
        for free in range(0, 65_536, 4096):
            fill(filler, free)
            try:
                action(tmp_path)
                break
            except DataError as error:
                assert f"({FULL}); nothing is lost" in str(error)
                refused += 1
            assert State.of(index) == before
            assert check_index(index).damages == check_index(index).leftovers == []
        assert refused and not check_index(index).damages
        before = State.of(index)
    assert len(Snapshot.open(index).segments) == 1


def fill(filler: Path, free: int) -> None:
    """Leave so many bytes of the disk free."""
    filler.unlink(missing_ok=True)
    space = os.statvfs(filler.parent)
    filler.write_bytes(bytes(max(0, space.f_bavail * space.f_bsize - free)))
