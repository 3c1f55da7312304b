"""The cost and the losses of a way to search, against exact search on the same vectors."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.search.approximate import Structure
from beenhere.retrieval.search.exact import MOST_ROWS, search_exact
from beenhere.retrieval.search.scoring import Answer
from beenhere.retrieval.search.vectors import Dtype, StoredVectors, blocks, quantise
from beenhere.retrieval.search.whitening import Whitening

ALONE = 20
"""Queries that are searched one at a time, to see how long one takes."""


class ExactIn:
    """Exact search of vectors as it would be if they were kept in fewer bytes."""

    def __init__(self, dtype: Dtype, segments: Sequence[StoredVectors]) -> None:
        self.kind = f"exact, {dtype}"
        self._segments = [
            quantise(block.floats(0, len(block)), dtype)
            for block, _ in blocks(segments, MOST_ROWS, None)
        ]
        self.nbytes = sum(each.nbytes for each in self._segments)

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Answer:
        """As :func:`beenhere.retrieval.search.exact.search_exact`."""
        return search_exact(self._segments, queries, k, allowed)


class Shorter:
    """Exact search of vectors as it would be with their principal directions alone.

    That is what an index built by ``whitening: {dim: N, power: 0}`` finds.
    """

    def __init__(self, whitening: Whitening, segments: Sequence[StoredVectors]) -> None:
        self.kind = f"{whitening.dim:,} numbers"
        self._whitening = whitening
        self._segments = [
            StoredVectors(whitening.apply(block.floats(0, len(block))))
            for block, _ in blocks(segments, MOST_ROWS, None)
        ]
        self.nbytes = sum(each.nbytes for each in self._segments)

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Answer:
        """As :func:`beenhere.retrieval.search.exact.search_exact`."""
        return search_exact(self._segments, self._whitening.apply(queries), k, allowed)


@dataclass(frozen=True)
class Quality:
    """One way to search, as a row of a table.

    Attributes:
        kind: ``exact``, or a structure's kind.
        kept: for each ``k``, the share of exact search's first ``k`` matches that are among the
            first ``k`` here, over all queries; in [0, 1]. ``kept[1]``: of first matches.
        photo_bytes: bytes a photo: of the vectors for exact search, of the structure besides them.
        together_ms: milliseconds a query, all queries at once.
        alone_ms: milliseconds of one query by itself, the median.
    """

    kind: str
    kept: dict[int, float]
    photo_bytes: float
    together_ms: float
    alone_ms: float


def measure(
    segments: Sequence[StoredVectors],
    others: Iterable[Structure | ExactIn | Shorter],
    queries: NDArray[np.float32],
    ks: Sequence[int],
    own: NDArray[np.int64] | None = None,
    allowed: NDArray[np.bool_] | None = None,
) -> list[Quality]:
    """Exact search, and then others, as rows of a table.

    Args:
        segments: what is searched, at least one vector.
        others: asked for one after the other, so that they need not be in memory together.
        queries: ``(m, D)``, at least one.
        ks: how many matches to look at, 1 or more each.
        own: ``(m,)`` for queries that are photos of the index, their rows: that each finds itself
            does not count.
        allowed: ``(n,)``, rows that may be found; None: all.
    """
    most = max(ks) + (own is not None)
    exact = partial(search_exact, segments, k=most, allowed=allowed)
    (_, rows), together, alone = _timed(exact, queries)
    true = _others(rows, own)
    stored = sum(segment.nbytes for segment in segments) / max(1, sum(map(len, segments)))
    table = [Quality("exact", dict.fromkeys(ks, 1.0), stored, together, alone)]
    for other in others:
        search = partial(other.search, k=most, allowed=allowed)
        (_, rows), together, alone = _timed(search, queries)
        found = _others(rows, own)
        kept = {k: _kept(true[:, :k], found[:, :k]) for k in ks}
        table.append(Quality(other.kind, kept, other.nbytes / len(other), together, alone))
    return table


def _timed(
    search: Callable[[NDArray[np.float32]], Answer], queries: NDArray[np.float32]
) -> tuple[Answer, float, float]:
    """The answer, milliseconds a query of all together, and of one alone."""
    search(queries[:1])  # what is memory-mapped is read from the disk now
    start = time.perf_counter()
    answer = search(queries)
    together = time.perf_counter() - start
    alone = []
    for query in queries[:ALONE]:
        start = time.perf_counter()
        search(query[None])
        alone.append(time.perf_counter() - start)
    return answer, 1000 * together / len(queries), 1000 * float(np.median(alone))


def _others(rows: NDArray[np.int64], own: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Without each query's own row; one match fewer."""
    if own is None:
        return rows
    # False sorts before True: the others first, in their order; the own row last.
    order = np.argsort(rows == own[:, None], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(rows, order, axis=1)


def _kept(true: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    hits = (true[:, :, None] == found[:, None, :]).any(axis=2) & (true >= 0)
    return float(hits.sum() / (true >= 0).sum()) if (true >= 0).any() else 1.0
