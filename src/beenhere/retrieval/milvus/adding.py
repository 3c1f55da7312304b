"""Bring photos into a collection: batch by batch, so that an interrupted call goes on there."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.evaluation import ComputeConfig
from beenhere.errors import PhotoError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.index.adding import JOURNAL, Added, left_out_now
from beenhere.retrieval.index.change import STAGING, Change, clear_staging
from beenhere.retrieval.index.computing import computed
from beenhere.retrieval.index.contents import hash_files
from beenhere.retrieval.index.models import extraction
from beenhere.retrieval.index.photos import COLUMNS, differing, updated
from beenhere.retrieval.index.sorting import Sorted, sort_photos
from beenhere.retrieval.milvus.collection import Collection
from beenhere.retrieval.milvus.rows import new_ids, photo_frame

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

PHOTOS_AT_ONCE = 4096
"""Described, then written; what is described and not yet written is remembered in the folder."""


@dataclass(frozen=True)
class Held:
    """Photos of a collection that given ones may be: they share a path or a content.

    Attributes:
        ids: their keys. frame: their rows, with :data:`beenhere.retrieval.index.photos.COLUMNS`.
    """

    ids: list[str]
    frame: pl.DataFrame

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """``(n,)``: all of them count; Milvus forgets what is removed."""
        return np.ones(len(self.ids), np.bool_)


def put_in_collection(
    change: Change,
    collection: Collection,
    photos: PhotoTable,
    model: "VPRModel",
    config: ComputeConfig,
    what: str | None,
    start: float,
) -> Added:
    """Add photos to a collection, as :func:`beenhere.retrieval.index.adding.add_photos` does.

    Photos can be found as soon as their batch is written. Killed, the same call goes on: photos
    that are there are known, and written again they would replace themselves. A photo that was
    removed is forgotten, so it is computed again when it comes back.

    Args:
        change: of the index whose photos these are.
        collection: of that index.
        photos: of which it may hold some.
        model: of the index.
        config: how descriptors are computed.
        what: what progress bars say; None: be silent.
        start: when the work began, by ``time.perf_counter``.

    Raises:
        DataError: a photo in two rows, or Milvus does not answer.
        ConfigError: another precision than the index's is asked for.
        ModelError: a photo has a size that the model cannot take; it is named.
        OSError: the folder cannot be written.
    """
    assert change.before is not None
    journal = change.folder / JOURNAL
    reading = "photo files" if what else None
    held = _held(collection, photos, journal, reading)
    found = sort_photos(photos, held, journal, reading)
    collection.delete([held.ids[row] for row in found.replaced])
    touched = _write_news(collection, held, found)
    unreadable, new = dict(found.unreadable), 0
    computing = extraction(change.manifest.model, config, "float32")
    store = change.folder / STAGING / "descriptors"
    taken = set(held.ids)
    chosen = found.given[found.new]
    for done in computed(chosen, model, computing, store, PHOTOS_AT_ONCE, what):
        ids = new_ids(done.frame["sha256"], taken)
        taken.update(ids)
        collection.put(ids, done.frame, done.vectors)
        unreadable |= done.unreadable
        new += len(ids)
    if new or touched:
        collection.settle()
    left_out = left_out_now(found.given["path"].to_list(), unreadable, change.before.left_out)
    count = collection.count()
    if count != change.manifest.photos or left_out != change.before.left_out:
        change.commit_store(count, left_out)
    clear_staging(change.folder)
    updates = len(touched & set(found.same.values()))
    return Added(
        photos=count,
        new=new,
        replaced=len(found.replaced),
        moved=len(found.moved),
        restored=0,
        updated=updates,
        unchanged=len(found.same) - updates,
        unreadable=unreadable,
        seconds=time.perf_counter() - start,
    )


def held_at(collection: Collection, photos: PhotoTable) -> Held:
    """Photos of a collection at the paths of given ones, whatever they hold."""
    return _as_held(collection, collection.having("path", list(_files(photos))))


def _held(collection: Collection, photos: PhotoTable, journal: Path, what: str | None) -> Held:
    files = _files(photos)
    there = collection.having("path", list(files))
    held = _as_held(collection, there)
    known = {PhotoKey(*row) for row in held.frame.select("path", "size", "mtime_ns").iter_rows()}
    contents = hash_files([key for key in files.values() if key not in known], journal, what)
    digests = {content.hex() for content in contents.values() if isinstance(content, bytes)}
    return _as_held(collection, [*there, *collection.having("sha256", sorted(digests))])


def _as_held(collection: Collection, entities: list[dict[str, str]]) -> Held:
    by_id = {entity["id"]: entity for entity in entities}
    return Held(list(by_id), photo_frame(by_id.values()))


def _files(photos: PhotoTable) -> dict[str, PhotoKey]:
    """The key of each file that is there, by its absolute path."""
    keys: dict[str, PhotoKey] = {}
    for path in photos.paths:
        try:
            key = PhotoKey.of(path)
        except PhotoError:
            continue
        keys[key.path] = key
    return keys


def _write_news(collection: Collection, held: Held, found: Sorted) -> set[int]:
    """Write what is newly known of photos that the collection has; their rows in ``held``."""
    pairs = found.same | found.moved
    if not pairs:
        return set()
    rows = np.fromiter(pairs.values(), np.int64, len(pairs))
    old = held.frame[rows]
    new = updated(old, found.given[np.fromiter(pairs, np.int64, len(pairs))])
    differs = differing(old, new)
    touched = rows[differs.to_numpy()].tolist()
    ids = [held.ids[row] for row in touched]
    collection.put(ids, new.filter(differs).select(list(COLUMNS)), collection.vectors(ids))
    return set(touched)
