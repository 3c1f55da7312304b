"""Where the photos and descriptors of an index lie: in its folder, or in a Milvus collection.

The rest of an index is written once for both; a store has what differs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import SearchConfig, WhiteningConfig
from beenhere.errors import DataError
from beenhere.photos.reference import Points, Reference
from beenhere.photos.summary import Summary
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.diff import GivenPhotos, KnownPhotos, PhotoDiff
from beenhere.retrieval.index.manifest import COLUMNS, LearnedWhitening
from beenhere.retrieval.index.segments import (
    SegmentDraft,
    block_rows,
    join_small,
    keep_rows,
    new_segment,
    update_structure,
    with_photos,
)
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.filters import Filter

if TYPE_CHECKING:
    from beenhere.retrieval.index.describing import PhotoDescriptors

BLOCKS_AT_ONCE = 4
"""Of vectors, that are computed before they are written to a segment."""


class NumberedPhotos(Protocol):
    """Photos that rows number."""

    @property
    def photos(self) -> PhotoTable:
        """One row each; of a store see :attr:`beenhere.Index.photos`."""
        ...


class PhotoStore(NumberedPhotos, Protocol):
    """The photos and descriptors of an index: in its folder, or in Milvus."""

    def __len__(self) -> int: ...

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """``(rows,)``: whether each row of the photos counts."""
        ...

    def reference(self) -> Reference:
        """What says where the photos were taken: the first that any of them has."""
        ...

    def positions(self, reference: Reference) -> Points:
        """See :meth:`beenhere.Index.positions`."""
        ...

    def search(
        self, queries: NDArray[np.float32], k: int, where: Filter | None, exact: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NumberedPhotos]:
        """Similarities and rows ``(m, k)`` of the nearest, see :meth:`beenhere.Index.search`."""
        ...

    def covers(self, positions: Points, radius: float, reference: Reference) -> NDArray[np.bool_]:
        """See :meth:`beenhere.Index.covers`."""
        ...

    def summary(self) -> Summary | None:
        """Counts of the photos; None where each would have to be read from Milvus."""

    def search_line(self) -> str:
        """How the index is searched, and why."""
        ...

    def size_line(self) -> str:
        """Bytes in the folder of the index."""
        ...

    def damages(self) -> Iterable[str]:
        """A line for each thing that is wrong in files that are as they were written."""
        ...


class StoreEdit(Protocol):
    """A change of a store; rows are those of the known photos that it gave.

    Attributes:
        compute_dtype: in which new descriptors are to be computed.
        at_once: photos to describe before they are written.
    """

    compute_dtype: Literal["float32", "float16"]
    at_once: int

    def known(self, photos: GivenPhotos) -> KnownPhotos:
        """Photos of the store that given ones may be: they share a path or a content."""
        ...

    def under(self, paths: Sequence[str]) -> KnownPhotos:
        """Photos that paths or patterns may stand for; the frame has their paths alone."""
        ...

    def refuse_others(self, diff: PhotoDiff) -> None:
        """Raise DataError unless a build is given the photos that the store holds."""

    def remove(self, known: KnownPhotos, rows: Sequence[int]) -> None:
        """Take photos out."""

    def update(self, known: KnownPhotos, rows: NDArray[np.int64], frame: pl.DataFrame) -> None:
        """Replace what is known of photos; removed ones count again."""

    def append(self, photos: int, batches: "Iterable[PhotoDescriptors]") -> None:
        """Add photos, so many at most, with their descriptors."""

    def commit(self, unreadable: dict[str, str]) -> None:
        """Have all of that count; ``unreadable``: path and reason of every photo left out."""

    def prepare_search(self, what: str | None) -> None:
        """Have what was written searched fast."""

    def train(self, search: SearchConfig, what: str | None) -> None:
        """See :meth:`beenhere.Index.train`."""

    def compact(self, what: str | None) -> None:
        """See :meth:`beenhere.Index.compact`."""


@dataclass(frozen=True, eq=False)
class Matches:
    """The photos nearest to some queries, nearest first.

    >>> index = beenhere.Index.open("city.index")
    >>> matches = index.search(index.describe("queries").vectors, k=5)
    >>> [Path(path).name for path in matches.paths(0)][0]
    'IMG_0011.jpg'
    >>> matches.photos.rows(matches.rows[0]).frame["lat"].round(4)[0]
    37.7502

    Attributes:
        similarity: ``(m, k)`` float32, cosine, k being the number of rows where more were asked
            for; NaN where there are fewer photos.
        rows: ``(m, k)`` int64 rows of :attr:`photos`; -1 there.
        index: the state that was searched; of photos in Milvus those that were found.
    """

    similarity: NDArray[np.float32]
    rows: NDArray[np.int64]
    index: "NumberedPhotos"

    @property
    def photos(self) -> PhotoTable:
        """Every row of the index as it was searched, removed ones too; of Milvus those found."""
        return self.index.photos

    def paths(self, query: int) -> list[str]:
        """Of the photos found for a query, nearest first."""
        found = self.rows[query]
        return self.photos.frame["path"].gather(found[found >= 0]).to_list()


def open_store(snapshot: Snapshot) -> PhotoStore:
    """The store of an index.

    Raises:
        ConfigError, DataError, ModelError: Milvus does not answer, or has not what it should; see
            :meth:`beenhere.retrieval.index.milvus.collection.MilvusCollection.open`.
    """
    if snapshot.manifest.store is None:
        return snapshot
    from beenhere.retrieval.index.milvus.milvus_store import MilvusStore  # needs pymilvus

    return MilvusStore(snapshot)


def open_edit(change: Change, new: bool = False, learn: WhiteningConfig | None = None) -> StoreEdit:
    """A change of the photos of an index.

    Args:
        change: of the index.
        new: whether it is being built; else it is there, and so is its collection.
        learn: a whitening to learn, for an index that is new.

    Raises:
        ConfigError, DataError, ModelError: as :func:`open_store`.
    """
    if change.manifest.store is None:
        return FolderEdit(change, learn if new and change.before is None else None)
    from beenhere.retrieval.index.milvus.milvus_store import MilvusEdit

    return MilvusEdit(change, build=new)


class FolderEdit:
    """A change of the photos in a folder: all of it counts with :meth:`commit`, or none.

    Args:
        change: of the index.
        learn: a whitening to learn on the photos of a new index; None: the index's own is applied,
            if it has one.
    """

    compute_dtype: Literal["float32", "float16"]

    def __init__(self, change: Change, learn: WhiteningConfig | None) -> None:
        manifest, before = change.manifest, change.before
        self._change = change
        self._learn = learn
        plain = manifest.whitening is None and learn is None
        self.compute_dtype = "float16" if manifest.dtype == "float16" and plain else "float32"
        self.at_once = BLOCKS_AT_ONCE * block_rows(manifest.model.dim)
        self._removed = before.removed if before is not None else np.empty(0, np.int64)
        self._updated = np.empty(0, np.int64), pl.DataFrame(schema=COLUMNS)
        self._new: SegmentDraft | None = None
        self._learned: LearnedWhitening | None = None

    def known(self, photos: GivenPhotos) -> KnownPhotos:
        """Photos that given ones may be, as they share a path or a content: every row."""
        before = self._change.before
        if before is None:
            return KnownPhotos(pl.DataFrame(schema=COLUMNS), np.empty(0, np.bool_))
        return KnownPhotos(before.frame, before.allowed)

    def under(self, paths: Sequence[str]) -> KnownPhotos:
        """Photos that paths or patterns may stand for, their paths alone: every row."""
        before = self._change.before
        assert before is not None
        return KnownPhotos(before.frame.select("path"), before.allowed)

    def refuse_others(self, diff: PhotoDiff) -> None:
        """See that a build is given the photos that are there.

        It was committed when it was whole: photos that are missing are others.

        Raises:
            DataError: it is not.
        """
        before, folder = self._change.before, self._change.folder
        if before is None:
            return
        new = set(diff.given["path"][diff.new])
        if len(diff.same) < before.manifest.photos or not new <= before.unreadable.keys():
            raise DataError(
                f"{folder} holds an index of {before.manifest.photos} photos already, and these "
                f"are others; add them: beenhere index add {folder} PHOTOS"
            )

    def remove(self, known: KnownPhotos, rows: Sequence[int]) -> None:
        """Take photos out: rows do not count from the commit on, and go with a compaction."""
        self._removed = np.union1d(self._removed, rows).astype(np.int64)

    def update(self, known: KnownPhotos, rows: NDArray[np.int64], frame: pl.DataFrame) -> None:
        """Replace what is known of photos, in Parquet files; removed ones count again."""
        self._removed = np.setdiff1d(self._removed, rows)
        self._updated = rows, frame

    def append(self, photos: int, batches: "Iterable[PhotoDescriptors]") -> None:
        """Add photos, so many at most, with their descriptors: a new segment."""
        self._new, self._learned = new_segment(self._change, photos, batches, self._learn)

    def commit(self, unreadable: dict[str, str]) -> None:
        """Have all of that count; ``unreadable``: path and reason of every photo left out."""
        change, before, (rows, updated) = self._change, self._change.before, self._updated
        segments: list[SegmentDraft] = []
        if before is not None:
            segments = with_photos(before, rows, updated)
            if (
                self._new is None
                and not len(rows)
                and unreadable == before.unreadable
                and np.array_equal(self._removed, before.removed)
            ):
                return
        if self._new is not None:
            shorter = self._learned.options.dim if self._learned is not None else None
            dim = change.manifest.dim if shorter is None else shorter
            segments = join_small(change, [*segments, self._new], dim, change.manifest.dtype)
        written = [segment.written(change) for segment in segments]
        change.commit_photos(written, self._removed, unreadable, whitening=self._learned)

    def prepare_search(self, what: str | None) -> None:
        """Have what was written searched fast: by another structure, if this one is behind."""
        update_structure(self._change, what)

    def train(self, search: SearchConfig, what: str | None) -> None:
        """Train a structure over all rows, unless there is one, so trained."""
        update_structure(self._change, what, search, lag=0)

    def compact(self, what: str | None) -> None:
        """One segment of the rows that count."""
        change, before = self._change, self._change.before
        assert before is not None
        if len(before.removed) or len(before.segments) > 1:
            segments = [segment.written(change) for segment in keep_rows(change, before)]
            none = np.empty(0, np.int64)
            change.commit_photos(segments, none, before.unreadable, renumbered=True)
        update_structure(change, what)
