"""Street lamps and wooden poles: thin things, drawn by how much of a pixel they cover."""

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.lighting import LAMP_HEIGHT
from beenhere.datasets.city.picture import Picture
from beenhere.datasets.city.streets import Point, Street

_POLE_HEIGHT = 8.5


def draw_posts(street: Street, picture: Picture) -> None:
    """Draw lamps (with their glow when they burn) and poles with their cross-arms."""
    light = picture.light
    metal, wood = np.float32(0.07), np.float32(0.09)
    sky = np.array(light.skylight, np.float32) + 0.4 * np.array(light.sunlight, np.float32)
    for at in street.poles:
        _post(picture, at, (0, _POLE_HEIGHT), 0.13, wood * sky)
        _post(picture, at, (_POLE_HEIGHT - 0.7, _POLE_HEIGHT - 0.5), 0.8, wood * sky)
    burning = max(light.lamps) > 0
    lantern = np.array(light.lamps, np.float32) if burning else np.float32(0.25) * sky
    for at in street.lamps:
        _post(picture, at, (0, LAMP_HEIGHT), 0.07, metal * sky)
        head = (at[0], at[1] * 0.75)
        _post(picture, head, (LAMP_HEIGHT - 0.12, LAMP_HEIGHT + 0.12), 0.3, lantern)
        if burning:
            _glow(picture, head)


def _post(
    picture: Picture, at: Point, span: tuple[float, float], half: float, colour: Floats
) -> None:
    """An upright of half-width ``half`` between the two heights of ``span``."""
    low, high = span
    rays = picture.rays
    window = rays.window(at[0], at[1], half, low, high)
    ahead, aside = picture.relative(*at)
    if window is None or ahead < 0.5:
        return
    blur = ahead * rays.pixel
    across = np.abs(rays.q[window] * ahead - aside)
    z = rays.camera.height + rays.s[window] * ahead
    cover = np.clip((half - across) / blur + 0.5, 0, 1) * min(1.0, 2 * half / blur)
    cover *= np.clip((high - z) / blur + 0.5, 0, 1) * np.clip((z - low) / blur + 0.5, 0, 1)
    cover *= picture.depth[window] > ahead
    here = picture.radiance[window]
    here += (picture.veiled(colour, ahead) - here) * cover[..., None]


def _glow(picture: Picture, at: Point) -> None:
    """The halo of a burning lamp, wider in fog and rain."""
    ahead, aside = picture.relative(*at)
    reach = 1.2 + 60 * min(picture.moment.fog, 0.05)
    rays = picture.rays
    window = rays.window(at[0], at[1], reach, LAMP_HEIGHT - reach, LAMP_HEIGHT + reach)
    if window is None or ahead < 1:
        return
    across = rays.q[window] * ahead - aside
    above = rays.camera.height + rays.s[window] * ahead - LAMP_HEIGHT
    near = np.clip(1 - np.hypot(across, above) / reach, 0, 1) ** 3
    near *= picture.depth[window] > ahead * 0.8
    picture.radiance[window] += near[..., None] * np.array(picture.light.lamps, np.float32) * 0.08
