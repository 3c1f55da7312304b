"""Exact nearest neighbours of normalised descriptors."""

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError

BLOCK_BYTES = 64 * 2**20
"""Of the database in float32 at once; the rest stays where it is, on disk if memory-mapped."""

# faiss multiplies 1024 database vectors at a time. Blocks of whole such pieces give, to the last
# bit, the distances of one search over everything.
_PIECE = 1024


def search(
    database: NDArray[np.floating], queries: NDArray[np.floating], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` nearest database descriptors of each query, by L2 distance, nearest first.

    Equal to ``faiss.IndexFlatL2`` over the whole database, but reads it in blocks. Among equal
    distances the lower row comes first.

    Args:
        database: ``(n, D)`` L2-normalised, float32 or float16, memory-mapped or not.
        queries: ``(m, D)``, alike.
        k: how many; a database of fewer gives all.

    Returns:
        Cosine similarity, ``(m, min(k, n))`` in [-1, 1], and rows of the database, alike.

    Raises:
        DataError: the database is empty, or the dimensions differ.
    """
    if len(database) == 0:
        raise DataError("the database holds no descriptor; expected at least one readable photo")
    if database.shape[1] != queries.shape[1]:
        raise DataError(
            f"descriptors have {queries.shape[1]} dimensions in the queries and "
            f"{database.shape[1]} in the database; expected those of one model"
        )
    wanted = np.ascontiguousarray(queries, np.float32)
    piece_bytes = _PIECE * database.shape[1] * 4
    block = max(1, BLOCK_BYTES // piece_bytes) * _PIECE
    squared = np.empty((len(wanted), 0), np.float32)
    rows = np.empty((len(wanted), 0), np.int64)
    for start in range(0, len(database), block):
        vectors = np.ascontiguousarray(database[start : start + block], np.float32)
        near, found = faiss.knn(wanted, vectors, min(k, len(vectors)))
        squared = np.concatenate([squared, near], axis=1)
        rows = np.concatenate([rows, found + start], axis=1)
        # Stable: earlier blocks hold lower rows, so they win among equals.
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        squared = np.take_along_axis(squared, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
    return (1 - squared / 2).astype(np.float32, copy=False), rows
