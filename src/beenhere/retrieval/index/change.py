"""A change of an index: new parts are written beside the old, then one manifest replaces the other.

Killed at any moment, the index is as before or as after; what is left over of a change that was
not finished counts for nothing, and the next writer removes it.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import __version__
from beenhere.config.retrieval import SearchConfig
from beenhere.errors import DataError
from beenhere.files import npy
from beenhere.retrieval.index.locking import LOCK, writing
from beenhere.retrieval.index.manifest import (
    FORMAT_VERSION,
    IndexedModel,
    KeptCalibration,
    LearnedWhitening,
    Manifest,
    Part,
    Segment,
    Store,
    TrainedStructure,
)
from beenhere.retrieval.index.manifest_file import (
    MANIFEST,
    read_manifest,
    sync_folder,
    write_manifest,
)
from beenhere.retrieval.index.photos import LEFT_OUT, write_parquet
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.vectors import Dtype

PARTS, MODEL, STAGING = "parts", "model", "staging"
"""Folders of an index; ``staging`` holds what an interrupted build or add has computed."""

_PART_NAME = re.compile(r"\d{6,}\.\w+\.(npy|parquet|faiss|safetensors|yaml)")
_BESIDE_MODEL = {".model.partial", ".model.previous"}
_OURS = {MANIFEST, f"{MANIFEST}.new", LOCK, PARTS, MODEL, STAGING} | _BESIDE_MODEL


class Change:
    """The next states of an index, in the making; see :func:`changing`.

    Attributes:
        folder: of the index.
        before: the state that is in force; None for a new index.
    """

    def __init__(self, folder: Path, before: Snapshot | None) -> None:
        self.folder = folder
        self.before = before
        self._manifest = before.manifest if before is not None else None
        self._last_part = before.manifest.last_part if before is not None else 0

    @property
    def manifest(self) -> Manifest:
        """Of the state in force; of a new index, what :meth:`begin` has settled."""
        assert self._manifest is not None
        return self._manifest

    def begin(
        self, model: IndexedModel, dtype: Dtype, search: SearchConfig, store: Store | None = None
    ) -> None:
        """Settle what a new index shall be; nothing is written."""
        self._manifest = Manifest(
            beenhere=__version__,
            written="",
            generation=0,
            last_part=0,
            model=model,
            dtype=dtype,
            photos=0,
            removed=0,
            unreadable=0,
            segments=(),
            marks=None,
            left_out=None,
            search=search,
            store=store,
        )

    def new_part(self, kind: str) -> Path:
        """Where to write a part, such as ``parts/000003.photos.parquet`` for photos.parquet."""
        self._last_part += 1
        return self.folder / PARTS / f"{self._last_part:06d}.{kind}"

    def sealed(self, path: Path) -> Part:
        """Bring a part that is written to the disk, and note what it is."""
        with path.open("rb+") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(self.folder).as_posix()
        return Part(file=name, bytes=path.stat().st_size, sha256=digest)

    def commit_photos(
        self,
        segments: Sequence[Segment],
        removed: NDArray[np.int64],
        left_out: dict[str, str],
        *,
        renumbered: bool = False,
        whitening: LearnedWhitening | None = None,
    ) -> None:
        """Bring the index to other photos; the parts that it no longer has go at the end.

        Args:
            segments: whose parts are written.
            removed: rows that do not count any more, ascending.
            left_out: path and reason of what could not be read.
            renumbered: whether rows have other numbers than before: then the search structure
                goes, and search is exact until another is trained.
            whitening: of the descriptors of a new index; None: as it was.

        Raises:
            OSError: the disk is full, say; the index is as it was.
        """
        before = self.before
        if before is not None and np.array_equal(before.removed, removed):
            marks = before.manifest.marks
        else:
            marks = self._write_marks(removed)
        reasons = self._reasons(left_out)
        self._commit(
            photos=sum(segment.rows for segment in segments) - len(removed),
            removed=len(removed),
            unreadable=len(left_out),
            segments=tuple(segments),
            marks=marks,
            left_out=reasons,
            structure=None if renumbered else self.manifest.structure,
            whitening=whitening or self.manifest.whitening,
        )

    def commit_store(self, photos: int, left_out: dict[str, str]) -> None:
        """Note what has come of photos that lie elsewhere.

        Args:
            photos: how many there are now.
            left_out: path and reason of what could not be read.

        Raises:
            OSError: as :meth:`commit_photos`.
        """
        reasons = self._reasons(left_out)
        self._commit(photos=photos, unreadable=len(left_out), left_out=reasons)

    def commit_search(self, search: SearchConfig, structure: TrainedStructure | None) -> None:
        """Have the same photos searched in another way.

        Raises:
            OSError: as :meth:`commit_photos`.
        """
        self._commit(search=search, structure=structure)

    def commit_calibration(self, calibration: KeptCalibration | None) -> None:
        """Keep another calibration, or none.

        Raises:
            OSError: as :meth:`commit_photos`.
        """
        self._commit(calibration=calibration)

    def _commit(self, **changed: Any) -> None:
        sync_folder(self.folder / PARTS)
        stamp = {
            "format_version": FORMAT_VERSION,
            "beenhere": __version__,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "generation": self.manifest.generation + 1,
            "last_part": self._last_part,
        }
        after = self.manifest.model_copy(update=stamp | changed)
        write_manifest(after, self.folder)
        self._manifest = after
        self.before = Snapshot.open(self.folder)

    def _write_marks(self, rows: NDArray[np.int64]) -> Part | None:
        if len(rows) == 0:
            return None
        path = self.new_part("removed.npy")
        npy.write_array(path, rows)
        return self.sealed(path)

    def _reasons(self, left_out: dict[str, str]) -> Part | None:
        """The part of what could not be read; the one that is there, if it says the same."""
        if self.before is not None and self.before.left_out == left_out:
            return self.before.manifest.left_out
        return self._write_left_out(left_out)

    def _write_left_out(self, reasons: dict[str, str]) -> Part | None:
        if not reasons:
            return None
        path = self.new_part("unreadable.parquet")
        columns = {"path": list(reasons), "reason": list(reasons.values())}
        write_parquet(pl.DataFrame(columns, LEFT_OUT), path)
        return self.sealed(path)


@contextmanager
def changing(folder: Path, wait: float, new: bool = False) -> Iterator[Change]:
    """Be the one who changes an index.

    Args:
        folder: of the index.
        wait: seconds to wait for another writer.
        new: whether there need not be an index yet; the folder is made.

    Raises:
        DataError: no index, another writer, or a disk that is full or cannot be written; the index
            is then as it was.
    """
    if not new:
        read_manifest(folder)
    try:
        if new:
            _make(folder)
        with writing(folder, wait):
            _sweep(folder)
            there = not new or (folder / MANIFEST).exists()
            before = Snapshot.open(folder) if there else None
            (folder / PARTS).mkdir(exist_ok=True)
            try:
                yield Change(folder, before)
            finally:
                _sweep(folder)
    except OSError as error:
        raise DataError(_unwritten(folder, error)) from error


def leftovers(folder: Path, manifest: Manifest | None) -> list[Path]:
    """Files of changes that were not finished, which count for nothing."""
    counted = {part.file for part in manifest.parts()} if manifest is not None else set()
    found = [folder / f"{MANIFEST}.new"] if (folder / f"{MANIFEST}.new").exists() else []
    with suppress(FileNotFoundError):
        found += [
            path
            for path in sorted((folder / PARTS).iterdir())
            if _PART_NAME.fullmatch(path.name) and f"{PARTS}/{path.name}" not in counted
        ]
    return found


def clear_staging(folder: Path) -> None:
    """Forget what was computed for a build or an add, once the index holds it."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what the manifest in force does not name; nothing if it cannot be read."""
    with suppress(DataError):
        manifest = read_manifest(folder) if (folder / MANIFEST).exists() else None
        for path in leftovers(folder, manifest):
            # Windows does not remove what a reader has open: the next writer tries again.
            with suppress(OSError):
                path.unlink()


def _make(folder: Path) -> None:
    if folder.is_file():
        raise DataError(f"{folder} is a file; expected a folder to build an index in")
    if folder.is_dir():
        others = sorted({path.name for path in folder.iterdir()} - _OURS)
        if others and not (folder / MANIFEST).exists():
            raise DataError(
                f"{folder} holds other things ({', '.join(others[:3])}); give a new folder for "
                "the index by -o"
            )
        return
    folder.mkdir(parents=True)
    sync_folder(folder.parent)


def _unwritten(folder: Path, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return (
        f"{folder} cannot be written ({reason}); nothing is lost: mend that, and give the same "
        "command again"
    )
