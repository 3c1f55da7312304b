"""Where the pixels of a pinhole camera's picture lie in an equirectangular panorama.

Axes: x to the right, y ahead, z up. Angles are in degrees; a heading turns clockwise seen from
above, a pitch lifts the line of sight. Pixel centres lie at half numbers, so that a picture of
``n`` pixels reaches from 0 to ``n``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EDGE = 1e-9


@dataclass(frozen=True)
class Cover:
    """The part of the sphere that a picture shows, in shares of the whole sphere's picture.

    Attributes:
        left, top: where it begins, of the whole width (360 degrees) and height (180 degrees).
        width, height: how much it takes of them.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def closed(self) -> bool:
        """Whether its left and right edges meet."""
        return self.width >= 1 - 1e-6

    def pixels(self, x: Floats, y: Floats, height: int, width: int) -> tuple[Floats, Floats]:
        """Columns and rows in a picture of that size, of points on the sphere's picture.

        Args:
            x, y: shares of the whole sphere's width and height, ``(h, w)``; x may run over.

        Returns:
            Numbers of pixels, whole at their centres. Columns of a closed picture may run over its
            edges; they go on smoothly from column to column of the view.
        """
        x = x - self.left
        if not self.closed:
            x = x % 1.0
        return x / self.width * width - 0.5, (y - self.top) / self.height * height - 0.5

    def holds(self, x: Floats, y: Floats) -> bool:
        """Whether all of these points are in the picture."""
        inside = (y >= self.top - _EDGE) & (y <= self.top + self.height + _EDGE)
        if not self.closed:
            inside &= (x - self.left + _EDGE) % 1.0 <= self.width + 2 * _EDGE
        return bool(inside.all())


WHOLE_SPHERE = Cover(0.0, 0.0, 1.0, 1.0)


def focal_length(width: int, fov: float) -> float:
    """Pixels between a pinhole and a picture ``width`` pixels wide that sees ``fov`` degrees."""
    return width / 2 / float(np.tan(np.radians(fov) / 2))


def on_sphere(
    size: tuple[int, int],
    fov: float,
    pitch: float,
    yaw: float,
    pose_pitch: float = 0.0,
    pose_roll: float = 0.0,
) -> tuple[Floats, Floats]:
    """Where each pixel of a view looks, in shares of the whole sphere's picture.

    Args:
        size: height and width of the view in pixels.
        fov: degrees across the view's width.
        pitch: degrees of the view's line of sight above the horizon.
        yaw: degrees of the view's heading clockwise from that of the panorama's middle column.
        pose_pitch, pose_roll: degrees of the panorama's, as :class:`~.gpano.Sphere` has them.

    Returns:
        x and y, ``(height, width)`` each: 0 to 1 from left to right (it may run over, without a
        jump within a view that does not see a pole) and from the zenith to the nadir.
    """
    if pose_pitch == 0 and pose_roll == 0:
        x, y = _upright(size, fov, pitch)
        return x + yaw / 360.0, y
    x, y = _shares(_tilted(_turned(_rays(size, fov, pitch), yaw), pose_pitch, pose_roll))
    return _unwrapped(x), y


@lru_cache(maxsize=4)
def _upright(size: tuple[int, int], fov: float, pitch: float) -> tuple[Floats, Floats]:
    """Those of yaw 0: a panorama that stands upright only shifts with the heading."""
    return _shares(_rays(size, fov, pitch))


def _rays(size: tuple[int, int], fov: float, pitch: float) -> Floats:
    """``(height, width, 3)``: through each pixel, of any length."""
    height, width = size
    right = np.arange(width) + 0.5 - width / 2
    up = height / 2 - 0.5 - np.arange(height)
    ahead = focal_length(width, fov)
    sin, cos = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    rays = np.empty((height, width, 3))
    rays[..., 0] = right[None, :]
    rays[..., 1] = (ahead * cos - up * sin)[:, None]
    rays[..., 2] = (ahead * sin + up * cos)[:, None]
    return rays


def _turned(rays: Floats, degrees: float) -> Floats:
    """Turned clockwise about the vertical."""
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    x, y, z = np.moveaxis(rays, -1, 0)
    return np.stack([x * cos + y * sin, y * cos - x * sin, z], axis=-1)


def _tilted(rays: Floats, pitch: float, roll: float) -> Floats:
    """From upright axes to those of a camera that was lifted by ``pitch``, then rolled."""
    sin, cos = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    x, y, z = np.moveaxis(rays, -1, 0)
    y, z = y * cos + z * sin, z * cos - y * sin
    sin, cos = np.sin(np.radians(roll)), np.cos(np.radians(roll))
    return np.stack([x * cos - z * sin, y, z * cos + x * sin], axis=-1)


def _shares(rays: Floats) -> tuple[Floats, Floats]:
    x, y, z = np.moveaxis(rays, -1, 0)
    longitude, latitude = np.arctan2(x, y), np.arctan2(z, np.hypot(x, y))
    return longitude / (2 * np.pi) + 0.5, 0.5 - latitude / np.pi


def _unwrapped(x: Floats) -> Floats:
    """The same places, as near as can be to that of the middle pixel."""
    middle = x[x.shape[0] // 2, x.shape[1] // 2]
    near: Floats = middle + (x - middle + 0.5) % 1.0 - 0.5
    return near
