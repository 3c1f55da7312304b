"""Descriptors of the photos that are new to an index."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from beenhere.config import ComputeConfig
from beenhere.datasets.table import SCHEMA, PhotoTable
from beenhere.errors import PhotoError
from beenhere.retrieval.extract import extract
from beenhere.retrieval.index.change import STAGING, Change
from beenhere.retrieval.index.manifest import IndexedModel
from beenhere.retrieval.index.models import extraction
from beenhere.retrieval.index.segments import Draft, block_rows, write_vectors
from beenhere.retrieval.search.vectors import Dtype, StoredVectors, quantise
from beenhere.retrieval.store import PhotoKey

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

BLOCKS_AT_ONCE = 4


@dataclass(frozen=True)
class Described:
    """What came of new photos.

    Attributes:
        segment: of those that could be read; None where none could.
        unreadable: path and reason of the others.
    """

    segment: Draft | None
    unreadable: dict[str, str]


def describe(
    change: Change,
    photos: pl.DataFrame,
    model: "VPRModel",
    entry: IndexedModel,
    dtype: Dtype,
    config: ComputeConfig,
    what: str | None,
) -> Described:
    """Compute descriptors of photos and write them as a segment.

    What is computed lies in the index's staging folder until the change is committed: interrupted,
    the next call goes on there.

    Args:
        change: that makes the segment.
        photos: with the columns of :data:`beenhere.retrieval.index.photos.COLUMNS`.
        model: of the index. entry: what the manifest says of it.
        dtype: in which the index keeps descriptors.
        config: batch size, threads, device.
        what: what the progress bar says; None: be silent.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: another precision than the index's is asked for.
        OSError: the disk is full, say.
    """
    unreadable: dict[str, str] = {}
    kept: list[pl.DataFrame] = []
    computing = extraction(entry, config, "float16" if dtype == "float16" else "float32")

    def blocks() -> Iterator[StoredVectors]:
        step = BLOCKS_AT_ONCE * block_rows(entry.dim)
        for start in range(0, photos.height, step):
            some = photos[start : start + step]
            table = PhotoTable(some.select(list(SCHEMA)))
            part = f" from {start + 1:,}" if what and photos.height > step else ""
            found = extract(model, table, computing, _store(change), what and what + part)
            unreadable.update(found.unreadable)
            read = some[found.rows]
            same = np.array([_unchanged(*row) for row in read.select(_KEY).iter_rows()], np.bool_)
            changed = read.filter(pl.Series(~same))["path"]
            unreadable.update(dict.fromkeys(changed, "changed while it was read: add it again"))
            kept.append(read.filter(pl.Series(same)))
            vectors = found.vectors if same.all() else found.vectors[same]
            for first in range(0, len(vectors), block_rows(entry.dim)):
                block = np.asarray(vectors[first : first + block_rows(entry.dim)], np.float32)
                yield quantise(block, dtype)

    vectors, scales, rows = write_vectors(change, blocks(), entry.dim, dtype)
    segment = Draft(vectors, scales, pl.concat(kept)) if rows else None
    return Described(segment, unreadable)


_KEY = ["path", "size", "mtime_ns"]


def _store(change: Change) -> Path:
    return change.folder / STAGING / "descriptors"


def _unchanged(path: str, size: int, mtime_ns: int) -> bool:
    """Whether the file is still the one whose content was looked at."""
    try:
        return PhotoKey.of(path) == (path, size, mtime_ns)
    except PhotoError:
        return False
