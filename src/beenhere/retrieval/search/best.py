"""The best rows of each query while a database goes by."""

import numpy as np
from numpy.typing import NDArray


def best_of(
    similarity: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` best of each query's candidates, best first; among equals the lower row.

    Args:
        similarity: ``(m, c)``.
        rows: ``(m, c)``, ascending for each query; -1 where there is no candidate.
        k: how many; may be more than ``c``.

    Returns:
        Similarity and rows, ``(m, k)``; NaN and -1 where there are fewer.
    """
    lacking = max(0, k - rows.shape[1])
    rows = np.pad(rows, ((0, 0), (0, lacking)), constant_values=-1)
    similarity = np.pad(similarity, ((0, 0), (0, lacking)))
    # Stable, so that lower rows stay before their equals.
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
        self._similarity = np.full((queries, k), -np.inf, np.float32)
        self._rows = np.full((queries, k), -1, np.int64)
        self._waiting: list[tuple[NDArray[np.int64], ...]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._count = 0

    @property
    def least(self) -> NDArray[np.float32]:
        """What a row must reach to be among the best, ``(m,)``; -inf while there are fewer.

        May be lower than need be, as what waits is not counted.
        """
        return self._similarity[:, -1]

    def add(
        self,
        queries: NDArray[np.int64],
        rows: NDArray[np.int64],
        similarity: NDArray[np.float32],
    ) -> None:
        """Take in pairs of a query and a row, ``(p,)`` each.

        The rows of a query must ascend, within a call and from call to call.
        """
        self._waiting.append((queries, rows))
        self._scores.append(similarity)
        self._count += len(rows)
        # Half of what is kept can be out of date at most, which lets through half as many again.
        if 2 * self._count >= self._rows.size:
            self._sort()

    def answer(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Similarity and rows, ``(m, k)``, best first; NaN and -1 where there are fewer."""
        self._sort()
        return np.where(self._rows >= 0, self._similarity, np.float32(np.nan)), self._rows.copy()

    def _sort(self) -> None:
        if self._count == 0:
            return
        queries, rows = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        similarity = np.concatenate(self._scores)
        self._waiting, self._scores, self._count = [], [], 0
        order = np.argsort(queries, kind="stable")
        members, counts = np.unique(queries, return_counts=True)
        starts = np.cumsum(counts) - counts
        line = np.repeat(np.arange(len(members)), counts)
        column = np.arange(len(order)) - np.repeat(starts, counts)
        k, width = self._rows.shape[1], int(counts.max())
        table = np.full((len(members), k + width), -np.inf, np.float32)
        numbers = np.full((len(members), k + width), -1, np.int64)
        table[:, :k], numbers[:, :k] = self._similarity[members], self._rows[members]
        table[line, k + column], numbers[line, k + column] = similarity[order], rows[order]
        # Stable: what is kept came from lower rows, so it wins among equals.
        chosen = np.argsort(-table, axis=1, kind="stable")[:, :k]
        self._similarity[members] = np.take_along_axis(table, chosen, axis=1)
        self._rows[members] = np.take_along_axis(numbers, chosen, axis=1)
