"""Street lamps and wooden poles: thin things, drawn by how much of a pixel they cover."""

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.camera import Rays
from beenhere.datasets.city.lighting import LAMP_HEIGHT
from beenhere.datasets.city.moment import Light, Moment
from beenhere.datasets.city.streets import Point, Street

_POLE_HEIGHT = 8.5


def draw_posts(
    street: Street, rays: Rays, radiance: Floats, depth: Floats, moment: Moment, light: Light
) -> None:
    """Draw lamps (with their glow when they burn) and poles into ``radiance``."""
    metal, wood = np.float32(0.07), np.float32(0.09)
    sky = np.array(light.skylight, np.float32) + 0.4 * np.array(light.sunlight, np.float32)
    for at in street.poles:
        _post(rays, radiance, depth, moment, light, at, _POLE_HEIGHT, 0.13, wood * sky)
        _post(rays, radiance, depth, moment, light, at, _POLE_HEIGHT - 0.5, 0.8, wood * sky,
              low=_POLE_HEIGHT - 0.7)  # fmt: skip
    for at in street.lamps:
        _post(rays, radiance, depth, moment, light, at, LAMP_HEIGHT, 0.07, metal * sky)
        head = (at[0], at[1] * 0.75)
        burning = max(light.lamps) > 0
        colour = np.array(light.lamps, np.float32) if burning else np.float32(0.25) * sky
        _post(rays, radiance, depth, moment, light, head, LAMP_HEIGHT + 0.12, 0.3, colour,
              low=LAMP_HEIGHT - 0.12)  # fmt: skip
        if burning:
            _glow(rays, radiance, depth, moment, light, head)


def _post(
    rays: Rays, radiance: Floats, depth: Floats, moment: Moment, light: Light, at: Point,
    high: float, half: float, colour: Floats, low: float = 0.0,
) -> None:  # fmt: skip
    """An upright of half-width ``half`` between two heights."""
    window = rays.window(at[0], at[1], half, low, high)
    if window is None:
        return
    ahead, aside = _relative(rays, at)
    if ahead < 0.5:
        return
    blur = ahead * rays.pixel
    across = np.abs(rays.q[window] * ahead - aside)
    z = rays.camera.height + rays.s[window] * ahead
    cover = np.clip((half - across) / blur + 0.5, 0, 1) * min(1.0, 2 * half / blur)
    cover *= np.clip((high - z) / blur + 0.5, 0, 1) * np.clip((z - low) / blur + 0.5, 0, 1)
    cover *= depth[window] > ahead
    haze = np.float32(np.exp(-moment.fog * ahead))
    seen = colour * haze + np.array(light.haze, np.float32) * (1 - haze)
    radiance[window] += (seen - radiance[window]) * cover[..., None]


def _glow(
    rays: Rays, radiance: Floats, depth: Floats, moment: Moment, light: Light, at: Point
) -> None:
    """The halo of a burning lamp, wider in fog and rain."""
    ahead, aside = _relative(rays, at)
    if ahead < 1:
        return
    reach = 1.2 + 60 * min(moment.fog, 0.05)
    window = rays.window(at[0], at[1], reach, LAMP_HEIGHT - reach, LAMP_HEIGHT + reach)
    if window is None:
        return
    across = rays.q[window] * ahead - aside
    above = rays.camera.height + rays.s[window] * ahead - LAMP_HEIGHT
    near = np.clip(1 - np.hypot(across, above) / reach, 0, 1) ** 3
    near *= depth[window] > ahead * 0.8
    radiance[window] += near[..., None] * np.array(light.lamps, np.float32) * 0.08


def _relative(rays: Rays, at: Point) -> tuple[float, float]:
    camera = rays.camera
    dx, dy = at[0] - camera.x, at[1] - camera.y
    (fx, fy), (rx, ry) = camera.forward, camera.right
    return dx * fx + dy * fy, dx * rx + dy * ry
