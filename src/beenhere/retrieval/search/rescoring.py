"""Candidates scored again by the whole descriptors that are kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.search.best import best_of
from beenhere.retrieval.search.products import pair_products
from beenhere.retrieval.search.vectors import StoredVectors

DECODED_BYTES = 32 * 2**20
"""Of vectors that are not kept in float32, at once."""


def rescore(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    candidates: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` best candidates of each query, by the similarity of exact search.

    Args:
        segments: where the candidates are; rows are numbered through all of them.
        queries: ``(m, D)``, C-contiguous.
        candidates: ``(m, c)`` rows; -1 for none.
        k: how many.

    Returns:
        Similarity and rows, ``(m, k)``; NaN and -1 where there are fewer.
    """
    candidates = np.sort(candidates, axis=1)
    similarity = np.zeros(candidates.shape, np.float32)
    first = 0
    for segment in segments:
        last = first + len(segment)
        query, place = np.nonzero((candidates >= first) & (candidates < last))
        rows = candidates[query, place] - first
        similarity[query, place] = _products(segment, queries, query, rows)
        first = last
    return best_of(similarity, candidates, k)


def _products(
    segment: StoredVectors,
    queries: NDArray[np.float32],
    query: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Of pairs of a query and a row of the segment, ``(p,)``."""
    if segment.values.dtype == np.float32 and segment.values.flags.c_contiguous:
        return pair_products(queries, segment.values, query, rows)
    products = np.empty(len(rows), np.float32)
    step = max(1, DECODED_BYTES // (4 * segment.dim))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        distinct, row = np.unique(rows[some], return_inverse=True)
        products[some] = pair_products(queries, segment.take(distinct), query[some], row)
    return products
