"""Descriptors of the photos that are new to an index."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.evaluation import ComputeConfig
from beenhere.config.retrieval import WhiteningConfig
from beenhere.errors import DataError
from beenhere.retrieval.index.change import STAGING, Change
from beenhere.retrieval.index.computing import Computed, computed
from beenhere.retrieval.index.manifest import LearnedWhitening
from beenhere.retrieval.index.models import extraction
from beenhere.retrieval.index.segments import Draft, block_rows, vector_blocks, write_vectors
from beenhere.retrieval.index.snapshot import map_vectors
from beenhere.retrieval.search.vectors import StoredVectors, quantise
from beenhere.retrieval.search.whitening import Whitening

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

BLOCKS_AT_ONCE = 4


@dataclass(frozen=True)
class Described:
    """What came of new photos.

    Attributes:
        segment: of those that could be read; None where none could.
        unreadable: path and reason of the others.
        whitening: that was learned on them; None where none was asked for.
    """

    segment: Draft | None
    unreadable: dict[str, str]
    whitening: LearnedWhitening | None = None


def describe(
    change: Change,
    photos: pl.DataFrame,
    model: "VPRModel",
    config: ComputeConfig,
    what: str | None,
    learn: WhiteningConfig | None = None,
) -> Described:
    """Compute descriptors of photos and write them as a segment.

    What is computed lies in the index's staging folder until the change is committed: interrupted,
    the next call goes on there.

    Args:
        change: that makes the segment.
        photos: with the columns of :data:`beenhere.retrieval.index.photos.COLUMNS`.
        model: of the index.
        config: batch size, threads, device.
        what: what the progress bar says; None: be silent.
        learn: a whitening to learn on these photos, of a new index; None: the index's own is
            applied, if it has one.

    Raises:
        DataError: too few photos for such a whitening.
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: another precision than the index's is asked for.
        OSError: the disk is full, say.
    """
    entry, dtype = change.manifest.model, change.manifest.dtype
    if learn is not None and not learn.dim <= min(entry.dim, photos.height - 1):
        raise DataError(
            f"whitening to {learn.dim} numbers is to be learned from {photos.height} photos, whose "
            f"descriptors have {entry.dim}; expected more photos than that, of at least as many "
            "numbers: give a smaller whitening.dim, or none"
        )
    whitening = change.before.whitening if change.before is not None else None
    half = dtype == "float16" and whitening is None and learn is None
    computing = extraction(entry, config, "float16" if half else "float32")
    frames: list[pl.DataFrame] = []
    unreadable: dict[str, str] = {}
    step = BLOCKS_AT_ONCE * block_rows(entry.dim)
    done = computed(photos, model, computing, _store(change), step, what)
    blocks = _blocks(done, frames, unreadable)
    learned = None
    if learn is not None:
        # Written whole first: what is learned on all of them must be applied to the first, too.
        part, _, rows = write_vectors(change, map(StoredVectors, blocks), entry.dim, "float32")
        whole = map_vectors(change.folder, part, None, (rows, entry.dim), "float32")
        whitening = Whitening.fit([whole], learn)
        learned = _keep_whitening(change, whitening, learn, rows)
        blocks = (block.floats(0, len(block)) for block in vector_blocks(whole))
    if whitening is not None:
        blocks = map(whitening.apply, blocks)
    dim = entry.dim if whitening is None else len(whitening.projection)
    kept = (quantise(block, dtype) for block in blocks)
    vectors, scales, rows = write_vectors(change, kept, dim, dtype)
    segment = Draft(vectors, scales, pl.concat(frames)) if rows else None
    return Described(segment, unreadable, learned)


def _blocks(
    done: Iterable[Computed], frames: list[pl.DataFrame], unreadable: dict[str, str]
) -> Iterator[NDArray[np.float32]]:
    """Descriptors ``(n, D)``; once all have been asked for, the lists say of which photos."""
    for some in done:
        frames.append(some.frame)
        unreadable.update(some.unreadable)
        step = block_rows(some.vectors.shape[1])
        for first in range(0, len(some.vectors), step):
            yield np.asarray(some.vectors[first : first + step], np.float32)


def _keep_whitening(
    change: Change, whitening: Whitening, options: WhiteningConfig, photos: int
) -> LearnedWhitening:
    path = change.new_part("whitening.safetensors")
    whitening.save(path)
    return LearnedWhitening(options=options, photos=photos, part=change.sealed(path))


def _store(change: Change) -> Path:
    return change.folder / STAGING / "descriptors"
