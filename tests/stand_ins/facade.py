"""A wall of windows and signs, photographed from several places."""

from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray


def facade(seed: int, size: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    """A wall ``(height, width, 3)``; another seed is another wall."""
    rng = np.random.default_rng(seed)
    height, width = size
    wall = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(120):
        top, left = rng.integers(0, height), rng.integers(0, width)
        bottom, right = top + rng.integers(4, 30), left + rng.integers(4, 30)
        wall[top:bottom, left:right] = rng.integers(0, 256, 3)
    grain = rng.normal(0, 3, wall.shape)
    return np.clip(wall + grain, 0, 255).astype(np.uint8)


def seen_from(wall: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """The wall from a place to its side, -1 to 1, with the noise of another photo."""
    height, width = wall.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shift = side * height / 8
    seen = corners + np.array([[0, shift], [0, -shift], [0, shift], [0, -shift]], np.float32)
    turned = cv2.warpPerspective(wall, cv2.getPerspectiveTransform(corners, seen), (width, height))
    noise = np.random.default_rng(int(100 * side) % 1000).normal(0, 4, wall.shape)
    return np.clip(turned + noise, 0, 255).astype(np.uint8)


def write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> str:
    """The path, as an index keeps it."""
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=92))
    return str(path)
