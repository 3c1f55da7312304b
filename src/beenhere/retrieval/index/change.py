"""A change of an index: new parts are written beside the old, then one manifest replaces the other.

Killed at any moment, the index is as before or as after; what is left over of a change that was
not finished counts for nothing, and the next writer removes it.
"""

import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from beenhere import __version__
from beenhere.config.retrieval import MilvusAddress, SearchConfig
from beenhere.errors import DataError
from beenhere.files import npy
from beenhere.files.atomic import BESIDE, replacing, sync_folder
from beenhere.files.bounded_yaml import load_yaml
from beenhere.files.locks import locked
from beenhere.retrieval.index.manifest import (
    FORMAT_VERSION,
    LOCK,
    MANIFEST,
    MODEL,
    PARTS,
    STAGING,
    UNREADABLE_COLUMNS,
    IndexedModel,
    KeptCalibration,
    LearnedWhitening,
    Manifest,
    Part,
    Segment,
    check_entries,
    read_manifest,
    write_manifest,
)
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.vectors import Dtype

_PART_NAME = re.compile(
    rf"({re.escape(BESIDE)})?\d{{6,}}\.\w+\.(npy|parquet|faiss|safetensors|yaml)"
)
# The second is what version 0.1.0 left behind when it was killed.
_UNFINISHED = (f"{BESIDE}{MANIFEST}", f"{MANIFEST}.new")
_OURS = {MANIFEST, *_UNFINISHED, LOCK, PARTS, MODEL, STAGING}
_BESIDE_MODEL = re.compile(rf"\.[\w-]*{MODEL}(\.\w+)?")
"""A checkpoint in the making; :mod:`beenhere.models.checkpoint` names it."""
_KEPT_IN_CALIBRATION = "expected numbers, texts, lists and mappings, by names"


class Change:
    """The next states of an index; see :func:`changing`. ``before``: the one in force, if any."""

    def __init__(self, folder: Path, before: Snapshot | None) -> None:
        self.folder = folder
        self.before = before
        self._manifest = before.manifest if before is not None else None
        self._last_part = before.manifest.last_part if before is not None else 0

    @property
    def manifest(self) -> Manifest:
        """Of the state in force; of a new index, the one that :meth:`begin` made."""
        assert self._manifest is not None
        return self._manifest

    @property
    def unreadable(self) -> dict[str, str]:
        """Path and reason of photos that could not be read before."""
        return self.before.unreadable if self.before is not None else {}

    def begin(
        self,
        model: IndexedModel,
        dtype: Dtype,
        search: SearchConfig,
        store: MilvusAddress | None = None,
    ) -> None:
        """Say what a new index shall be; nothing is written."""
        self._manifest = Manifest(
            beenhere=__version__, model=model, dtype=dtype, search=search, store=store
        )

    def write_part(self, kind: str, write: Callable[[Path], object]) -> Part:
        """Have ``write`` write a part, and bring it to the disk.

        A ``kind`` photos.parquet makes ``parts/000003.photos.parquet``.

        Raises:
            OSError: the disk is full, say.
        """
        self._last_part += 1
        path = self.folder / PARTS / f"{self._last_part:06d}.{kind}"
        with replacing(path) as new:
            write(new)
        return part_of(self.folder, path)

    def write_frame(self, kind: str, frame: pl.DataFrame) -> Part:
        """Write a table as Parquet; see :meth:`write_part`."""
        # In memory first: polars reports a full disk as an error of its own, without a number.
        data = io.BytesIO()
        frame.write_parquet(data)
        return self.write_part(kind, lambda path: path.write_bytes(data.getbuffer()))

    def commit_photos(
        self,
        segments: Sequence[Segment],
        removed: NDArray[np.int64],
        unreadable: dict[str, str],
        *,
        renumbered: bool = False,
        whitening: LearnedWhitening | None = None,
    ) -> None:
        """Bring an index in a folder to other photos; see :meth:`commit`.

        Args:
            segments: whose parts are written.
            removed: rows that do not count any more, ascending.
            unreadable: path and reason of what could not be read.
            renumbered: whether rows have other numbers than before: then the search structure
                goes, and search is exact until another is trained.
            whitening: of the descriptors of a new index; None: as it was.

        Raises:
            OSError: as :meth:`commit`.
        """
        before = self.before
        part = None
        if before is not None and np.array_equal(before.removed, removed):
            part = before.manifest.removed_rows
        elif len(removed):
            part = self.write_part("removed.npy", lambda path: npy.write_array(path, removed))
        self.commit(
            unreadable,
            photos=sum(segment.rows for segment in segments) - len(removed),
            removed=len(removed),
            segments=tuple(segments),
            removed_rows=part,
            structure=None if renumbered else self.manifest.structure,
            whitening=whitening or self.manifest.whitening,
        )

    def commit(self, unreadable: dict[str, str] | None = None, **changed: Any) -> None:
        """Bring the index to its next state; the parts that it no longer has go at the end.

        Args:
            unreadable: path and reason of what could not be read; None: as before.
            **changed: other values of the :class:`Manifest`, whose parts are written.

        Raises:
            OSError: the disk is full, say; the index is as it was.
        """
        if unreadable is not None and unreadable != self.unreadable:
            part = self._write_unreadable(unreadable) if unreadable else None
            changed |= {"unreadable": len(unreadable), "unreadable_photos": part}
        sync_folder(self.folder / PARTS)
        stamp = {
            "format_version": FORMAT_VERSION,
            "beenhere": __version__,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "generation": self.manifest.generation + 1,
            "last_part": self._last_part,
        }
        self._manifest = self.manifest.model_copy(update=changed | stamp)
        write_manifest(self._manifest, self.folder)
        self.before = Snapshot.open(self.folder)

    def _write_unreadable(self, reasons: dict[str, str]) -> Part:
        columns = {"path": list(reasons), "reason": list(reasons.values())}
        return self.write_frame("unreadable.parquet", pl.DataFrame(columns, UNREADABLE_COLUMNS))


def part_of(folder: Path, path: Path) -> Part:
    """The entry of a file that is written."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = path.relative_to(folder).as_posix()
    return Part(file=name, bytes=path.stat().st_size, sha256=digest)


@contextmanager
def changing(folder: Path, wait: float, new: bool = False) -> Iterator[Change]:
    """Be the one who changes an index; readers go on.

    Args:
        folder: of the index.
        wait: seconds to wait for another writer; what is waited for is said on standard error.
        new: whether there need not be an index yet; the folder is made.

    Raises:
        DataError: no index, another writer, who is named, or a disk that is full or cannot be
            written; the index is then as it was. An index that is not made of its own files alone.
    """
    if not new:
        read_manifest(folder)
    check_entries(folder)
    busy = (
        f"{folder} is being written by {{holder}}; try again when it has ended, or wait for it by "
        "--wait SECONDS"
    )
    try:
        if new:
            _make(folder)
        with locked(folder / LOCK, busy, wait):
            _sweep(folder)
            there = not new or (folder / MANIFEST).exists()
            before = Snapshot.open(folder) if there else None
            (folder / PARTS).mkdir(exist_ok=True)
            try:
                yield Change(folder, before)
            finally:
                _sweep(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{folder} cannot be written ({reason}); nothing is lost: mend that, and give the same "
            "command again"
        ) from error


def keep_calibration(folder: Path, values: dict[str, Any] | None, wait: float = 0) -> None:
    """Replace the calibration of an index; None forgets the one that is there.

    Raises:
        DataError: values that YAML cannot hold; no index, a damaged one, another process writes
            it, or it cannot be written.
    """
    try:
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        kept_as, given = repr(load_yaml(text.encode())), repr(values)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        refused = isinstance(error, yaml.representer.RepresenterError)
        got = repr(error.args[-1]) if refused else str(error)
        raise DataError(f"a calibration holds {got[:100]}; {_KEPT_IN_CALIBRATION}") from error
    if values is not None and (not isinstance(values, dict) or kept_as != given):
        raise DataError(
            f"a calibration is {given[:100]}, and would come back as another; "
            f"{_KEPT_IN_CALIBRATION}"
        )
    with changing(folder, wait) as change:
        kept = None
        if values is not None:
            part = change.write_part(
                "calibration.yaml", lambda path: path.write_text(text, encoding="utf-8")
            )
            kept = KeptCalibration(photos=change.manifest.photos, part=part)
        change.commit(calibration=kept)


def leftovers(folder: Path, manifest: Manifest | None) -> list[Path]:
    """Files of changes that were not finished, which count for nothing."""
    counted = {part.file for part in manifest.parts()} if manifest is not None else set()
    found = [folder / name for name in _UNFINISHED if (folder / name).exists()]
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
        names = {path.name for path in folder.iterdir()} - _OURS
        others = sorted(name for name in names if not _BESIDE_MODEL.fullmatch(name))
        if others and not (folder / MANIFEST).exists():
            raise DataError(
                f"{folder} holds other things ({', '.join(others[:3])}); give a new folder for "
                "the index by -o"
            )
        return
    folder.mkdir(parents=True)
    sync_folder(folder.parent)
