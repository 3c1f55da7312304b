"""Where a photo is taken from, and the ray of each of its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.datasets.city.arrays import Floats, Ints


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on a street.

    Attributes:
        x, y: metres, along and to the left of the street's middle.
        height: metres above the ground.
        yaw: radians counter-clockwise from the street's x axis.
        pitch: radians, up is positive. roll: radians.
        fov: radians, across the image.
    """

    x: float
    y: float
    height: float
    yaw: float
    pitch: float = 0.0
    roll: float = 0.0
    fov: float = 1.2

    @property
    def forward(self) -> tuple[float, float]:
        """Unit vector on the ground in the direction of view."""
        return float(np.cos(self.yaw)), float(np.sin(self.yaw))

    @property
    def right(self) -> tuple[float, float]:
        """Unit vector on the ground to the right of the view."""
        return float(np.sin(self.yaw)), float(-np.cos(self.yaw))


@dataclass(frozen=True)
class Rays:
    """The rays of a square image, each scaled to advance one metre forward.

    A point at depth t on a ray lies at ``camera + t * (forward + q * right)``, ``t * s`` above
    the camera.

    Attributes:
        q, s: ``(size, size)``, sideways and upwards per metre forward. Row 0 is the top.
        pixel: angle of a pixel in radians, roughly the metres it covers per metre of distance.
    """

    camera: Camera
    size: int
    q: Floats
    s: Floats
    pixel: float

    @classmethod
    def of(cls, camera: Camera, size: int) -> "Rays":
        """Rays through the pixel centres of an image of ``size`` pixels a side."""
        focal = size / 2 / np.tan(camera.fov / 2)
        axis = ((np.arange(size) + 0.5 - size / 2) / focal).astype(np.float32)
        right, up = axis[None, :], -axis[:, None]
        cr, sr = np.float32(np.cos(camera.roll)), np.float32(np.sin(camera.roll))
        right, up = right * cr - up * sr, right * sr + up * cr
        cp, sp = np.float32(np.cos(camera.pitch)), np.float32(np.sin(camera.pitch))
        ahead = cp - up * sp
        return cls(camera, size, right / ahead, (sp + up * cp) / ahead, float(1 / focal))

    def points(self, at: Ints, depth: Floats) -> tuple[Floats, Floats, Floats]:
        """x, y and height of the points at ``depth`` on the rays with flat numbers ``at``."""
        camera = self.camera
        (fx, fy), (rx, ry) = camera.forward, camera.right
        q, s = self.q.ravel()[at], self.s.ravel()[at]
        x, y = camera.x + depth * (fx + q * rx), camera.y + depth * (fy + q * ry)
        return x, y, camera.height + depth * s

    def directions(self, at: Ints) -> tuple[Floats, Floats, Floats]:
        """Unit directions of the rays with flat numbers ``at``, by axis."""
        (fx, fy), (rx, ry) = self.camera.forward, self.camera.right
        q, s = self.q.ravel()[at], self.s.ravel()[at]
        length = np.sqrt(1 + q * q + s * s)
        return (fx + q * rx) / length, (fy + q * ry) / length, s / length

    def window(
        self, x: float, y: float, radius: float, low: float, high: float
    ) -> tuple[slice, slice] | None:
        """Rows and columns that may show an upright cylinder; None if it is out of view.

        Args:
            x, y, radius: metres, on the street.
            low, high: heights above the ground.
        """
        dx, dy = x - self.camera.x, y - self.camera.y
        (fx, fy), (rx, ry) = self.camera.forward, self.camera.right
        depth, side = dx * fx + dy * fy, dx * rx + dy * ry
        near = max(depth - radius, 0.4)
        if depth + radius < 0.5:
            return None
        q = [(side + e) / d for e in (-radius, radius) for d in (near, depth + radius)]
        s = [(z - self.camera.height) / d for z in (low, high) for d in (near, depth + radius)]
        rows, columns = self._pixels(np.array(q)[:, None], np.array(s)[None, :])
        top, bottom = max(int(rows.min()), 0), min(int(rows.max()) + 2, self.size)
        left, end = max(int(columns.min()), 0), min(int(columns.max()) + 2, self.size)
        if top >= bottom or left >= end:
            return None
        return slice(top, bottom), slice(left, end)

    def _pixels(
        self, q: NDArray[np.float64], s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Row and column of rays, the inverse of :meth:`of`."""
        cp, sp = np.cos(self.camera.pitch), np.sin(self.camera.pitch)
        ahead = np.maximum(cp + s * sp, 0.05)
        right, up = (q + 0 * s) / ahead, (s * cp - sp) / ahead
        cr, sr = np.cos(self.camera.roll), np.sin(self.camera.roll)
        right, up = right * cr + up * sr, -right * sr + up * cr
        half = self.size / 2
        return half - up / self.pixel, half + right / self.pixel
