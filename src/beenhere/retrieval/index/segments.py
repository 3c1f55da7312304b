"""Segments of an index: their vectors and photos are written, small ones joined; its structure."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import SearchConfig, WhiteningConfig
from beenhere.errors import DataError
from beenhere.files import npy
from beenhere.progress import progress
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.manifest import (
    LearnedWhitening,
    Part,
    Segment,
    TrainedStructure,
    VectorFiles,
)
from beenhere.retrieval.index.snapshot import Snapshot, map_vectors
from beenhere.retrieval.search.choice import choose
from beenhere.retrieval.search.vectors import StoredVectors, blocks, quantise, sums_of
from beenhere.retrieval.search.whitening import Whitening
from beenhere.wording import count

if TYPE_CHECKING:
    from beenhere.retrieval.index.describing import PhotoDescriptors

BLOCK_BYTES = 64 * 2**20
"""Of vectors in float32 that are in memory at once."""

LAG = 0.1
"""Of the rows that a structure covers; as many may lie behind it. These are searched exactly, which
takes about as long as to look through the structure itself (pq is some 7 times as fast as that)."""

_WHEN_SEARCHING = {"kind", "rescore", "nprobe", "ef_search"}
"""Options that may change without another training."""


@dataclass(frozen=True)
class SegmentDraft:
    """A :class:`Segment` whose photos, in ``frame``, may still have to be written."""

    files: VectorFiles
    frame: pl.DataFrame
    photos: Part | None = None

    @property
    def rows(self) -> int:
        """How many photos."""
        return self.frame.height

    def written(self, change: Change) -> Segment:
        """The segment, with its photos on the disk."""
        photos = self.photos or change.write_frame("photos.parquet", self.frame)
        return Segment(photos=photos, **vars(self.files))


def with_photos(
    snapshot: Snapshot, rows: NDArray[np.int64], frame: pl.DataFrame
) -> list[SegmentDraft]:
    """The segments of an index, with other photos in some rows ``(n,)``, those of ``frame``."""
    source = np.arange(snapshot.manifest.rows)
    source[rows] = len(source) + np.arange(len(rows))
    photos = pl.concat([snapshot.frame, frame])[source]
    found = []
    first = 0
    for segment in snapshot.manifest.segments:
        inside = slice(first, first + segment.rows)
        same = (source[inside] < len(source)).all()
        kept = segment.photos if same else None
        found.append(SegmentDraft(segment.files, photos[inside], kept))
        first += segment.rows
    return found


def new_segment(
    change: Change,
    photos: int,
    batches: "Iterable[PhotoDescriptors]",
    learn: WhiteningConfig | None = None,
) -> tuple[SegmentDraft | None, LearnedWhitening | None]:
    """Write descriptors as a segment, in the index's dtype and whitened where the index is.

    Args:
        change: that makes the segment.
        photos: how many there are, at most.
        batches: of their descriptors, one after the other.
        learn: a whitening to learn on them, for a new index; None: the index's own is applied, if
            it has one.

    Returns:
        The segment, None where no photo could be read; and what was learned.

    Raises:
        DataError: too few photos for such a whitening.
        OSError: the disk is full, say.
    """
    entry, dtype = change.manifest.model, change.manifest.dtype
    if learn is not None and learn.dim is None and photos < 2:
        raise DataError(
            f"whitening is to be learned from {count(photos, 'photo')}; expected 2 or more: give "
            "more photos, or whitening none"
        )
    if learn is not None and learn.dim is not None and learn.dim > min(entry.dim, photos - 1):
        raise DataError(
            f"whitening to {learn.dim} numbers is to be learned from {photos} photos, whose "
            f"descriptors have {entry.dim}; expected more photos than that, of at least as many "
            "numbers: give a smaller whitening.dim, or none"
        )
    if photos == 0:
        return None, None
    frames: list[pl.DataFrame] = []
    described = _described(batches, frames)
    whitening = change.before.whitening if change.before is not None else None
    learned = None
    if learn is not None:
        # Written whole first: what is learned on all of them must be applied to the first, too.
        files = write_vectors(change, map(StoredVectors, described), entry.dim, "float32")
        whole = map_vectors(change.folder, files, entry.dim, "float32")
        whitening = Whitening.fit([whole], learn)
        kept = change.write_part("whitening.safetensors", whitening.save)
        learned = LearnedWhitening(options=learn, photos=files.rows, part=kept)
        again = blocks([whole], block_rows(entry.dim), None)
        described = (block.floats(0, len(block)) for block, _ in again)
    if whitening is not None:
        described = map(whitening.apply, described)
    dim = entry.dim if whitening is None else whitening.dim
    quantised = (quantise(block, dtype) for block in described)
    files = write_vectors(change, quantised, dim, dtype)
    return (SegmentDraft(files, pl.concat(frames)) if files.rows else None), learned


def _described(
    batches: "Iterable[PhotoDescriptors]", frames: list[pl.DataFrame]
) -> Iterator[NDArray[np.float32]]:
    """Descriptors ``(n, D)``; once all have been asked for, the list says of which photos."""
    for batch in batches:
        frames.append(batch.frame)
        step = block_rows(batch.vectors.shape[1])
        for first in range(0, len(batch.vectors), step):
            yield np.asarray(batch.vectors[first : first + step], np.float32)


def join_small(
    change: Change, segments: Sequence[SegmentDraft], dim: int, dtype: str
) -> list[SegmentDraft]:
    """Join the last segments until each is larger than the next: n photos make log2(n) at most.

    Each photo is copied log2(n) times at most, however many adds there are. Rows keep their
    numbers.
    """
    first = len(segments) - 1
    size = segments[first].rows if segments else 0
    while first > 0 and segments[first - 1].rows <= size:
        first -= 1
        size += segments[first].rows
    if first >= len(segments) - 1:
        return list(segments)
    mapped = [map_vectors(change.folder, segment.files, dim, dtype) for segment in segments[first:]]
    joined = (block for block, _ in blocks(mapped, block_rows(dim), None))
    files = write_vectors(change, joined, dim, dtype)
    frame = pl.concat([segment.frame for segment in segments[first:]])
    return [*segments[:first], SegmentDraft(files, frame)]


def keep_rows(change: Change, snapshot: Snapshot) -> list[SegmentDraft]:
    """One segment of the rows that are not removed; none where all are."""
    frame = snapshot.frame.filter(pl.Series(snapshot.allowed))
    if frame.height == 0:
        return []
    dim, dtype = snapshot.manifest.dim, snapshot.manifest.dtype
    kept = (block for block, _ in blocks(snapshot.segments, block_rows(dim), snapshot.allowed))
    return [SegmentDraft(write_vectors(change, kept, dim, dtype), frame)]


def write_vectors(
    change: Change, blocks: Iterable[StoredVectors], dim: int, dtype: str
) -> VectorFiles:
    """Write the vectors of a segment, the scales of int8 ones, and checksums, as ``.npy``.

    Args:
        change: that makes the segment.
        blocks: ``(n, dim)`` each, of the dtype, one after the other.
        dim: D.
        dtype: float32, float16 or int8.

    Raises:
        DataError: what comes from another segment is not as it was written.
        OSError: the disk is full, say.
    """
    scales: list[NDArray[np.float32]] = []
    sums: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    rows = 0

    def write(path: Path) -> None:
        nonlocal rows
        # By writing, not into a memory map: a full disk would then kill the process.
        with path.open("wb") as file:
            file.write(bytes(npy.HEADER_BYTES))
            for block in blocks:
                block.check()  # what is written again gets new checksums
                sums.append(sums_of(block.values, block.scales))
                file.write(npy.little_endian(block.values, dtype))
                if block.scales is not None:
                    scales.append(np.asarray(block.scales))
                rows += len(block)
            file.seek(0)
            file.write(npy.header((rows, dim), dtype))

    vectors = change.write_part("vectors.npy", write)

    def one_each(kind: str, numbers: Sequence[NDArray[Any]]) -> Part | None:
        if not numbers:
            return None
        return change.write_part(kind, lambda path: npy.write_array(path, np.concatenate(numbers)))

    return VectorFiles(rows, vectors, one_each("scales.npy", scales), one_each("sums.npy", sums))


def block_rows(dim: int) -> int:
    """Vectors of ``dim`` numbers that make up a block."""
    return max(1, BLOCK_BYTES // (4 * dim))


def update_structure(
    change: Change, what: str | None, search: SearchConfig | None = None, lag: float | None = None
) -> None:
    """Bring the index to the search structure that its size calls for; a damaged one is replaced.

    Its photos are committed: whoever is interrupted here loses no more than the training.

    Args:
        change: of the index.
        what: what the progress bar says; None: be silent.
        search: how it is to be searched from now on; None: as before.
        lag: rows that may lie behind the structure that is there, as a share of its own; None:
            :data:`LAG`.

    Raises:
        OSError: the disk is full, say.
    """
    manifest, before = change.manifest, change.before
    assert before is not None
    search, lag = search or manifest.search, LAG if lag is None else lag
    structure = manifest.structure
    kind, reason = choose(manifest.rows, manifest.dim, search)
    if kind == "exact":
        structure = None
    elif (
        structure is None
        or structure.kind != kind
        or _learned_with(structure.options) != _learned_with(search)
        or manifest.rows - structure.rows > lag * structure.rows
        or not before.whole(structure.part)
    ):
        structure = _trained(change, before, search, reason, what)
    if (search, structure) != (manifest.search, manifest.structure):
        change.commit(search=search, structure=structure)


def _trained(
    change: Change, before: Snapshot, search: SearchConfig, reason: str, what: str | None
) -> TrainedStructure:
    from beenhere.retrieval.search.approximate import Structure  # imports torch

    rows = before.manifest.rows
    with progress(what, rows) if what else nullcontext(lambda rows: None) as advance:
        made = Structure.train(before.segments, search, advance)
    part = change.write_part("structure.faiss", made.save)
    return TrainedStructure(kind=made.kind, reason=reason, options=search, rows=rows, part=part)


def _learned_with(options: SearchConfig) -> dict[str, Any]:
    return options.model_dump(exclude=_WHEN_SEARCHING)
