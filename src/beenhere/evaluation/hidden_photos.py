"""Search an index as if photos around each query's true position were not in it."""

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.retrieval.index import Matches
from beenhere.retrieval.locate.candidates import Searchable, SearchResult
from beenhere.retrieval.search.filters import Filter

AT_FIRST = 64
"""Matches to look at besides those that are wanted; four times as many until they are enough."""


class HiddenPhotos:
    """An index that hides from each query the photos near its true position.

    Args:
        index: to search.
        positions: ``(m,)`` of the queries, all known, in the order in which they are asked.
        radius: metres; a photo that far away or nearer is hidden.
    """

    def __init__(self, index: Searchable, positions: geo.Positions, radius: float) -> None:
        self._index = index
        self._positions = positions
        self._radius = radius

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self, descriptors: NDArray[np.floating], k: int, where: Filter | None = None
    ) -> Matches:
        """The nearest photos of those that are not hidden; see :meth:`beenhere.Index.search`.

        Raises:
            DataError: as there.
        """
        looked = min(k + AT_FIRST, len(self._index))
        while True:
            found = self._index.search(descriptors, max(looked, k), where)
            seen = self._seen(found)
            # A row of -1 among the matches: the index has no more of them.
            short = (seen.sum(axis=1) < k) & (found.rows >= 0).all(axis=1)
            if looked >= len(self._index) or not short.any():
                return _first(found, seen, k)
            looked = min(4 * looked, len(self._index))

    def _seen(self, found: SearchResult) -> NDArray[np.bool_]:
        there = found.rows >= 0
        query = np.nonzero(there)[0]
        photos = found.photos.positions[found.rows[there].astype(np.intp)]
        metres = geo.distance(photos, self._positions[query])
        seen = np.zeros(found.rows.shape, bool)
        # A photo without a position (NaN) may have been taken anywhere, here too.
        seen[there] = metres > self._radius
        return seen


def _first(found: SearchResult, seen: NDArray[np.bool_], k: int) -> Matches:
    order = np.argsort(~seen, axis=1, kind="stable")[:, :k]
    kept = np.take_along_axis(seen, order, axis=1)
    similarity = np.take_along_axis(found.similarity, order, axis=1)
    rows = np.take_along_axis(found.rows, order, axis=1)
    return Matches(np.where(kept, similarity, np.float32(np.nan)), np.where(kept, rows, -1), found)
