"""Segments in the making: their vectors and photos are written, and small ones joined."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.files import npy
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.manifest import Part, Segment
from beenhere.retrieval.index.photos import write_parquet
from beenhere.retrieval.index.snapshot import Snapshot, map_vectors
from beenhere.retrieval.search.vectors import StoredVectors

BLOCK_BYTES = 64 * 2**20
"""Of vectors in float32 that are in memory at once."""


@dataclass(frozen=True)
class Draft:
    """A segment whose photos may still have to be written.

    Attributes:
        vectors, scales: as in :class:`Segment`.
        frame: its photos. photos: where these are written; None: not yet.
    """

    vectors: Part
    scales: Part | None
    frame: pl.DataFrame
    photos: Part | None = None

    @property
    def rows(self) -> int:
        """How many photos."""
        return self.frame.height

    def written(self, change: Change) -> Segment:
        """The segment, with its photos on the disk."""
        photos = self.photos
        if photos is None:
            path = change.new_part("photos.parquet")
            write_parquet(self.frame, path)
            photos = change.sealed(path)
        return Segment(rows=self.rows, vectors=self.vectors, scales=self.scales, photos=photos)


def drafts(snapshot: Snapshot, frame: pl.DataFrame, touched: NDArray[np.bool_]) -> list[Draft]:
    """The segments of an index, with other photos.

    Args:
        snapshot: of the index.
        frame: every row of the index, as it shall be.
        touched: ``(rows,)``: whether a row is other than before.
    """
    found = []
    first = 0
    for segment in snapshot.manifest.segments:
        rows = slice(first, first + segment.rows)
        photos = None if touched[rows].any() else segment.photos
        found.append(Draft(segment.vectors, segment.scales, frame[rows], photos))
        first += segment.rows
    return found


def join_small(change: Change, segments: Sequence[Draft], dim: int, dtype: str) -> list[Draft]:
    """Join the last segments until each is larger than the next: n photos make log2(n) at most.

    Each photo is copied log2(n) times at most, however many adds there are. Rows keep their
    numbers.

    Args:
        change: that makes them.
        segments: of the index, with those that are new.
        dim: D.
        dtype: of the vectors.
    """
    first = len(segments) - 1
    size = segments[first].rows if segments else 0
    while first > 0 and segments[first - 1].rows <= size:
        first -= 1
        size += segments[first].rows
    if first >= len(segments) - 1:
        return list(segments)
    mapped = [
        map_vectors(change.folder, segment.vectors, segment.scales, (segment.rows, dim), dtype)
        for segment in segments[first:]
    ]
    blocks = (block for vectors in mapped for block in vector_blocks(vectors))
    vectors, scales, _ = write_vectors(change, blocks, dim, dtype)
    frame = pl.concat([segment.frame for segment in segments[first:]])
    return [*segments[:first], Draft(vectors, scales, frame)]


def keep_rows(change: Change, snapshot: Snapshot) -> list[Draft]:
    """One segment of the rows that are not removed; none where all are."""
    frame = snapshot.frame.filter(pl.Series(snapshot.allowed))
    if frame.height == 0:
        return []
    dim, dtype = snapshot.manifest.dim, snapshot.manifest.dtype
    vectors, scales, _ = write_vectors(change, _allowed_blocks(snapshot), dim, dtype)
    return [Draft(vectors, scales, frame)]


def write_vectors(
    change: Change, blocks: Iterable[StoredVectors], dim: int, dtype: str
) -> tuple[Part, Part | None, int]:
    """Write the vectors of a segment, and the scales of int8 ones, as ``.npy``.

    Args:
        change: that makes the segment.
        blocks: ``(n, dim)`` each, of the dtype; asked for one after the other.
        dim: D.
        dtype: float32, float16 or int8.

    Returns:
        The vectors' part, the scales' part (None where there are none), and how many there are.

    Raises:
        OSError: the disk is full, say.
    """
    path = change.new_part("vectors.npy")
    scales: list[NDArray[np.float32]] = []
    rows = 0
    # By writing, not into a memory map: a full disk would then kill the process.
    with path.open("wb") as file:
        file.write(bytes(npy.HEADER_BYTES))
        for block in blocks:
            file.write(npy.little_endian(block.values, dtype))
            if block.scales is not None:
                scales.append(np.asarray(block.scales))
            rows += len(block)
        file.seek(0)
        file.write(npy.header((rows, dim), dtype))
    vectors = change.sealed(path)
    if not scales:
        return vectors, None, rows
    path = change.new_part("scales.npy")
    npy.write_array(path, np.concatenate(scales))
    return vectors, change.sealed(path), rows


def block_rows(dim: int) -> int:
    """Vectors of ``dim`` numbers that make up a block."""
    return max(1, BLOCK_BYTES // (4 * dim))


def vector_blocks(vectors: StoredVectors) -> Iterator[StoredVectors]:
    """Vectors in blocks, not read yet."""
    step = block_rows(vectors.dim)
    for start in range(0, len(vectors), step):
        yield vectors.part(start, min(start + step, len(vectors)))


def _allowed_blocks(snapshot: Snapshot) -> Iterator[StoredVectors]:
    first = 0
    for segment in snapshot.segments:
        for block in vector_blocks(segment):
            kept = snapshot.allowed[first : first + len(block)]
            first += len(block)
            scales = None if block.scales is None else block.scales[kept]
            yield StoredVectors(block.values[kept], scales)
