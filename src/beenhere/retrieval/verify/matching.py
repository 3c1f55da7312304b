"""Which local features of two photos may show the same point."""

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.verify.local_features import LocalFeatures


def mutual_matches(first: LocalFeatures, second: LocalFeatures, ratio: float) -> NDArray[np.intp]:
    """Pairs of features that are each other's nearest, and much nearer than the second nearest.

    The ratio test (Lowe, 2004, section 7.1) is on L2 distances, seen from the first photo. Each
    feature is in one pair at most.

    Args:
        first, second: of two photos.
        ratio: of the distance to the nearest over that to the second nearest, below this; at 1
            only features with two nearest fail.

    Returns:
        ``(m, 2)``: numbers of features of the first and of the second, by the first.
    """
    if len(first) == 0 or len(second) < 2:
        return np.zeros((0, 2), np.intp)
    cosines = first.descriptors @ second.descriptors.T
    numbers = np.arange(len(first))
    nearest = cosines.argmax(axis=1)
    mutual = cosines.argmax(axis=0)[nearest] == numbers
    best = cosines[numbers, nearest]
    cosines[numbers, nearest] = -np.inf
    # Of vectors of length 1: the square of the distance is twice this.
    near, next_near = 1 - best, 1 - cosines.max(axis=1)
    kept = mutual & (near < ratio**2 * next_near)
    return np.stack([numbers[kept], nearest[kept]], axis=1)
