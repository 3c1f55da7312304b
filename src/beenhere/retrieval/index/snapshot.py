"""One state of an index, opened: nothing that a writer does after changes it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError
from beenhere.retrieval.index.manifest import Manifest, Part, read_manifest
from beenhere.retrieval.index.npy import map_array
from beenhere.retrieval.index.photos import COLUMNS, LEFT_OUT, photo_table
from beenhere.retrieval.search.vectors import StoredVectors

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One state of an index. All files are open, so that it stays readable when they are removed.

    Attributes:
        folder: of the index.
        manifest: of this state.
        segments: vectors, memory-mapped; their rows, one segment after the other, are the rows of
            the index.
        removed: rows that do not count, ascending, int64.
    """

    folder: Path
    manifest: Manifest
    segments: tuple[StoredVectors, ...]
    removed: NDArray[np.int64]
    _photo_files: tuple[Bytes, ...]
    _left_out_file: Bytes | None

    @classmethod
    def open(cls, folder: Path) -> "Snapshot":
        """The state that is in force. Reads the manifest and headers, whatever the size.

        Raises:
            DataError: no index, one of a newer format, or a part that is missing or damaged.
        """
        manifest = read_manifest(folder)
        while True:
            try:
                return cls._open(folder, manifest)
            except DataError:
                # A writer may have removed parts between our reading the manifest and them.
                newer = read_manifest(folder)
                if newer.generation == manifest.generation:
                    raise
                manifest = newer

    @classmethod
    def _open(cls, folder: Path, manifest: Manifest) -> "Snapshot":
        for part in manifest.parts():
            check_size(folder, part)
        dim, dtype = manifest.model.dim, manifest.dtype
        segments = [
            map_vectors(folder, segment.vectors, segment.scales, (segment.rows, dim), dtype)
            for segment in manifest.segments
        ]
        photo_files = [_map(folder, segment.photos) for segment in manifest.segments]
        left_out = _map(folder, manifest.left_out) if manifest.left_out is not None else None
        removed = _marks(folder, manifest)
        return cls(folder, manifest, tuple(segments), removed, tuple(photo_files), left_out)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Every row, with the columns of :data:`~beenhere.retrieval.index.photos.COLUMNS`.

        Raises:
            DataError: a part is damaged.
        """
        frames = [pl.DataFrame(schema=COLUMNS)]
        for segment, file in zip(self.manifest.segments, self._photo_files, strict=True):
            frame = _read_parquet(self.folder, segment.photos, file)
            schema = {name: kind() for name, kind in COLUMNS.items()}
            if dict(frame.schema) != schema or frame.height != segment.rows:
                raise damaged(self.folder, segment.photos, "holds other rows or columns")
            frames.append(frame)
        return pl.concat(frames)

    @cached_property
    def photos(self) -> PhotoTable:
        """Every row of the index, removed ones too."""
        return photo_table(self.frame)

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """``(rows,)``: whether a row counts; removed ones do not."""
        allowed = np.ones(self.manifest.rows, np.bool_)
        allowed[self.removed] = False
        return allowed

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Path and reason of each photo that was given and could not be read."""
        part, file = self.manifest.left_out, self._left_out_file
        if part is None or file is None:
            return {}
        frame = _read_parquet(self.folder, part, file)
        if list(frame.columns) != list(LEFT_OUT):
            raise damaged(self.folder, part, "holds other columns")
        return dict(frame.iter_rows())


def map_vectors(
    folder: Path, vectors: Part, scales: Part | None, shape: tuple[int, int], dtype: str
) -> StoredVectors:
    """The vectors of a segment, which are not read yet.

    Args:
        folder: of the index.
        vectors, scales: where they are written.
        shape: rows and D.
        dtype: float32, float16 or int8.

    Raises:
        DataError: a part is missing or damaged.
    """
    values = _map_array(folder, vectors, shape, dtype)
    if scales is None:
        return StoredVectors(values)
    return StoredVectors(values, _map_array(folder, scales, shape[:1], "float32"))


def check_size(folder: Path, part: Part) -> None:
    """See that a part is there, with as many bytes as it should have.

    Raises:
        DataError: it is not.
    """
    try:
        size = (folder / part.file).stat().st_size
    except OSError as error:
        raise damaged(folder, part, (error.strerror or str(error)).lower()) from error
    if size != part.bytes:
        raise damaged(folder, part, f"has {size} bytes, not {part.bytes}")


def damaged(folder: Path, part: Part, what: str) -> DataError:
    """The error for a part that is not as it was written."""
    return DataError(
        f"{folder / part.file} is damaged: {what}; bring back a copy of the folder, or build the "
        "index again"
    )


def _marks(folder: Path, manifest: Manifest) -> NDArray[np.int64]:
    if manifest.marks is None:
        return np.empty(0, np.int64)
    rows = np.array(_map_array(folder, manifest.marks, (manifest.removed,), "int64"))
    _check_digest(folder, manifest.marks, _map(folder, manifest.marks))
    if (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= manifest.rows:
        raise damaged(folder, manifest.marks, "the rows that it names are not those of the index")
    return rows


def _map_array(folder: Path, part: Part, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    try:
        return map_array(folder / part.file, shape, dtype)
    except (OSError, ValueError) as error:
        raise damaged(folder, part, _one_line(error)) from error


def _map(folder: Path, part: Part) -> Bytes:
    try:
        return np.memmap(folder / part.file, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise damaged(folder, part, _one_line(error)) from error


def _read_parquet(folder: Path, part: Part, file: Bytes) -> pl.DataFrame:
    """Read it only if it is as it was written: a flipped bit may be a street away."""
    _check_digest(folder, part, file)
    return pl.read_parquet(file.tobytes())


def _check_digest(folder: Path, part: Part, file: Bytes) -> None:
    if hashlib.sha256(file.data).hexdigest() != part.sha256:
        raise damaged(folder, part, "its SHA-256 is not the one in the manifest")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
