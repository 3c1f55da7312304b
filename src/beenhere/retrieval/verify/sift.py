"""SIFT, which needs no weights."""

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.verify.local_features import LocalFeatures

DIMENSIONS = 128


class Sift:
    """SIFT (Lowe, 2004) with RootSIFT's descriptors (Arandjelovic and Zisserman, 2012).

    Args:
        max_features: the strongest are kept, and as many as tie with the last of them.
        contrast: of a feature, at least; OpenCV's ``contrastThreshold``.
    """

    def __init__(self, max_features: int, contrast: float) -> None:
        self.max_features = max_features
        self.contrast = contrast

    def __call__(self, photo: NDArray[np.uint8]) -> LocalFeatures:
        """The strongest features of a photo ``(H, W, 3)`` of R, G, B."""
        import cv2

        # A detector keeps its pyramid, so threads do not share one; making it costs nothing.
        detector = cv2.SIFT.create(nfeatures=self.max_features, contrastThreshold=self.contrast)
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        keypoints, histograms = detector.detectAndCompute(grey, None)
        if not keypoints:
            return LocalFeatures(
                np.zeros((0, 2), np.float32), np.zeros((0, DIMENSIONS), np.float32)
            )
        points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
        shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-12)
        return LocalFeatures(points, np.sqrt(shares, dtype=np.float32))
