"""The scores that decide, in every search: inner products in float32, and the best of them."""

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.search.vectors import StoredVectors

DECODED_BYTES = 32 * 2**20
"""Of vectors that are not kept in float32, at once."""

Answer = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Inner products and rows, ``(m, k)``, best first; NaN and -1 where there are fewer."""


def pair_products(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    query: NDArray[np.int64],
    vector: NDArray[np.int64],
) -> NDArray[np.float32]:
    """``queries[query[i]] . vectors[vector[i]]``, ``(p,)``, without gathering the vectors.

    The same two vectors give the same number to the last bit, whatever stands beside them: so a
    result depends on neither blocks nor segments, and copies of a photo tie exactly.

    Args:
        queries: ``(m, D)``, C-contiguous.
        vectors: ``(n, D)``, C-contiguous.
        query: ``(p,)`` rows of ``queries``.
        vector: ``(p,)`` rows of ``vectors``.
    """
    products = np.empty(len(query), np.float32)
    query, vector = np.ascontiguousarray(query), np.ascontiguousarray(vector)
    arrays: tuple[NDArray[Any], ...] = queries, query, vectors, vector, products
    # faiss' type stubs leave it out.
    faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]
        queries.shape[1], len(query), *map(faiss.swig_ptr, arrays)
    )
    return products


def best_of(similarity: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Answer:
    """The ``k`` best of each query's candidates, best first; among equals the first one given.

    Args:
        similarity: ``(m, c)``.
        rows: ``(m, c)``; -1 where there is no candidate.
        k: how many; may be more than ``c``.
    """
    lacking = max(0, k - rows.shape[1])
    rows = np.pad(rows, ((0, 0), (0, lacking)), constant_values=-1)
    similarity = np.pad(similarity, ((0, 0), (0, lacking)))
    worth = np.where(rows >= 0, similarity, np.float32(-np.inf))
    order = np.argsort(-worth, axis=1, kind="stable")[:, :k]
    rows = np.take_along_axis(rows, order, axis=1)
    similarity = np.take_along_axis(similarity, order, axis=1)
    return np.where(rows >= 0, similarity, np.float32(np.nan)), rows


class Best:
    """Keeps the ``k`` best rows of each of ``m`` queries; among equals the lower row is better.

    What is added waits until there is enough to be worth sorting.
    """

    def __init__(self, queries: int, k: int) -> None:
        self._similarity = np.full((queries, k), np.nan, np.float32)
        self._rows = np.full((queries, k), -1, np.int64)
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._count = 0

    @property
    def least(self) -> NDArray[np.float32]:
        """The product that a row must exceed to be among the best, ``(m,)``; -inf while any may.

        May be lower than need be, as what waits is not counted.
        """
        full = self._rows[:, -1] >= 0
        return np.where(full, self._similarity[:, -1], np.float32(-np.inf))

    def add(
        self,
        queries: NDArray[np.int64],
        rows: NDArray[np.int64],
        similarity: NDArray[np.float32],
    ) -> None:
        """Take in pairs of a query and a row, ``(p,)`` each.

        The rows of a query must ascend, within a call and from call to call.
        """
        self._waiting.append((queries, rows, similarity))
        self._count += len(rows)
        # Half of what is kept can be out of date at most, which lets through half as many again.
        if 2 * self._count >= self._rows.size:
            self._sort()

    def answer(self) -> Answer:
        """Similarity and rows, ``(m, k)``, best first; NaN and -1 where there are fewer."""
        self._sort()
        return self._similarity, self._rows

    def _sort(self) -> None:
        if self._count == 0:
            return
        queries, rows, similarity = map(np.concatenate, zip(*self._waiting, strict=True))
        self._waiting, self._count = [], 0
        # The pairs of each query become one line of a table, behind what is kept of it: that came
        # from lower rows, so it wins among equals.
        order = np.argsort(queries, kind="stable")
        members, counts = np.unique(queries, return_counts=True)
        line = np.repeat(np.arange(len(members)), counts)
        column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        new = np.full((len(members), counts.max()), -1, np.int64)
        scores = np.zeros(new.shape, np.float32)
        new[line, column], scores[line, column] = rows[order], similarity[order]
        k = self._rows.shape[1]
        self._similarity[members], self._rows[members] = best_of(
            np.hstack([self._similarity[members], scores]),
            np.hstack([self._rows[members], new]),
            k,
        )


def rescore(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    candidates: NDArray[np.int64],
    k: int,
) -> Answer:
    """The ``k`` best candidates of each query; among equals the lower row comes first.

    Args:
        segments: where the candidates are; rows are numbered through all of them.
        queries: ``(m, D)``, C-contiguous.
        candidates: ``(m, c)`` rows; -1 for none.
        k: how many.
    """
    candidates = np.sort(candidates, axis=1)
    similarity = np.zeros(candidates.shape, np.float32)
    first = 0
    for segment in segments:
        last = first + len(segment)
        query, place = np.nonzero((candidates >= first) & (candidates < last))
        rows = candidates[query, place] - first
        first = last
        if segment.values.dtype == np.float32 and segment.values.flags.c_contiguous:
            segment.check(rows)
            similarity[query, place] = pair_products(queries, segment.values, query, rows)
            continue
        step = max(1, DECODED_BYTES // (4 * segment.dim))
        for start in range(0, len(rows), step):
            some = slice(start, start + step)
            distinct, row = np.unique(rows[some], return_inverse=True)
            scores = pair_products(queries, segment.take(distinct), query[some], row)
            similarity[query[some], place[some]] = scores
    return best_of(similarity, candidates, k)
