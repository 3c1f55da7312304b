"""Two photos: which of their local features may show the same point, and how many agree."""

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.verify.local_features import LocalFeatures

LEAST_POINTS = 8
"""A fundamental matrix fits any seven points: fewer than eight say nothing."""

CONFIDENCE, ITERATIONS = 0.999, 2000


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


def inlier_mask(
    first: NDArray[np.float32], second: NDArray[np.float32], threshold: float
) -> NDArray[np.bool_]:
    """Which points lie near the epipolar lines of one fundamental matrix.

    MAGSAC++ (Barath et al., 2020) as OpenCV has it. A fundamental matrix holds for any scene and
    any two viewpoints; where the scene is flat or the camera only turned there are many, and one of
    them is found, with all the points on it. The same points always give the same count.

    Args:
        first, second: ``(m, 2)`` pixels, row by row the same point of the scene.
        threshold: pixels from the epipolar line, at most about so many.

    Returns:
        ``(m,)``; none where no matrix is found.
    """
    import cv2

    none = np.zeros(len(first), np.bool_)
    if len(first) < LEAST_POINTS:
        return none
    try:
        matrix, inliers = cv2.findFundamentalMat(
            first, second, cv2.USAC_MAGSAC, threshold, CONFIDENCE, ITERATIONS
        )
    except cv2.error:
        # OpenCV fails on some points of which no matrix can be refined, such as all on a line.
        return none
    return none if matrix is None or inliers is None else inliers.ravel().astype(np.bool_)


def count_inliers(first: NDArray[np.float32], second: NDArray[np.float32], threshold: float) -> int:
    """How many points :func:`inlier_mask` has, 0 to ``m``."""
    return int(np.count_nonzero(inlier_mask(first, second, threshold)))
