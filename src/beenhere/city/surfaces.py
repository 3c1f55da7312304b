"""Shades walls, ground and sky."""

import numpy as np
from numpy.random import Generator

from beenhere.city.camera import Picture
from beenhere.city.canvas import DOOR_LAMP, FIRST_WINDOW, LAST_WINDOW, SHOP_GLASS, SIGN
from beenhere.city.cars import Car
from beenhere.city.light import Light, Moment, Vector, dot, irradiance
from beenhere.city.noise import Floats, Ints, fractal, generator, nearest, smooth
from beenhere.city.scene import Scene
from beenhere.city.street import Street

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
    """Light that window panes mirror: of the houses across, and of the sky above them."""
    fresnel = 0.08 + 0.7 * (1 - slant) ** 4
    sky = np.clip((s + 0.02 * z - 0.25) * 3, 0.1, 1) * fresnel
    return sky[:, None] * np.array(light.horizon, np.float32)


def _lamps_inside(seed: int, moment: Moment, light: Light) -> Floats:
    """Light by each code of a wall, ``(256, 3)``: other windows are lit every night."""
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


KERB = 0.22
_SIDE_PAVEMENT = 1.8


def ground_reflectance(
    street: Street, moment: Moment, x: Floats, y: Floats, blur: Floats
) -> tuple[Floats, Floats]:
    """Reflectance and wetness of the ground at ``(x, y)``.

    Args:
        blur: ``(n,)`` metres that a pixel covers, for lines to fade instead of flicker.

    Returns:
        reflectance ``(n, 3)`` and how wet it is ``(n,)``, 0 to 1.
    """
    rng = generator(street.seed, "ground")
    tar, slab = rng.uniform(0.045, 0.09), rng.uniform(0.18, 0.34)
    warm = np.array([1.05, 1.0, 0.92], np.float32) if rng.random() < 0.6 else np.float32(1)
    across = np.zeros(x.shape, bool)
    for start, end in street.crossings:
        # The streets that cross have pavements too, but for where they meet this one.
        edge = np.where(np.abs(y) < street.half_width, 0, _SIDE_PAVEMENT)
        across |= (x > start + edge) & (x < end - edge)
    beside = np.abs(y) - np.float32(street.half_road)
    road = (beside < 0) | across
    grain = nearest(fractal(0.4), x * 16, y * 16)
    stain = smooth(fractal(1.2), x * 3 + 50, y * 3)
    fine = np.clip(1 - blur * 6, 0, 1)

    asphalt = tar * (0.6 + 0.8 * stain) * (1 + 0.7 * (grain - 0.5) * fine)
    patch = nearest(fractal(1.7), x * 0.35 + 90, y * 0.9) > 0.8
    asphalt = np.where(patch, asphalt * 0.72, asphalt)
    size = float(rng.choice([0.5, 0.75, 1.2]))
    joints = np.maximum(_line(_fold(x, size), 0.012, blur), _line(_fold(y, size), 0.012, blur))
    paving = slab * (0.75 + 0.5 * stain) * (1 + 0.3 * (grain - 0.5) * fine) * (1 - 0.45 * joints)
    colour = np.where(road[:, None], asphalt[:, None], paving[:, None] * warm)

    mark = _markings(street, rng, x, y, blur) * (0.55 + 0.4 * grain) * road
    colour += (np.float32(0.55) - colour) * mark[:, None]
    kerb = _line(beside - KERB / 2, KERB / 2, blur) * ~across
    colour += (np.float32(slab * 1.35) - colour) * kerb[:, None]
    gutter = _line(beside + 0.12, 0.12, blur) * ~across
    colour *= (1 - 0.5 * gutter)[:, None]

    wet = np.zeros(x.shape, np.float32)
    if moment.wet:
        wet = moment.wet * np.clip(0.35 + 1.1 * stain, 0, 1) * np.where(road, 1, 0.7)
        colour *= (1 - 0.5 * wet)[:, None]
    if moment.snow:
        trodden = np.where(road, 0.45 + 0.5 * _fold(y - 1.7, 1.7), 0.2)
        lies = np.clip((moment.snow * 1.2 - trodden + 0.5 * stain) * 3, 0, 1)[:, None]
        colour += (np.float32(0.85) - colour) * lies
    return colour.astype(np.float32), wet.astype(np.float32)


def shade_ground(
    street: Street, picture: Picture, at: Ints, cars: list[Car]
) -> tuple[Floats, Floats]:
    """Radiance ``(n, 3)`` of the pixels with flat numbers ``at``, and how wet it is there."""
    rays = picture.rays
    t, s = picture.depth.ravel()[at], rays.s.ravel()[at]
    x, y, z = rays.points(at, t)
    blur = t * rays.pixel * np.sqrt(1 + np.minimum(1 / (s * s), 100))
    albedo, wet = ground_reflectance(street, picture.moment, x, y, blur)
    received = irradiance(street, picture.light, (x, y, z), (0.0, 0.0, 1.0))
    return albedo * received * _contact(cars, x, y)[:, None], wet


def _contact(cars: list[Car], x: Floats, y: Floats) -> Floats:
    """Shade under and beside cars, 1 where there is none."""
    shade = np.ones(x.shape, np.float32)
    for car in cars:
        dx = np.abs(x - car.x) - car.body.length / 2
        dy = np.abs(y - car.y) - car.body.width / 2
        out = np.maximum(np.maximum(dx, dy), 0)
        shade *= 1 - 0.85 * np.clip(1 - out * 2.5, 0, 1)
    return shade


def _fold(x: Floats, period: float) -> Floats:
    """Distance to the nearest multiple of ``period``."""
    return np.abs(x - np.round(x / period) * period)


def _line(distance: Floats, half: float, blur: Floats) -> Floats:
    """Share of a pixel that a line of half-width ``half`` covers, 0 to 1."""
    cover = np.clip((half - np.abs(distance)) / blur + 0.5, 0, 1)
    return np.asarray(cover * np.minimum(1, 2 * half / blur), np.float32)


def _markings(street: Street, rng: Generator, x: Floats, y: Floats, blur: Floats) -> Floats:
    """White paint: a middle line, parking lines, stop lines and zebra crossings, 0 to 1."""
    mark: Floats = np.zeros(x.shape, np.float32)
    kind = rng.integers(3)
    inside = np.ones(x.shape, np.float32)
    for start, end in street.crossings:
        inside *= ~((x > start - 5) & (x < end + 5))
        for edge, away in ((start, -1), (end, 1)):
            band = _line(x - (edge + away * 2.4), 1.4, blur)
            bars = np.clip((0.25 - _fold(y, 1.0)) / blur + 0.5, 0, 1)
            inner = np.abs(y) < street.half_road - 0.4
            mark = np.maximum(mark, band * bars * inner)
            mark = np.maximum(mark, _line(x - (edge + away * 4.6), 0.15, blur) * inner)
    if kind == 0 or street.half_road > 4.5:
        dash = np.clip((1.5 - _fold(x, 6.0)) / blur + 0.5, 0, 1)
        mark = np.maximum(mark, _line(y, 0.07, blur) * dash * inside)
    elif kind == 1:
        mark = np.maximum(mark, _line(np.abs(y) - 0.12, 0.05, blur) * inside)
    if rng.random() < 0.6 and street.half_road > 4:
        edge = street.half_road - 2.2
        mark = np.maximum(mark, _line(np.abs(y) - edge, 0.05, blur) * inside)
    return mark


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
