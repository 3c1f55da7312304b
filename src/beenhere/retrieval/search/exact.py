"""Exact search: a fast product that may err picks candidates, an exact one decides.

The product of a block of the database with all queries is computed in bfloat16, which a processor
that has it multiplies twice as fast as float32 or more. How far it may be off is bounded
(:class:`FastProduct`). A row is dropped only where its product is so low that, however the errors
fell, ``k`` others are better. What is left, a few times ``k`` rows a query, is scored again in
float32. So the answer is that of float32 throughout, by construction and not by luck.
"""

import ctypes
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.devices import has_bfloat16
from beenhere.errors import DataError
from beenhere.retrieval.search.best import Best
from beenhere.retrieval.search.blocks import blocks
from beenhere.retrieval.search.candidates import GROUP, FastProduct
from beenhere.retrieval.search.products import pair_products
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.retrieval.search.workers import workers

BLOCK_BYTES = 16 * 2**20
"""Of the database in float32 at once."""

MOST_ROWS = 8192
"""Database vectors at once, however small."""

TILE_QUERIES = 1024
"""Queries at once: with ``MOST_ROWS`` 16 MiB of products, which stay in the caches."""

MUCH_IN_COMMON = 0.7
"""Length of the vectors' mean, in their own, from which it is taken off (a mean cosine of 0.5)."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Queries, rows of the database, and their products, ``(p,)`` each."""

FEW_QUERIES = 16
"""For no more, reading the database takes the time: rounding it to bfloat16 gains nothing."""


def search_exact(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` rows of the largest inner product with each query, best first.

    Memory holds a block of the database and its products, whatever the size; memory-mapped
    segments are read once, from beginning to end. Of L2-normalised descriptors the inner product
    is the cosine similarity, and the order is that of L2 distances. Others are searched as exactly,
    by inner product. Vectors kept as float16 or int8 count as what they decode to.

    Args:
        segments: of one dimension; rows are numbered through all of them.
        queries: ``(m, D)``, finite.
        k: how many, 1 or more.
        allowed: ``(n,)``, rows that may be found; others are not read. None: all.

    Returns:
        Inner products in float32 and rows, ``(m, k)``; NaN and -1 where there are fewer rows.
        Among equals the lower row comes first.

    Raises:
        DataError: dimensions or lengths that do not fit, or numbers that are not finite.
    """
    wanted = checked_queries(segments, queries, k, allowed)
    best = Best(len(wanted), k)
    bfloat16 = len(wanted) > FEW_QUERIES and has_bfloat16(torch.device("cpu"))
    size = max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * wanted.shape[1])) // GROUP) * GROUP
    database = blocks(segments, size, allowed)
    first = next(database, None)
    if first is None:
        return best.answer()
    centre = _centre(_tensor(first[0]))
    tiles = [
        FastProduct(wanted[start : start + TILE_QUERIES], centre, bfloat16)
        for start in range(0, len(wanted), TILE_QUERIES)
    ]
    running: deque[Future[list[Pairs]]] = deque()
    with workers() as pool:
        threads = pool.threads
        benches = [_Bench(centre, size, tiles, k) for _ in range(threads)]
        for number, block in enumerate(chain([first], database)):
            if len(running) == threads:
                _add(best, running.popleft())
            # The bench of the block that is done: results are taken in the order of the blocks.
            bench = benches[number % threads]
            running.append(pool.submit(bench.pairs, *block, best.least.copy()))
            if number == 0:
                # What the first block finds spares the next ones most of their work.
                _add(best, running.popleft())
        while running:
            _add(best, running.popleft())
    return best.answer()


def _add(best: Best, result: "Future[list[Pairs]]") -> None:
    for query, row, similarity in result.result():
        best.add(query, row, similarity)


def checked_queries(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """The queries as every search takes them: float32, C-contiguous.

    Raises:
        DataError: what is asked for cannot be searched, as :func:`search_exact` says.
    """
    if k < 1:
        raise DataError(f"k is {k}; expected 1 or more matches for each query")
    if queries.ndim != 2 or queries.shape[1] == 0:
        raise DataError(f"queries have the shape {queries.shape}; expected (m, D)")
    for segment in segments:
        if segment.dim != queries.shape[1]:
            raise DataError(
                f"descriptors have {queries.shape[1]} dimensions in the queries and {segment.dim} "
                "in the database; expected those of one model"
            )
    count = sum(map(len, segments))
    if allowed is not None and (allowed.shape != (count,) or allowed.dtype != np.bool_):
        raise DataError(
            f"allowed is {allowed.dtype} of shape {allowed.shape}; expected bool of ({count},), "
            "one for each row of the database"
        )
    wrong = np.flatnonzero(~np.isfinite(queries).all(axis=1))
    if len(wrong):
        raise DataError(f"query {wrong[0]} holds NaN or infinity; expected a finite descriptor")
    return np.require(queries, np.float32, ("C", "W"))


def _tensor(kept: StoredVectors) -> Tensor:
    """Vectors in float32, ``(b, D)``; maybe not a copy, so they must not be written."""
    if kept.values.dtype == np.float16:
        # torch widens these many times as fast as numpy does.
        return _shared(kept.values).float()
    return _shared(kept.floats(0, len(kept)))


def _shared(numbers: NDArray[Any]) -> Tensor:
    """The same memory as a tensor, which does not keep it alive."""
    numbers = np.ascontiguousarray(numbers)
    if not numbers.flags.writeable:
        # A memory map may be read-only. torch has no such tensors and warns of them.
        memory = (ctypes.c_char * numbers.nbytes).from_address(numbers.ctypes.data)
        numbers = np.frombuffer(memoryview(memory), numbers.dtype).reshape(numbers.shape)
    return torch.from_numpy(numbers)


def _centre(block: Tensor) -> Tensor:
    """What the vectors of a database have in common, as far as its first block tells, ``(D,)``.

    Zero where that is not worth taking off.
    """
    centre = block.mean(dim=0)
    length = torch.linalg.vector_norm(block, dim=1).mean()
    if torch.linalg.vector_norm(centre) > MUCH_IN_COMMON * length:
        return centre
    return torch.zeros_like(centre)


class _Bench:
    """What one thread needs to compare a block with all queries; used again for each."""

    def __init__(self, centre: Tensor, size: int, tiles: list[FastProduct], k: int) -> None:
        self._centre = centre
        self._tiles = tiles
        self._k = k
        dtype = tiles[0].dtype if tiles else torch.float32
        self._centred = torch.empty((size, len(centre))) if centre.any() else None
        self._rounded = (
            torch.empty((size, len(centre)), dtype=dtype) if dtype == torch.bfloat16 else None
        )
        most = max((len(tile.queries) for tile in tiles), default=0)
        self._scratch = torch.empty(size * most, dtype=dtype)

    def pairs(
        self, kept: StoredVectors, rows: NDArray[np.int64], least: NDArray[np.float32]
    ) -> list[Pairs]:
        """Queries, rows and products of all that may be among the best.

        Raises:
            DataError: a vector is not finite.
        """
        block = _tensor(kept)
        rounded, norm = self._round(block, rows)
        found, start = [], 0
        for tile in self._tiles:
            stop = start + len(tile.queries)
            query, row = tile.candidates(rounded, norm, self._k, least[start:stop], self._scratch)
            similarity = pair_products(tile.queries, block.numpy(), query, row)
            found.append((query + start, rows[row], similarity))
            start = stop
        return found

    def _round(self, block: Tensor, rows: NDArray[np.int64]) -> tuple[Tensor, float]:
        """The block less the centre, and the norm of its longest vector before it was rounded."""
        centred = block
        if self._centred is not None:
            centred = torch.sub(block, self._centre, out=self._centred[: len(block)])
        norms = torch.linalg.vector_norm(centred, dim=1)
        wrong = torch.nonzero(~torch.isfinite(norms))
        if len(wrong):
            raise DataError(
                f"row {rows[int(wrong[0])]} of the database holds NaN or infinity; expected "
                "descriptors: check the files, or compute them again"
            )
        if self._rounded is None:
            return centred, float(norms.max())
        return self._rounded[: len(block)].copy_(centred), float(norms.max())
