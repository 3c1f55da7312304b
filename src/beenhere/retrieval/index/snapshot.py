"""One state of an index in a folder, opened: nothing that a writer does after changes it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from beenhere.devices import use_threads
from beenhere.errors import DataError
from beenhere.files.bounded_yaml import load_yaml
from beenhere.files.npy import map_array
from beenhere.files.regular import open_regular, regular
from beenhere.photos.reference import Points, Reference, any_within, points_of, reference_of
from beenhere.photos.summary import Summary, summarise
from beenhere.photos.table import PhotoTable, with_later_columns
from beenhere.retrieval.index.manifest import (
    COLUMNS,
    UNREADABLE_COLUMNS,
    Manifest,
    Part,
    VectorFiles,
    photo_table,
    read_manifest,
)
from beenhere.retrieval.search.choice import choose
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.retrieval.search.whitening import Whitening
from beenhere.wording import count, file_size, one_line

if TYPE_CHECKING:
    from beenhere.retrieval.search.approximate import Structure

Bytes = NDArray[np.uint8]

CHANGED = "its SHA-256 is not the one in the manifest"
MEND = "bring back a copy of the folder, or build the index again"


NORM_TOLERANCE = {"float32": 1e-3, "float16": 2e-3, "int8": 2e-2}
"""How far the length of a kept descriptor may be from 1.

Descriptors may be computed in bfloat16 and normalised in float32. float16 rounds each number by
2^-11 of it at most. int8 rounds by half a step, max|v| / 254, so the length of D numbers is off by
max|v| * sqrt(D) / 254 at the very worst, and far less as rounding errors cancel.
"""


def wrong_lengths(vectors: NDArray[np.float32], dtype: str) -> Iterator[tuple[int, str]]:
    """Row and fault of each descriptor that is not of length 1, but for the dtype's rounding."""
    lengths = np.linalg.norm(vectors, axis=1)
    for row in np.flatnonzero(~(np.abs(lengths - 1) <= NORM_TOLERANCE[dtype])).tolist():
        yield row, f"has length {lengths[row]:g}; expected 1"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One state of an index. All files are open, so that it stays readable when they are removed.

    They are read when they are first asked for; a damaged one raises DataError then.

    Where the photos lie in the folder, it is their
    :class:`~beenhere.retrieval.index.photo_store.PhotoStore`.

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
    _files: dict[str, Bytes]

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
        dim, dtype = manifest.dim, manifest.dtype
        segments = [map_vectors(folder, segment.files, dim, dtype) for segment in manifest.segments]
        kept = manifest.structure, manifest.whitening, manifest.calibration
        later = [segment.photos for segment in manifest.segments]
        later += [each.part for each in kept if each is not None]
        if manifest.unreadable_photos is not None:
            later.append(manifest.unreadable_photos)
        # Open now, so that they can be read even after a writer has removed them.
        files = {part.file: _map(folder, part) for part in later}
        return cls(folder, manifest, tuple(segments), _removed_rows(folder, manifest), files)

    def __len__(self) -> int:
        return self.manifest.photos

    def __str__(self) -> str:
        return self.manifest.dtype

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Every row, with the columns of :data:`~beenhere.retrieval.index.manifest.COLUMNS`."""
        use_threads()
        frames = [pl.DataFrame(schema=COLUMNS)]
        schema = {name: kind() for name, kind in COLUMNS.items()}
        for segment in self.manifest.segments:
            frame = pl.read_parquet(self._read(segment.photos).tobytes())
            frame = with_later_columns(frame, before="sha256")
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
    def unreadable(self) -> dict[str, str]:
        """Path and reason of each photo that was given and could not be read."""
        part = self.manifest.unreadable_photos
        if part is None:
            return {}
        frame = pl.read_parquet(self._read(part).tobytes())
        if list(frame.columns) != list(UNREADABLE_COLUMNS):
            raise damaged(self.folder, part, "holds other columns")
        return dict(frame.iter_rows())

    @cached_property
    def structure(self) -> "Structure | None":
        """The search structure; None where searches are exact."""
        kept = self.manifest.structure
        if kept is None:
            return None
        from beenhere.retrieval.search.approximate import Structure  # imports torch

        source = str(self.folder / kept.part.file)
        if not self.whole(kept.part):
            raise DataError(
                f"{source} is damaged: {CHANGED}; train another: "
                f"beenhere index train {self.folder} --search {kept.kind}"
            )
        data = self._files[kept.part.file]
        return Structure.read(data, self.segments, self.manifest.search, source)

    @cached_property
    def whitening(self) -> Whitening | None:
        """The projection of its descriptors, and of queries; None: there is none."""
        kept = self.manifest.whitening
        if kept is None:
            return None
        return Whitening.read(self._read(kept.part).tobytes(), str(self.folder / kept.part.file))

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        """The values of the calibration; None before one was fitted."""
        kept = self.manifest.calibration
        if kept is None:
            return None
        try:
            values = load_yaml(self._read(kept.part).tobytes())
        except yaml.YAMLError as error:
            raise damaged(self.folder, kept.part, one_line(error)) from error
        if not isinstance(values, dict):
            raise damaged(self.folder, kept.part, "holds no values by name")
        return values

    def reference(self) -> Reference:
        """By the columns of all photos."""
        return reference_of([self.photos])

    def positions(self, reference: Reference) -> Points:
        """Of photos that can be found."""
        return points_of(self.photos, reference)[self.allowed.nonzero()[0]]

    def search(
        self, queries: NDArray[np.float32], k: int, where: Filter | None, exact: bool
    ) -> "tuple[NDArray[np.float32], NDArray[np.int64], Snapshot]":
        """Through the structure, or photo by photo; queries are whitened where the index is."""
        k = max(1, min(k, self.manifest.rows))  # what nobody fills takes memory all the same
        if self.whitening is not None:
            queries = self.whitening.apply(queries)
        allowed = self.allowed if len(self.removed) else None
        if where is not None:
            chosen = where.rows(self.photos)
            allowed = chosen if allowed is None else allowed & chosen
        if not exact and self.structure is not None:
            return *self.structure.search(queries, k, allowed), self
        if self.segments:
            from beenhere.retrieval.search.exact import search_exact  # imports torch

            return *search_exact(self.segments, queries, k, allowed), self
        shape = len(queries), k
        return np.full(shape, np.nan, np.float32), np.full(shape, -1, np.int64), self

    def covers(self, positions: Points, radius: float, reference: Reference) -> NDArray[np.bool_]:
        """By a tree of the positions of all photos."""
        return any_within(self.positions(reference), positions, radius)

    def summary(self) -> Summary | None:
        """Counts of photos that can be found."""
        return summarise(self.photos.rows(self.allowed.nonzero()[0]))

    def search_line(self) -> str:
        """The structure, or why there is none."""
        manifest, structure = self.manifest, self.manifest.structure
        if structure is None:
            kind, reason = choose(manifest.rows, manifest.dim, manifest.search)
            if kind != "exact":
                return f"exact: {reason}; {kind} is due: see train"
            if manifest.photos == 0:
                return "exact: there is no photo to search"
            _, reason = choose(manifest.photos, manifest.dim, manifest.search)  # no removed ones
            return f"exact: {reason}"
        later = manifest.rows - structure.rows
        came = f"{count(later, 'photo')} came later, and {'is' if later == 1 else 'are'}"
        rest = f"; {came} searched exactly" if later else ""
        return f"{structure.kind}: {structure.reason}{rest}"

    def size_line(self) -> str:
        """Bytes of all parts, and for each photo."""
        size, photos = self.manifest.bytes, self.manifest.photos
        return file_size(size) + (f", {size / photos:,.0f} bytes a photo" if photos else "")

    def damages(self) -> Iterator[str]:
        """Photos that the manifest does not count."""
        found = int(self.allowed.sum())
        if found != self.manifest.photos:
            says = self.manifest.photos
            yield f"{self.folder}: holds {found} photos, and its manifest says {says}"

    def whole(self, part: Part) -> bool:
        """Whether a file other than vectors and model is as it was written."""
        return _whole(part, self._files[part.file])

    def _read(self, part: Part) -> Bytes:
        """A file, only if it is as it was written: a flipped bit may be a street away."""
        if not self.whole(part):
            raise damaged(self.folder, part, CHANGED)
        return self._files[part.file]


def map_vectors(folder: Path, files: VectorFiles, dim: int, dtype: str) -> StoredVectors:
    """The vectors of a segment, ``(rows, dim)``, which are not read yet.

    Raises:
        DataError: a part is missing or damaged.
    """
    rows, scales, sums = files.rows, files.scales, files.sums
    return StoredVectors(
        _map(folder, files.vectors, (rows, dim), dtype),
        None if scales is None else _map(folder, scales, (rows,), "float32"),
        None if sums is None else _map(folder, sums, (rows,), "uint64"),
        source=str(folder / files.vectors.file),
    )


def check_size(folder: Path, part: Part) -> None:
    """See that a part is there, with as many bytes as it should have.

    Raises:
        DataError: it is not.
    """
    try:
        size = regular(folder / part.file, follow=False).stat().st_size
    except OSError as error:
        raise damaged(folder, part, (error.strerror or str(error)).lower()) from error
    if size != part.bytes:
        raise damaged(folder, part, f"has {size} bytes, not {part.bytes}")


def damaged(folder: Path, part: Part, what: str) -> DataError:
    """The error for a part that is not as it was written."""
    return DataError(f"{folder / part.file} is damaged: {what}; {MEND}")


def damage_of(folder: Path, part: Part) -> str | None:
    """How a file differs from the one that was written, all of it being read; None: it is whole."""
    try:
        check_size(folder, part)
        with open_regular(folder / part.file, follow=False) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except DataError as error:
        return str(error).partition(";")[0]
    except OSError as error:
        return f"{folder / part.file} is damaged: {error.strerror}"
    if digest != part.sha256:
        return (
            f"{folder / part.file} is damaged: its SHA-256 is {digest[:16]}, not {part.sha256[:16]}"
        )
    return None


def _removed_rows(folder: Path, manifest: Manifest) -> NDArray[np.int64]:
    part = manifest.removed_rows
    if part is None:
        return np.empty(0, np.int64)
    rows = np.array(_map(folder, part, (manifest.removed,), "int64"))
    # Read whole at once: a flipped bit would hide another photo than the one that was removed.
    if not _whole(part, _map(folder, part)):
        raise damaged(folder, part, CHANGED)
    if (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= manifest.rows:
        raise damaged(folder, part, "the rows that it names are not those of the index")
    return rows


def _map(folder: Path, part: Part, shape: tuple[int, ...] = (), dtype: str = "") -> NDArray[Any]:
    """An array of a shape and dtype; without one the bytes of any file."""
    path = folder / part.file
    try:
        if dtype:
            return map_array(path, shape, dtype)
        with open_regular(path, follow=False) as file:
            return np.memmap(file, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise damaged(folder, part, one_line(error)) from error


def _whole(part: Part, file: Bytes) -> bool:
    return hashlib.sha256(file.data).hexdigest() == part.sha256
