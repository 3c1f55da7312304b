"""Descriptors of photo files that stay as they are while they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.evaluation import ExtractConfig
from beenhere.errors import PhotoError
from beenhere.photos.table import SCHEMA, PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.extract import extract

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

_KEY = ["path", "size", "mtime_ns"]


@dataclass(frozen=True)
class Computed:
    """What came of some photos.

    Attributes:
        frame: rows of those that could be read, as they were given.
        vectors: ``(len(frame), D)`` float32 or float16, perhaps memory-mapped.
        unreadable: path and reason of the others.
    """

    frame: pl.DataFrame
    vectors: NDArray[np.floating]
    unreadable: dict[str, str]


def computed(
    photos: pl.DataFrame,
    model: "VPRModel",
    config: ExtractConfig,
    store: Path,
    step: int,
    what: str | None,
) -> Iterator[Computed]:
    """Descriptors of photos, some after the other.

    Args:
        photos: with the columns of :data:`beenhere.retrieval.index.photos.COLUMNS`.
        model: that computes them. config: how.
        store: a folder that remembers them: interrupted, the next call goes on there.
        step: photos at once.
        what: what the progress bars say; None: be silent.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: no such device.
        OSError: the disk is full, say.
    """
    for start in range(0, photos.height, step):
        some = photos[start : start + step]
        part = f" from {start + 1:,}" if what and photos.height > step else ""
        table = PhotoTable(some.select(list(SCHEMA)))
        done = extract(model, table, config, store, what and what + part)
        read = some[done.rows]
        same = np.array([_unchanged(*row) for row in read.select(_KEY).iter_rows()], np.bool_)
        changed = read.filter(pl.Series(~same))["path"]
        reasons = dict.fromkeys(changed, "changed while it was read: add it again")
        vectors = done.vectors if same.all() else done.vectors[same]
        yield Computed(read.filter(pl.Series(same)), vectors, dict(done.unreadable) | reasons)


def _unchanged(path: str, size: int, mtime_ns: int) -> bool:
    """Whether the file is still the one whose content was looked at."""
    try:
        return PhotoKey.of(path) == (path, size, mtime_ns)
    except PhotoError:
        return False
