"""Shades the walls: what they are made of, the light on them, and the lights behind them."""

import numpy as np

from beenhere.datasets.city.arrays import Floats, Ints
from beenhere.datasets.city.canvas import DOOR_LAMP, FIRST_WINDOW, LAST_WINDOW, SHOP_GLASS, SIGN
from beenhere.datasets.city.lighting import irradiance
from beenhere.datasets.city.moment import Light, Moment
from beenhere.datasets.city.picture import Picture
from beenhere.datasets.city.scene import Scene
from beenhere.datasets.city.seeds import generator

_WARM = np.array([1.0, 0.62, 0.28], np.float32)
_COLD = np.array([0.75, 0.85, 1.0], np.float32)


def shade_walls(scene: Scene, picture: Picture, at: Ints, wall: Ints) -> Floats:
    """Radiance ``(n, 3)`` of the pixels with flat numbers ``at``, which show these walls."""
    rays, light, moment = picture.rays, picture.light, picture.moment
    t = picture.depth.ravel()[at]
    x, y, z = rays.points(at, t)
    cx, cy, tx, ty = (np.take(a, wall) for a in (*scene.corner.T, *scene.tangent.T))
    u = (x - cx) * tx + (y - cy) * ty
    shown = np.unique(wall)
    scene.atlas.paint(np.unique(scene.texture[shown]))
    # A wall seen at a slant is squeezed sideways; half-way between the two keeps it sharp.
    dx, dy, dz = rays.directions(at)
    slant = np.abs(ty * dx - tx * dy) / np.sqrt(np.maximum(1 - dz * dz, 1e-6))
    footprint = t * rays.pixel / np.sqrt(np.maximum(slant, 0.08))
    albedo, code = scene.atlas.sample(np.take(scene.texture, wall), u, z, footprint)
    if moment.snow:
        albedo = albedo + 0.25 * moment.snow * (albedo > 0.4)
    radiance = albedo * irradiance(scene.street, light, (x, y, z), (ty, -tx, 0.0))
    glass = (code >= FIRST_WINDOW) & (code < SIGN)
    radiance[glass] += _reflection(rays.s.ravel()[at][glass], z[glass], slant[glass], light)
    if light.lit:
        table = np.stack([_lamps_inside(scene.seeds[number], moment, light) for number in shown])
        row = np.searchsorted(shown, wall)
        emitted = np.take(table.reshape(-1, 3), row * 256 + code, axis=0)
        # Curtains and goods show against the light; signs glow in their own colours.
        radiance += emitted * (0.25 + 2.2 * albedo)
    return radiance


def _reflection(s: Floats, z: Floats, slant: Floats, light: Light) -> Floats:
    """What window panes mirror: the houses across, and the sky above them."""
    fresnel = 0.08 + 0.7 * (1 - slant) ** 4
    sky = np.clip((s + 0.02 * z - 0.25) * 3, 0.1, 1) * fresnel
    return sky[:, None] * np.array(light.horizon, np.float32)


def _lamps_inside(seed: int, moment: Moment, light: Light) -> Floats:
    """What each code of a wall emits, ``(256, 3)``: another set burns every night."""
    rng = generator(seed, "lights", moment.date)
    burns = rng.random(256)
    warmth = rng.random((256, 1)).astype(np.float32)
    colour = _WARM + warmth * (_COLD - _WARM)
    share = np.zeros(256)
    share[FIRST_WINDOW : LAST_WINDOW + 1] = light.lit
    share[SHOP_GLASS:DOOR_LAMP] = light.shop_lit
    share[DOOR_LAMP] = 0.6
    level = rng.uniform(0.1, 0.4, (256, 1)).astype(np.float32)
    return np.where((burns < share)[:, None], colour * level, np.float32(0))
