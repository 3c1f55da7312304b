"""The store of an index whose photos and descriptors lie in a Milvus collection."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import SearchConfig
from beenhere.errors import DataError
from beenhere.photos.reference import (
    REFERENCES,
    LocalPoints,
    Points,
    Reference,
    any_within,
    joined,
    points_of,
)
from beenhere.photos.summary import Summary
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.diff import GivenPhotos, KnownPhotos, PhotoDiff
from beenhere.retrieval.index.manifest import COLUMNS, photo_table
from beenhere.retrieval.index.milvus.collection import MOST_HITS, SEARCHED_BY, MilvusCollection
from beenhere.retrieval.index.milvus.fields import (
    NO_DEGREES,
    PHOTO,
    both,
    expression,
    new_ids,
    one_of,
    photo_frame,
    quoted,
)
from beenhere.retrieval.index.snapshot import Snapshot, wrong_lengths
from beenhere.retrieval.search.filters import Filter
from beenhere.wording import file_size, one_line

if TYPE_CHECKING:
    from beenhere.retrieval.index.describing import PhotoDescriptors

MOST_READ = 100_000
"""Photos that are read from a collection at once: the memory of one machine may not hold more."""

PHOTOS_AT_ONCE = 4096
"""Described, then written; what is described and not yet written is remembered in the folder."""

_LAST = "\U0010ffff"


@dataclass
class FoundPhotos:
    """Every photo that has come back for any of the queries, and whether it may be found."""

    row: dict[str, int] = field(default_factory=dict)
    frames: list[pl.DataFrame] = field(default_factory=list)
    allowed: list[bool] = field(default_factory=list)

    @cached_property
    def photos(self) -> PhotoTable:
        """Each once, in the order of their rows."""
        return photo_table(pl.concat([pl.DataFrame(schema=COLUMNS), *self.frames]))

    def look_at(self, hits: list[list[dict[str, Any]]], where: Filter | None) -> list[str]:
        """Take in what is new among hits; the keys of those that may not be found."""
        new = {hit["id"]: hit for found in hits for hit in found if hit["id"] not in self.row}
        if not new:
            return []
        frame = photo_frame({"id": key} | hit["entity"] for key, hit in new.items())
        table = photo_table(frame)
        allowed = np.ones(len(table), bool) if where is None else where.rows(table)
        self.row.update(zip(new, range(len(self.row), len(self.row) + len(new)), strict=True))
        self.frames.append(frame)
        self.allowed += allowed.tolist()
        return [key for key, may in zip(new, allowed, strict=True) if not may]


class MilvusStore:
    """Photos and descriptors in a collection, as they are when they are asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        manifest = snapshot.manifest
        assert manifest.store is not None
        self.collection = MilvusCollection.open(manifest.store, manifest.model, manifest.search)

    def __len__(self) -> int:
        return self.collection.count()

    def __str__(self) -> str:
        return str(self.collection.address)

    @property
    def photos(self) -> PhotoTable:
        """All of them, by their paths; read from the collection each time."""
        photos = len(self)
        if photos > MOST_READ:
            raise DataError(
                f"{self._snapshot.folder}: its {photos:,} photos lie in {self}, and no more than "
                f"{MOST_READ:,} are read from there; those that a search finds are in the photos "
                "of its matches"
            )
        frames = [photo_frame(batch) for batch in self.collection.every("", PHOTO)]
        return photo_table(pl.concat([pl.DataFrame(schema=COLUMNS), *frames]).sort("path"))

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """All count: Milvus forgets what is removed."""
        return np.ones(len(self), np.bool_)

    def reference(self) -> Reference:
        """Milvus is asked for a photo that has each, until there is one."""
        for reference in REFERENCES.values():
            has = f"lat < {NO_DEGREES!r}"
            if reference.kind != "position":
                has = f"photo like '%\"{reference.column}\": %'"
            # A text of a photo may hold these words too.
            if any(points.known.any() for points in self._points(has, reference)):
                return reference
        return REFERENCES["position"]

    def positions(self, reference: Reference) -> Points:
        """Of all photos; none where there are more than :data:`MOST_READ`."""
        nothing = points_of(photo_table(pl.DataFrame(schema=COLUMNS)), reference)
        if len(self) > MOST_READ:
            return nothing
        return joined([nothing, *self._points("", reference)])

    def _points(self, expression: str, reference: Reference) -> Iterator[Points]:
        for batch in self.collection.every(expression, PHOTO):
            yield points_of(photo_table(photo_frame(batch)), reference)

    def search(
        self, queries: NDArray[np.float32], k: int, where: Filter | None, exact: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], FoundPhotos]:
        """Rows are those of the photos that were found."""
        if exact and self.collection.graph:
            raise DataError(
                f"{self} was made for hnsw, and finds nearly all; for exact search build an index "
                "with search exact"
            )
        return search_collection(self.collection, queries, k, where)

    def covers(self, positions: Points, radius: float, reference: Reference) -> NDArray[np.bool_]:
        """Milvus is asked once for each position; points that are none are held to every photo."""
        covered = np.zeros(len(positions), bool)
        if isinstance(positions, LocalPoints):
            for points in self._points("", reference):
                covered |= any_within(points, positions, radius)
            return covered
        covered |= positions.known
        for number in np.flatnonzero(covered):
            where = Filter((float(positions.lat[number]), float(positions.lon[number])), radius)
            batches = self.collection.every(expression(where), PHOTO)
            tables = (photo_table(photo_frame(batch)) for batch in batches)
            covered[number] = any(where.rows(table).any() for table in tables)
        return covered

    def summary(self) -> Summary | None:
        """Not counted: every photo would have to be read."""
        return None

    def search_line(self) -> str:
        """The kind of search, and where the collection is."""
        return f"{'hnsw' if self.collection.graph else 'exact'}: by Milvus, {self}"

    def size_line(self) -> str:
        """Bytes in the folder, without the photos."""
        size = file_size(self._snapshot.manifest.bytes)
        return f"{size} in the folder; photos and descriptors are elsewhere"

    def damages(self) -> Iterator[str]:
        """Every photo and descriptor of the collection is read."""
        paths: dict[str, str] = {}
        for batch, vectors in self.collection.every_vector():
            for entity in batch:
                key, path = entity["id"], entity["path"]
                if not key.startswith(entity["sha256"]):
                    yield f"{self}: {path} has the key of another photo ({key[:16]})"
                if paths.setdefault(path, key) != key:
                    yield f"{self}: {path} stands in two rows; expected each photo once"
            try:
                photo_frame(batch)
            except (ValueError, TypeError, DataError, pl.exceptions.PolarsError) as error:
                yield f"{self}: photos near {batch[0]['path']} cannot be read ({one_line(error)})"
            for row, fault in wrong_lengths(vectors, "float32"):
                yield f"{self}: the descriptor of {batch[row]['path']} {fault}"


class MilvusEdit:
    """A change of the photos in a collection: it comes batch by batch, and is found at once.

    Killed, the same call goes on: photos that are there are known, and written again they would
    replace themselves.

    Args:
        change: of the index.
        build: whether the collection is made, if it is not there.
    """

    compute_dtype: Literal["float32", "float16"] = "float32"

    def __init__(self, change: Change, build: bool) -> None:
        manifest = change.manifest
        assert manifest.store is not None
        make = MilvusCollection.make if build else MilvusCollection.open
        self.collection = make(manifest.store, manifest.model, manifest.search)
        self.at_once = PHOTOS_AT_ONCE
        self._change = change
        self._taken: set[str] = set()
        self._written = False

    def known(self, photos: GivenPhotos) -> KnownPhotos:
        """Photos at the paths of given ones, and photos of the same contents."""
        at_path = self.collection.having("path", [key.path for key in photos.keys.values()])
        rows = photo_frame(at_path).select(PhotoKey._fields)
        held = {row[0]: PhotoKey(*row) for row in rows.iter_rows()}
        contents = photos.contents(photos.unknown(held)).values()
        digests = {content.hex() for content in contents if isinstance(content, bytes)}
        same_content = self.collection.having("sha256", sorted(digests))
        found = {photo["id"]: photo for photo in [*at_path, *same_content]}
        self._taken = set(found)
        frame = photo_frame(found.values())
        return KnownPhotos(frame, np.ones(len(found), np.bool_), list(found))

    def under(self, paths: Sequence[str]) -> KnownPhotos:
        """Photos whose paths begin as those do."""
        found: dict[str, dict[str, Any]] = {}
        for path in paths:
            absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay
            begin = "" if path.startswith("*") else absolute
            for sign in "*?[":
                begin = begin.partition(sign)[0]
            if begin.endswith(os.sep):
                begin = begin.rstrip(os.sep)
            where = f"path >= {quoted(begin)} and path <= {quoted(begin + _LAST)}"
            for batch in self.collection.every(where, ["id", "path"]):
                found.update({photo["id"]: photo for photo in batch})
        frame = pl.DataFrame({"path": [photo["path"] for photo in found.values()]})
        return KnownPhotos(frame, np.ones(len(found), np.bool_), list(found))

    def refuse_others(self, diff: PhotoDiff) -> None:
        """Fewer photos may be there: a build that was killed has written some of its batches."""
        count, given = self.collection.count(), diff.paths | diff.unreadable.keys()
        if sum(path in given for path in diff.known.frame["path"]) < count:
            raise DataError(
                f"{self.collection.address} holds {count:,} photos, and not all are among these; "
                "give another collection, or add these: beenhere index add INDEX PHOTOS, with the "
                "folder of the index that the collection was made for"
            )

    def remove(self, known: KnownPhotos, rows: Sequence[int]) -> None:
        """They are forgotten at once."""
        self.collection.delete([known.ids[row] for row in rows])

    def update(self, known: KnownPhotos, rows: NDArray[np.int64], frame: pl.DataFrame) -> None:
        """Their rows are written again, with the descriptors that they have."""
        if len(rows):
            ids = [known.ids[row] for row in rows]
            self.collection.put(ids, frame.select(list(COLUMNS)), self.collection.vectors(ids))
            self._written = True

    def append(self, photos: int, batches: "Iterable[PhotoDescriptors]") -> None:
        """Each batch can be found as soon as it is written."""
        if self._change.before is None:  # the folder says where photos are before there is one
            self._change.commit({}, photos=self.collection.count())
        for batch in batches:
            ids = new_ids(batch.frame["sha256"], self._taken)
            self._taken.update(ids)
            self.collection.put(ids, batch.frame, batch.vectors)
            self._written |= len(ids) > 0

    def commit(self, unreadable: dict[str, str]) -> None:
        """The folder keeps how many there are, and what could not be read."""
        count, change = self.collection.count(), self._change
        if count != change.manifest.photos or unreadable != change.unreadable:
            change.commit(unreadable, photos=count)

    def prepare_search(self, what: str | None) -> None:
        """Flush what was written."""
        if self._written:
            self.collection.flush()

    def train(self, search: SearchConfig, what: str | None) -> None:
        """Another kind is refused: its structure would replace the one that others search."""
        if self.collection.graph != (search.kind == "hnsw") or search.kind not in SEARCHED_BY:
            raise DataError(
                f"{self._change.folder}: its photos lie in Milvus, where search exact or hnsw is "
                "chosen when the index is built; build another"
            )
        self._change.commit(search=search)

    def compact(self, what: str | None) -> None:
        """Nothing to do: Milvus gives back space by itself."""


def search_collection(
    collection: MilvusCollection, queries: NDArray[np.float32], k: int, where: Filter | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], FoundPhotos]:
    """The ``k`` photos with the largest inner product with each query ``(m, D)``, best first.

    Milvus is asked again, without what it gave and the filter refuses, until ``k`` are found, of
    1 to 16,384, or no more are left.

    Returns:
        Inner products and rows of the photos that were found, ``(m, k)``; NaN and -1 where there
        are fewer. Equals stand by path.

    Raises:
        DataError: a larger k, or Milvus does not answer.
    """
    if k > MOST_HITS:
        raise DataError(f"k is {k}; Milvus finds {MOST_HITS} at most")
    similarity = np.full((len(queries), k), np.nan, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    wide = expression(where)
    seen = FoundPhotos()
    refused: list[str] = []
    pending = np.arange(len(queries))
    # Of the square around a circle, a fifth lies outside it.
    limit = k if where is None or where.near is None else min(2 * k, MOST_HITS)
    while len(pending):
        without = f"not ({one_of('id', refused)})" if refused else ""
        hits = collection.nearest(queries[pending], limit, both(wide, without))
        refused += seen.look_at(hits, where)
        short = []
        for query, found in zip(pending.tolist(), hits, strict=True):
            good = [hit for hit in found if seen.allowed[seen.row[hit["id"]]]]
            good.sort(key=lambda hit: (-hit["distance"], hit["entity"]["path"]))
            best = good[:k]
            similarity[query, : len(best)] = [hit["distance"] for hit in best]
            rows[query, : len(best)] = [seen.row[hit["id"]] for hit in best]
            if len(best) < k and len(found) == limit:
                short.append(query)
        pending = np.array(short, np.int64)
        limit = min(2 * limit, MOST_HITS)
    return similarity, rows, seen
