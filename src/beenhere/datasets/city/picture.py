"""A view while it is being drawn."""

from dataclasses import dataclass

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.camera import Rays
from beenhere.datasets.city.moment import Light, Moment


@dataclass(frozen=True)
class Picture:
    """What every part that draws needs to know, and where it draws to.

    Attributes:
        radiance: ``(size, size, 3)`` linear light.
        depth: ``(size, size)`` metres forward to what is drawn, infinite in the sky.
    """

    rays: Rays
    moment: Moment
    light: Light
    radiance: Floats
    depth: Floats

    @classmethod
    def blank(cls, rays: Rays, moment: Moment, light: Light) -> "Picture":
        """Nothing drawn yet."""
        size = rays.size
        return cls(
            rays,
            moment,
            light,
            np.zeros((size, size, 3), np.float32),
            np.full((size, size), np.inf, np.float32),
        )

    def veiled(self, colour: Floats, ahead: float) -> Floats:
        """``colour`` as it looks through the haze from ``ahead`` metres."""
        clear = np.float32(np.exp(-self.moment.fog * ahead))
        return colour * clear + np.array(self.light.haze, np.float32) * (1 - clear)

    def relative(self, x: float, y: float) -> tuple[float, float]:
        """Metres ahead of and to the right of the camera."""
        camera = self.rays.camera
        dx, dy = x - camera.x, y - camera.y
        (fx, fy), (rx, ry) = camera.forward, camera.right
        return dx * fx + dy * fy, dx * rx + dy * ry
