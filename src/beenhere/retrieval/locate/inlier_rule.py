"""When a place counts as known on an index that nobody has calibrated: the gap between inliers.

No count of inliers alone tells: a dozen come by chance with one foreign photo in ten, and with all
photos of another street of the same city, whose windows and kerbs are alike. But what comes by
chance comes everywhere in the index. So the best match must be ahead of the best one anywhere else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beenhere.photos.reference import Points, distance
from beenhere.wording import count

LEAST_INLIERS = 12
"""Of the best match."""

LEAST_GAP = 10
"""Inliers that it must have more than the best match elsewhere."""


class InlierGap(NamedTuple):
    """Inliers of the best match of a query, and of the best one that shows another place.

    Attributes:
        rank: of the best match.
        inliers: of it.
        elsewhere: most of any match that lies farther from it than the radius of a place, or whose
            place is not known; 0 where there is none.
    """

    rank: int
    inliers: int
    elsewhere: int

    @property
    def known(self) -> bool:
        """Whether that makes the place of the best match a known one."""
        return self.inliers >= LEAST_INLIERS and self.inliers - self.elsewhere >= LEAST_GAP

    def __str__(self) -> str:
        return f"{count(self.inliers, 'inlier')}, at most {self.elsewhere} elsewhere"


def inlier_gaps(
    inliers: NDArray[np.float64], points: Points, own: int, radius: float
) -> Sequence[InlierGap | None]:
    """The gap of each of ``n`` queries; None where no match of a known place could be verified.

    Args:
        inliers: ``(n, K)``; NaN where not verified.
        points: where the matches were taken, ``n * K``, query by query.
        own: of the first so many matches the best is taken; the others count as rivals alone.
        radius: around the best match within which another shows the same place.
    """
    n, k = inliers.shape
    usable = np.where(points.known.reshape(n, k), inliers, np.nan)[:, :own]
    best = np.where(np.isnan(usable), -1, usable).argmax(axis=1) if own else np.zeros(n, np.intp)
    centre = points[np.repeat(np.arange(n) * k + best, k)]
    far = distance(centre, points).reshape(n, k)
    elsewhere = np.where(far <= radius, np.nan, inliers)
    rivals = np.where(np.isnan(elsewhere), 0, elsewhere).max(axis=1, initial=0)
    return [
        None
        if not own or np.isnan(usable[query, rank])
        else InlierGap(int(rank) + 1, int(usable[query, rank]), int(rivals[query]))
        for query, rank in enumerate(best)
    ]
