"""What local features are, whoever finds them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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
