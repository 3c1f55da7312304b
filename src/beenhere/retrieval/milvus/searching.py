"""Search in Milvus: it finds, and the filter has the last word."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.photos import COLUMNS, photo_table
from beenhere.retrieval.milvus.collection import MOST_HITS, Collection
from beenhere.retrieval.milvus.expressions import both, expression, one_of
from beenhere.retrieval.milvus.rows import PHOTO, photo_frame
from beenhere.retrieval.search.filters import Filter


@dataclass(frozen=True)
class Found:
    """Photos that were found, by any of the queries, each once."""

    photos: PhotoTable


@dataclass
class _Known:
    """Every photo that has come back so far, and whether it may be found."""

    row: dict[str, int] = field(default_factory=dict)
    frames: list[pl.DataFrame] = field(default_factory=list)
    allowed: list[bool] = field(default_factory=list)

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


def search_collection(
    collection: Collection, queries: NDArray[np.float32], k: int, where: Filter | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], Found]:
    """The ``k`` photos with the largest inner product with each query, best first.

    Milvus is asked again, without what it gave and the filter refuses, until ``k`` are found or no
    more are left.

    Args:
        collection: to search.
        queries: ``(m, D)``, L2-normalised.
        k: how many, from 1 to 16,384.
        where: what the photos must be besides; None: all are searched.

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
    known = _Known()
    refused: list[str] = []
    pending = np.arange(len(queries))
    # Of the square around a circle, a fifth lies outside it.
    limit = k if where is None or where.near is None else min(2 * k, MOST_HITS)
    while len(pending):
        without = f"not ({one_of('id', refused)})" if refused else ""
        hits = collection.nearest(queries[pending], limit, both(wide, without))
        refused += known.look_at(hits, where)
        short = []
        for query, found in zip(pending.tolist(), hits, strict=True):
            good = [hit for hit in found if known.allowed[known.row[hit["id"]]]]
            good.sort(key=lambda hit: (-hit["distance"], hit["entity"]["path"]))
            best = good[:k]
            similarity[query, : len(best)] = [hit["distance"] for hit in best]
            rows[query, : len(best)] = [known.row[hit["id"]] for hit in best]
            if len(best) < k and len(found) == limit:
                short.append(query)
        pending = np.array(short, np.int64)
        limit = min(2 * limit, MOST_HITS)
    frame = pl.concat([pl.DataFrame(schema=COLUMNS), *known.frames])
    return similarity, rows, Found(photo_table(frame))


def covered_by(
    collection: Collection, positions: geo.Positions, radius: float
) -> NDArray[np.bool_]:
    """Whether a photo was taken at most ``radius`` metres from each of ``m`` positions, ``(m,)``.

    Raises:
        DataError: Milvus does not answer.
    """
    covered = positions.known.copy()
    for number in np.flatnonzero(covered):
        where = Filter((float(positions.lat[number]), float(positions.lon[number])), radius)
        batches = collection.every(expression(where), PHOTO)
        tables = (photo_table(photo_frame(batch)) for batch in batches)
        covered[number] = any(where.rows(table).any() for table in tables)
    return covered
