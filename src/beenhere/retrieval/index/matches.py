"""What a search gives: the photos found, by rows of a table."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from beenhere.photos.table import PhotoTable


class Searched(Protocol):
    """Photos among which some were found."""

    @property
    def photos(self) -> PhotoTable:
        """Which the rows of matches number."""


@dataclass(frozen=True, eq=False)
class Matches:
    """The photos nearest to some queries, nearest first.

    Attributes:
        similarity: ``(m, k)`` float32, cosine; NaN where there are fewer than k photos.
        rows: ``(m, k)`` int64 rows of :attr:`photos`; -1 there.
        index: the state that was searched; of photos in Milvus those that were found.
    """

    similarity: NDArray[np.float32]
    rows: NDArray[np.int64]
    index: Searched

    @property
    def photos(self) -> PhotoTable:
        """Every row of the index as it was searched, removed ones too; of Milvus those found."""
        return self.index.photos

    def paths(self, query: int) -> list[str]:
        """Of the photos found for a query, nearest first."""
        found = self.rows[query]
        return self.photos.frame["path"].gather(found[found >= 0]).to_list()
