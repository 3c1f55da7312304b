"""Indexes of made-up descriptors: as many photos as a test needs, without a file of one."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import IndexConfig
from beenhere.retrieval.index.change import Change, changing
from beenhere.retrieval.index.manifest import COLUMNS, IndexedModel
from beenhere.retrieval.index.segments import SegmentDraft, update_structure, write_vectors
from beenhere.retrieval.search.vectors import quantise


def make(
    folder: Path,
    vectors: NDArray[np.float32],
    known: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """An index of photos that have no files; each lies 10 m north of the one before.

    Args:
        folder: of the index.
        vectors: ``(n, D)``, L2-normalised.
        known: columns of the photos to have instead of these, or besides.
        **options: those of :class:`beenhere.config.retrieval.IndexConfig`.
    """
    config = IndexConfig(**options)
    model = IndexedModel(
        name="offline-lite0",
        fingerprint="none",
        dim=vectors.shape[1],
        precision="32",
        config={},
        provenance={},
        parts=(),
    )
    with changing(folder, 0, new=True) as change:
        change.begin(model, config.dtype, config.search)
        _append(change, vectors, known or {})
        update_structure(change, None)


def append(folder: Path, vectors: NDArray[np.float32]) -> None:
    """More photos, as an add would bring them."""
    with changing(folder, 0) as change:
        _append(change, vectors)
        update_structure(change, None)


def _append(
    change: Change, vectors: NDArray[np.float32], known: Mapping[str, Any] = MappingProxyType({})
) -> None:
    manifest, before = change.manifest, change.before
    rows = manifest.rows + np.arange(len(vectors))
    columns = {
        "path": [f"/photos/{row:06d}.jpg" for row in rows],
        "lat": 37.0 + 9e-5 * rows,
        "lon": np.full(len(rows), -122.0),
        "sha256": [f"{row:032d}".encode() for row in rows],
        "size": np.ones(len(rows), np.int64),
        "mtime_ns": np.ones(len(rows), np.int64),
        **known,
    }
    frame = pl.DataFrame(
        [
            pl.Series(name, columns.get(name, [None] * len(rows)), kind)
            for name, kind in COLUMNS.items()
        ]
    )
    files = write_vectors(change, [quantise(vectors, manifest.dtype)], manifest.dim, manifest.dtype)
    segment = SegmentDraft(files, frame).written(change)
    removed = before.removed if before is not None else np.empty(0, np.int64)
    left_out = before.unreadable if before is not None else {}
    change.commit_photos([*manifest.segments, segment], removed, left_out)
