"""Add photos to an index."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.evaluation import ComputeConfig
from beenhere.config.retrieval import WhiteningConfig
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.change import STAGING, Change, changing, clear_staging
from beenhere.retrieval.index.describing import Described, describe
from beenhere.retrieval.index.manifest_file import read_manifest
from beenhere.retrieval.index.models import check_model, extraction, indexed_model
from beenhere.retrieval.index.photos import COLUMNS, differing, updated
from beenhere.retrieval.index.segments import drafts, join_small
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.index.sorting import Sorted, sort_photos
from beenhere.retrieval.index.structures import settle_as_before

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

JOURNAL = f"{STAGING}/contents.jsonl"
"""Where the SHA-256 of files are remembered until they stand in the index."""


@dataclass(frozen=True)
class Added:
    """What a build or an add did.

    Attributes:
        photos: in the index now.
        new: described and added. replaced: old photos whose files hold others now.
        moved: known under another path before. restored: had been removed.
        updated: known, but the file has another time, or more is told of its position, date, ...
        unchanged: known as they are.
        unreadable: path and reason of those given that could not be read.
        seconds: what it took.
    """

    photos: int
    new: int
    replaced: int
    moved: int
    restored: int
    updated: int
    unchanged: int
    unreadable: dict[str, str]
    seconds: float


def add_photos(
    folder: Path,
    photos: PhotoTable,
    config: ComputeConfig,
    model: "VPRModel | None" = None,
    wait: float = 0,
    what: str | None = None,
) -> Added:
    """Add photos to an index; what it knows already is not computed again.

    A file is known by its path, size and modification time, else by its content. A photo that is
    known under a path where it is no more has moved; a path that holds another photo than before
    has been replaced. What is newly known of positions, headings, dates, ... takes the place of
    what was known; what is not given stays. Interrupted, the same call goes on where it was.

    Args:
        folder: of the index.
        photos: of which it may hold some.
        config: how descriptors are computed.
        model: the one of the index, if it is at hand; None: it is read from the index.
        wait: seconds to wait for another writer.
        what: what progress bars say; None: be silent.

    Raises:
        DataError: no index, a damaged one, another process writes it, or it cannot be written.
        ModelError: a model that is not the index's.
        ConfigError: no such device, or a precision that is not the index's.
    """
    start = time.perf_counter()
    entry = read_manifest(folder).model
    extraction(entry, config, "float32")  # refuses what does not fit, before photos are read
    if model is None:
        model = indexed_model(folder, entry, config.device)
    check_model(folder, entry, model)
    with changing(folder, wait) as change:
        return put_in(change, photos, model, config, what, start)


def put_in(
    change: Change,
    photos: PhotoTable,
    model: "VPRModel",
    config: ComputeConfig,
    what: str | None,
    start: float,
    whitening: WhiteningConfig | None = None,
) -> Added:
    """Bring photos into an index, or into one that is being made; see :func:`add_photos`.

    Args:
        change: of the index.
        photos: of which it may hold some.
        model: of the index.
        config: how descriptors are computed.
        what: what progress bars say; None: be silent.
        start: when the work began, by ``time.perf_counter``.
        whitening: to learn on the photos of a new index.
    """
    before = change.before
    journal = change.folder / JOURNAL
    found = sort_photos(photos, before, journal, "photo files" if what else None)
    frame, touched = _with_news(found, before)
    done = Described(None, {})
    if found.new or whitening is not None:
        done = describe(change, found.given[found.new], model, config, what, whitening)
    unreadable = found.unreadable | done.unreadable
    removed = _removed(found, before)
    known = before.left_out if before is not None else {}
    left_out = left_out_now(found.given["path"].to_list(), unreadable, known)
    segments = drafts(before, frame, touched) if before is not None else []
    if done.segment is not None:
        dim = change.manifest.dim if done.whitening is None else done.whitening.options.dim
        segments = join_small(change, [*segments, done.segment], dim, change.manifest.dtype)
    if (
        before is None
        or done.segment is not None
        or touched.any()
        or left_out != before.left_out
        or not np.array_equal(removed, before.removed)
    ):
        written = [segment.written(change) for segment in segments]
        change.commit_photos(written, removed, left_out, whitening=done.whitening)
    clear_staging(change.folder)
    settle_as_before(change, "photos in the search structure" if what else None)
    updates = int(touched[list(found.same.values())].sum())
    return Added(
        photos=change.manifest.photos,
        new=done.segment.rows if done.segment is not None else 0,
        replaced=len(found.replaced),
        moved=len(found.moved),
        restored=len(found.restored),
        updated=updates,
        unchanged=len(found.same) - updates,
        unreadable=unreadable,
        seconds=time.perf_counter() - start,
    )


def _with_news(found: Sorted, before: Snapshot | None) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """Every row of the index with what is newly known, and ``(rows,)`` whether it differs."""
    known = before.frame if before is not None else pl.DataFrame(schema=COLUMNS)
    touched = np.zeros(known.height, np.bool_)
    pairs = found.same | found.moved | found.restored
    if not pairs:
        return known, touched
    rows = np.fromiter(pairs.values(), np.int64, len(pairs))
    old = known[rows]
    new = updated(old, found.given[np.fromiter(pairs, np.int64, len(pairs))])
    touched[rows] = differing(old, new).to_numpy()
    source = np.arange(known.height)
    source[rows] = known.height + np.arange(len(rows))
    return pl.concat([known, new])[source], touched


def _removed(found: Sorted, before: Snapshot | None) -> NDArray[np.int64]:
    if before is None:
        return np.empty(0, np.int64)
    still = np.setdiff1d(before.removed, list(found.restored.values()))
    return np.union1d(still, found.replaced).astype(np.int64)


def left_out_now(
    read: list[str], unreadable: dict[str, str], before: dict[str, str]
) -> dict[str, str]:
    """Path and reason of all that could not be read, now or before, by path."""
    reasons = dict(before)
    for path in read:
        reasons.pop(path, None)
    return dict(sorted((reasons | unreadable).items()))
