"""Pairs of photos that look alike, for programs that match local features: hloc, COLMAP, OpenSfM.

Memory holds a block of queries and ``k`` neighbours of each photo, whatever the size of the index.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.config.retrieval import PairsConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.hloc import MODEL, PRECISION, WHITENED
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.segments import block_rows
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.filters import earliest_and_latest
from beenhere.retrieval.search.scoring import Answer, best_of, rescore
from beenhere.retrieval.search.vectors import blocks

AT_ONCE = 2**21
"""Candidate pairs in memory."""

FEW_NEAR = 4096
"""Photos within the radius of a query; no more are all compared, instead of searched for."""

MOST_CANDIDATES = 16_384
"""Nearest photos of a query that are looked at, before each that meets the conditions is."""

MOST_APPROXIMATE = 1024
"""Candidates that a search structure is asked for; more are found as quickly by exact search."""

MARGIN = 1.01
"""By how much a distance on the plane may be shorter than the way along the ground."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The nearest photos of an index for each of some queries.

    Attributes:
        queries: ``m`` photos: the index's, or others.
        database: ``n`` photos, those of the index; removed ones have no neighbours, and are none.
        rows: ``(m, k)`` int32 rows of the database, nearest first; -1 where there are fewer.
        similarity: ``(m, k)`` float32, cosine; NaN there.
        mutual: whether only those count that are each other's neighbours.
        unknown: queries without what a condition asks about. asked: which that is, in words.
        unreadable: path and reason of queries that could not be read.
    """

    queries: PhotoTable
    database: PhotoTable
    rows: NDArray[np.int32]
    similarity: NDArray[np.float32]
    mutual: bool
    unknown: int
    asked: str
    unreadable: list[tuple[str, str]]

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        """Queries and rows of the database, ``(p,)`` each, some at a time, in order.

        Where the queries are the index's photos, a pair comes once, whichever is the query.
        """
        step = max(1, AT_ONCE // self.rows.shape[1])
        for start in range(0, len(self.rows), step):
            some = self.rows[start : start + step]
            query, column = np.nonzero(some >= 0)
            row, query = some[query, column].astype(np.int64), query + start
            if self.queries is self.database:
                kept = np.ones(len(row), np.bool_)
                for first in range(0, len(row), step):
                    part = slice(first, first + step)
                    returned = (self.rows[row[part]] == query[part, None]).any(axis=1)
                    kept[part] = (returned & (query[part] < row[part])) | ~(returned | self.mutual)
                query, row = query[kept], row[kept]
            yield query, row


def photo_pairs(
    index: Index, config: PairsConfig, queries: PhotoTable | None = None, what: str | None = None
) -> Pairs:
    """The ``matches`` nearest photos of each query that meet the conditions; never itself.

    Exact, or found by the index's search structure where it has one. Conditions are asked of both
    photos: one that lacks what is asked about is in no pair. A date that is known in part leaves
    a pair out where the two may have been taken within the gap.

    >>> pairs = photo_pairs(index, PairsConfig(matches=2, beyond=10))
    >>> pairs.rows.shape
    (24, 2)

    Args:
        index: a saved one, not in Milvus.
        config: how many, and the conditions.
        queries: photos that are searched for, described by the index's model; None: its own.
        what: what progress bars say; None: be silent.

    Raises:
        ConfigError: mutual pairs of other queries than the index's photos.
        DataError: photos in Milvus, a damaged index, or no photo has what a condition asks about.
        ModelError: the model of the index is not there, which other queries need.
    """
    store = _in_folder(index)
    if queries is not None and config.mutual:
        raise ConfigError("mutual pairs are of the index's own photos; leave out other queries")
    photos, known = store.photos, store.allowed
    unreadable: list[tuple[str, str]] = []
    if queries is None:
        table, own = photos, np.arange(len(photos))
        vectors = _stored(store)
    else:
        described = index.describe(queries)
        unreadable = [*queries.unusable, *described.unreadable]
        table, known = queries.rows(described.rows), np.ones(len(described.rows), np.bool_)
        row_of = {path: row for row, path in enumerate(photos.paths)}
        own = np.array([row_of.get(os.path.abspath(path), -1) for path in table.paths], np.int64)  # noqa: PTH100
        vectors = _described(store, described.vectors)
    conditions = _Conditions(table, photos, own, config)
    asked, searched = known & conditions.of_query, store.allowed & conditions.of_database
    if (known.any() and not asked.any()) or (store.allowed.any() and not searched.any()):
        raise DataError(
            f"no photo has {conditions.missing}, which a condition asks about; leave that out, or "
            "give the photos in a table that says it"
        )
    k = max(1, min(config.matches, len(photos)))
    rows = np.full((len(table), k), -1, np.int32)
    similarity = np.full((len(table), k), np.nan, np.float32)
    finder = _Finder(store, searched, conditions, k)
    with progress(what, int(known.sum())) as advance:
        for block, numbers in vectors:
            inside = asked[numbers]
            found = finder.nearest(np.ascontiguousarray(block[inside]), numbers[inside])
            similarity[numbers[inside]], rows[numbers[inside]] = found
            advance(len(numbers))
    unknown = int((known & ~asked).sum())
    words = conditions.words
    return Pairs(table, photos, rows, similarity, config.mutual, unknown, words, unreadable)


def kept_descriptors(
    index: Index,
) -> tuple[Iterator[tuple[list[str], NDArray[np.float32]]], dict[str, str | bool]]:
    """Paths and descriptors ``(n, D)`` of the photos of an index, some at a time.

    And what :class:`beenhere.retrieval.hloc.GlobalDescriptors` asks: of which model they are.

    Raises:
        DataError: photos in Milvus, or a damaged index.
    """
    store = _in_folder(index)
    paths, model = store.photos.frame["path"], store.manifest.model
    described = ((paths.gather(rows).to_list(), vectors) for vectors, rows in _stored(store))
    whitened = store.manifest.whitening is not None
    return described, {MODEL: model.fingerprint, PRECISION: model.precision, WHITENED: whitened}


def _in_folder(index: Index) -> Snapshot:
    if not isinstance(index.store, Snapshot):
        raise DataError(
            f"{index.path} keeps its photos in Milvus, where they cannot all be read at once; "
            "build an index in a folder for this"
        )
    return index.store


_Vectors = Iterator[tuple[NDArray[np.float32], Rows]]
"""Descriptors as an index keeps them, ``(b, D)``, and the numbers of their photos."""


def _stored(store: Snapshot) -> _Vectors:
    for block, rows in blocks(store.segments, block_rows(store.manifest.dim), store.allowed):
        yield block.floats(0, len(block)), rows


def _described(store: Snapshot, vectors: NDArray[np.floating]) -> _Vectors:
    step = block_rows(store.manifest.model.dim)
    for start in range(0, len(vectors), step):
        block = np.asarray(vectors[start : start + step], np.float32)
        whitened = block if store.whitening is None else store.whitening.apply(block)
        yield whitened, np.arange(start, start + len(block))


class _Conditions:
    """What two photos must be besides alike.

    Attributes:
        queries: the table of the queries.
        of_query, of_database: whether each photo has what is asked about.
        words: which that is; empty where nothing is asked. missing: what no photo has of that.
    """

    def __init__(
        self, queries: PhotoTable, database: PhotoTable, own: Rows, config: PairsConfig
    ) -> None:
        self.queries, self._database, self._own, self.config = queries, database, own, config
        tables = queries, database
        known: dict[str, list[NDArray[np.bool_]]] = {}
        if config.within is not None or config.beyond is not None:
            known["a position"] = [table.positions.known for table in tables]
        if config.heading is not None:
            headings = [table.frame["heading"].fill_null(np.nan) for table in tables]
            self._headings = [each.to_numpy() for each in headings]
            known["a heading"] = [np.isfinite(each) for each in self._headings]
        if config.gap_seconds is not None:
            self._times = [_times(table) for table in tables]
            known["a time"] = [np.isfinite(first) for first, _ in self._times]
        self.of_query, self.of_database = (
            np.logical_and.reduce([has[side] for has in known.values()], axis=0)
            if known
            else np.ones(len(table), np.bool_)
            for side, table in enumerate(tables)
        )
        self.words = " and ".join(known)
        nobody = [word for word, has in known.items() if not all(each.any() for each in has)]
        self.missing = " and ".join(nobody or known)

    def hold(self, query: Rows, row: Rows) -> NDArray[np.bool_]:
        """``(p,)``: whether each pair of a query and a row of the database meets them."""
        config = self.config
        held: NDArray[np.bool_] = self._own[query] != row
        if config.within is not None or config.beyond is not None:
            metres = geo.distance(self.queries.positions[query], self._database.positions[row])
            held &= metres <= (np.inf if config.within is None else config.within)
            held &= metres > (-1 if config.beyond is None else config.beyond)
        if config.heading is not None:
            turn = self._headings[0][query] - self._headings[1][row]
            held &= np.abs((turn + 180) % 360 - 180) <= config.heading
        if config.gap_seconds is not None:
            (first, last), (early, late) = self._times
            apart = np.maximum(first[query] - late[row], early[row] - last[query])
            held &= apart >= config.gap_seconds
        return held


def _times(table: PhotoTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds between which each photo was taken, by its own clock, since 1970; NaN: unknown."""
    taken = earliest_and_latest(table.frame["captured"])
    found = []
    for name in ("earliest", "latest"):
        text = pl.col(name)
        month = (text.str.slice(0, 7) + "-01").str.to_date(strict=False)
        day, hour, minute, second = (text.str.slice(at, 2).cast(pl.Int64) for at in (8, 11, 14, 17))
        # The end of a month of which no more is known is called its 31st, whatever the month.
        day = pl.min_horizontal(day, month.dt.month_end().dt.day().cast(pl.Int64))
        clock = 86_400 * (day - 1) + 3600 * hour + 60 * minute + second
        seconds = taken.select((month.dt.epoch("s") + clock).cast(pl.Float64)).to_series()
        found.append(seconds.fill_null(np.nan).to_numpy())
    return found[0], found[1]


class _Finder:
    """The nearest of an index that meet the conditions, for block after block of queries.

    A search knows nothing of conditions on pairs: more and more of the nearest are looked at, until
    enough meet the conditions. Where few photos lie within the radius, these are compared instead.

    Args:
        store: the index.
        searched: ``(n,)``, rows that may be found.
        conditions: on pairs.
        k: how many for each query.
    """

    def __init__(
        self, store: Snapshot, searched: NDArray[np.bool_], conditions: _Conditions, k: int
    ) -> None:
        self._store, self._searched, self._conditions, self._k = store, searched, conditions, k
        least = conditions.config.min_similarity
        self._least = -np.inf if least is None else least
        self._allowed = None if searched.all() else searched  # a mask takes time
        self._members = searched.nonzero()[0]
        self._radius = conditions.config.within
        if self._radius is not None:
            self._tree = cKDTree(geo.earth_centred(store.photos.positions[self._members]))

    def nearest(self, vectors: NDArray[np.float32], numbers: Rows) -> Answer:
        """Similarities and rows ``(m, k)``; NaN and -1 where there are fewer.

        Args:
            vectors: ``(m, D)``, as the index keeps them.
            numbers: ``(m,)``, of the queries.
        """
        similarity = np.full((len(numbers), self._k), np.nan, np.float32)
        rows = np.full((len(numbers), self._k), -1, np.int64)
        most = len(self._members)
        todo = np.arange(len(numbers) if most else 0)
        if self._radius is not None and len(todo):
            points = geo.earth_centred(self._conditions.queries.positions[numbers])
            reach = self._radius * MARGIN + 1  # by chords, so those within are among them
            near = self._tree.query_ball_point(points, reach, return_length=True) <= FEW_NEAR
            for some in _parts(todo[near], AT_ONCE // FEW_NEAR):
                balls = self._tree.query_ball_point(points[some], reach)
                widest = max(len(ball) for ball in balls)
                near_rows = np.full((len(some), widest), -1, np.int64)
                for line, ball in zip(near_rows, balls, strict=True):
                    line[: len(ball)] = self._members[ball]
                near_rows = self._held(near_rows, numbers[some])
                found = rescore(self._store.segments, vectors[some], near_rows, self._k)
                similarity[some], rows[some] = self._alike(*found)
            todo = todo[~near]
        candidates = self._k + 1 if not self._conditions.words else 4 * (self._k + 1)
        while len(todo) and candidates < 4 * MOST_CANDIDATES:
            wanted, left = min(candidates, most), []
            for some in _parts(todo, max(1, AT_ONCE // wanted)):
                found = self._search(vectors[some], wanted)
                held = self._held(found[1], numbers[some])
                similarity[some], rows[some] = self._alike(*best_of(found[0], held, self._k))
                # Whatever comes behind the last one is no more alike.
                over = (found[1][:, -1] < 0) | (found[0][:, -1] < self._least)
                left.append(some[~over & (rows[some, -1] < 0) & (wanted < most)])
            todo, candidates = np.concatenate(left), 4 * candidates
        every = np.arange(len(self._searched))
        for one in todo.tolist():
            met = self._searched & self._conditions.hold(np.full(len(every), numbers[one]), every)
            found = search_exact(self._store.segments, vectors[[one]], self._k, met)
            similarity[[one]], rows[[one]] = self._alike(*found)
        return similarity, rows

    def _search(self, vectors: NDArray[np.float32], k: int) -> Answer:
        if self._store.structure is not None and k <= MOST_APPROXIMATE:
            return self._store.structure.search(vectors, k, self._allowed)
        return search_exact(self._store.segments, vectors, k, self._allowed)

    def _held(self, candidates: Rows, numbers: Rows) -> Rows:
        """Candidates ``(m, c)`` that meet the conditions with their queries; -1 for the others."""
        query, column = np.nonzero(candidates >= 0)
        held = self._conditions.hold(numbers[query], candidates[query, column])
        kept = np.full_like(candidates, -1)
        kept[query[held], column[held]] = candidates[query[held], column[held]]
        return kept

    def _alike(self, similarity: NDArray[np.float32], rows: Rows) -> Answer:
        """Without those that are too little alike."""
        alike = similarity >= self._least
        return np.where(alike, similarity, np.float32(np.nan)), np.where(alike, rows, -1)


def _parts(numbers: Rows, size: int) -> Iterator[Rows]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
