"""Shades the sky: gradient, clouds, sun, stars of the city's own glow at night."""

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.lighting import Vector, dot
from beenhere.datasets.city.moment import Light, Moment
from beenhere.datasets.city.noise import fractal, nearest, smooth


def shade_sky(direction: Vector, moment: Moment, light: Light) -> Floats:
    """Radiance of the sky, ``(n, 3)``, in unit directions (street frame, ``(n,)`` an axis)."""
    up = np.clip(direction[2], 0, 1)
    rise = (1 - np.exp(-up * 3.2))[:, None]
    horizon, zenith = (np.array(c, np.float32) for c in (light.horizon, light.zenith))
    sky: Floats = horizon + (zenith - horizon) * rise
    towards_sun = np.clip(dot(direction, light.sun), 0, 1)
    sunlight = np.array(light.sunlight, np.float32)
    sky += sunlight * (0.35 * towards_sun**6 + 0.7 * towards_sun**60)[:, None]
    sky += sunlight * (12 * np.clip((towards_sun - 0.9992) * 4000, 0, 1))[:, None]
    if moment.cloud > 0.03:
        reach = 34 / (up + 0.16)
        x = direction[0] * reach + light.clouds[0]
        y = direction[1] * reach + light.clouds[1]
        thick = smooth(fractal(1.7), x, y) + 0.12 * nearest(fractal(1.2), x * 3, y * 3) - 0.06
        cover = np.clip((thick - (1 - moment.cloud)) * 5 + 0.3 * moment.cloud, 0, 1)[:, None]
        bright = np.float32(sum(light.horizon) / 3)
        tone = bright * (1.25 - 0.5 * thick)[:, None] + 0.35 * sunlight
        sky += (tone - sky) * cover * 0.85
    return sky
