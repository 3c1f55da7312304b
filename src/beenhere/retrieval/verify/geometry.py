"""How many matched points of two photos agree on one scene seen from two places."""

import numpy as np
from numpy.typing import NDArray

LEAST_POINTS = 8
"""A fundamental matrix fits any seven points: fewer than eight say nothing."""

CONFIDENCE, ITERATIONS = 0.999, 2000


def count_inliers(first: NDArray[np.float32], second: NDArray[np.float32], threshold: float) -> int:
    """Points that lie near the epipolar lines of one fundamental matrix.

    MAGSAC++ (Barath et al., 2020) as OpenCV has it. A fundamental matrix holds for any scene and
    any two viewpoints; where the scene is flat or the camera only turned there are many, and one of
    them is found, with all the points on it. The same points always give the same count.

    Args:
        first, second: ``(m, 2)`` pixels, row by row the same point of the scene.
        threshold: pixels from the epipolar line, at most about so many.

    Returns:
        0 to ``m``; 0 where no matrix is found.
    """
    import cv2

    if len(first) < LEAST_POINTS:
        return 0
    try:
        matrix, inliers = cv2.findFundamentalMat(
            first, second, cv2.USAC_MAGSAC, threshold, CONFIDENCE, ITERATIONS
        )
    except cv2.error:
        # OpenCV fails on some points of which no matrix can be refined, such as all on a line.
        return 0
    return 0 if matrix is None or inliers is None else int(np.count_nonzero(inliers))
