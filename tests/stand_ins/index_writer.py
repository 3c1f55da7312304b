"""Writers of an index in processes of their own, which are killed at chosen moments.

Processes are forked from one that has imported everything, so that each costs milliseconds.
"""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import ComputeConfig
from beenhere.config.retrieval import IndexConfig, SearchConfig, WhiteningConfig
from beenhere.photos.table import PhotoTable
from beenhere.retrieval import descriptor_store
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.editing import add_photos, build_index, remove_photos
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search import choice
from beenhere.retrieval.search.exact import search_exact

COMPUTE = ComputeConfig(batch_size=3, workers=1, precision="32")
CONFIG = IndexConfig(
    extract=COMPUTE,
    search=SearchConfig(kind="hnsw"),
    whitening=WhiteningConfig(dim=3),
)
RENAMING = ("replace", "rename")
# Not fsync: what a killed process has written is there with and without it. Nor mkdir: what comes
# next is killed before an empty folder is filled.
CHANGES_OF_THE_DISK = (*RENAMING, "unlink", "rmdir")

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "beenhere.retrieval.index.describing",
        "beenhere.retrieval.search.approximate",
        "beenhere.photos.exif",
    ]
)


def tile(number: int) -> str:
    """The file name of a photo."""
    return at_name(500_000 + 10 * number, 4_100_000)


def make_photos(root: Path) -> None:
    """Folders of photos: what is built (one of it is no photo), and what is added after."""
    for number in range(5):
        write_photo(root / "first" / tile(number), number)
    (root / "first" / at_name(1, 2)).write_bytes(b"no photo")
    for number in range(10, 12):
        write_photo(root / "second" / tile(number), number)


def move_photos(root: Path) -> None:
    """Some of those that were built go elsewhere; the name of one gets another photo."""
    for number in (1, 2):
        (root / "first" / tile(number)).rename(root / "second" / tile(number))
    write_photo(root / "first" / tile(3), 33)
    (root / "first" / tile(3)).rename(root / "second" / "kept")
    shutil.copy(root / "second" / "kept", root / "first" / tile(3))
    (root / "second" / "kept").unlink()


def listed(*folders: Path) -> PhotoTable:
    """All files in some folders, with nothing known of them."""
    paths = [str(path) for folder in folders for path in sorted(folder.iterdir())]
    return PhotoTable.from_columns({"path": paths})


@contextmanager
def few_suffice() -> Iterator[None]:
    """Let structures be trained on the few photos of a test."""
    before = choice.FEWEST_TO_LEARN
    choice.FEWEST_TO_LEARN = 2
    try:
        yield
    finally:
        choice.FEWEST_TO_LEARN = before


@few_suffice()
def build(root: Path) -> None:
    build_index(root / "x.index", listed(root / "first"), TinyModel(), CONFIG)


@few_suffice()
def train(root: Path) -> None:
    # Another structure than the one that the build trained, else there is nothing to do.
    Index.open(root / "x.index").train({"kind": "hnsw", "M": 8})


@few_suffice()
def add(root: Path) -> None:
    photos = listed(root / "first", root / "second")
    add_photos(root / "x.index", photos, COMPUTE, TinyModel())


def remove(root: Path) -> None:
    remove_photos(root / "x.index", [root / "first" / tile(0), root / "second" / tile(11)])


@few_suffice()
def compact(root: Path) -> None:
    Index.open(root / "x.index").compact()


def hold(root: Path) -> None:
    """Be the writer until there is a file ``end``; ``holds`` says that it is."""
    with changing(root / "x.index", 0):
        (root / "holds").touch()
        while not (root / "end").exists():
            time.sleep(0.01)


@few_suffice()
def churn(root: Path) -> None:
    """Add, remove and compact, again and again; each add describes a photo."""
    for number in range(8):
        write_photo(root / "churned" / tile(100), 100 + number)
        photos = listed(root / "churned")
        add_photos(root / "x.index", photos, COMPUTE, TinyModel())
        remove_photos(root / "x.index", [root / "churned"])
        Index.open(root / "x.index").compact()


@few_suffice()
def take_turns(root: Path) -> None:
    """Add photos of one's own, one after the other, whenever nobody else writes."""
    own = root / f"of-{os.getpid()}"
    for number in range(4):
        write_photo(own / tile(100 + number), os.getpid() + number)
        add_photos(root / "x.index", listed(own), COMPUTE, TinyModel(), wait=60)


@dataclass(frozen=True, eq=False)
class State:
    """All that an index says of photos: rows that count, what is unreadable, descriptors.

    Whatever state the index is in, searching it finds what exact search does.
    """

    rows: list[tuple[Any, ...]]
    unreadable: dict[str, str]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, folder: Path) -> "State":
        index = Snapshot.open(folder)
        vectors = [segment.floats(0, len(segment)) for segment in index.segments]
        stacked = np.concatenate([np.empty((0, index.manifest.dim), np.float32), *vectors])
        if index.structure is not None:
            _, rows = index.structure.search(stacked, 3, index.allowed)
            assert np.array_equal(rows, search_exact(index.segments, stacked, 3, index.allowed)[1])
        kept = index.frame.filter(index.allowed)
        return cls(kept.rows(), index.unreadable, stacked[index.allowed])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, State)
            and (self.rows, self.unreadable) == (other.rows, other.unreadable)
            and np.array_equal(self.vectors, other.vectors)
        )


def start(action: Callable[[Path], None], root: Path) -> BaseProcess:
    """Run an action in a process; returns when it begins."""
    here, there = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_begin, args=(action, root, there))
    process.start()
    there.close()
    here.recv()
    here.close()
    return process


def kill(process: BaseProcess) -> bool:
    """SIGKILL a process; whether it still ran."""
    process.kill()
    process.join()
    code = process.exitcode
    process.close()
    assert code in (0, -signal.SIGKILL), code
    return code == -signal.SIGKILL


def left_at_each_change(action: Callable[[Path], None], root: Path, after: bool) -> list[Path]:
    """Run an action, and keep what it would leave if it were killed at a change of the disk.

    All that a killed process leaves is its files, so they are copied: before each change, or after
    each renaming.

    Returns:
        The index at each moment, in a folder that may not be there yet.
    """
    moments: list[Path] = []

    def keep() -> None:
        moments.append(root / "killed" / str(len(moments)))
        if (root / "x.index").exists():
            shutil.copytree(root / "x.index", moments[-1])

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def changes(*args: Any, **kwargs: Any) -> Any:
            if not after:
                keep()
            try:
                return function(*args, **kwargs)
            finally:
                if after:
                    keep()

        return changes

    with pytest.MonkeyPatch.context() as patched:
        for name in RENAMING if after else CHANGES_OF_THE_DISK:
            patched.setattr(os, name, watched(getattr(os, name)))
        action(root)
    return moments


def _begin(action: Callable[[Path], None], root: Path, begun: Connection) -> None:
    descriptor_store.COMMIT_SECONDS = -1.0
    begun.send(None)
    action(root)
