"""Shades the ground: asphalt with its markings, kerbs, pavements, puddles and snow."""

import numpy as np

from beenhere.datasets.city.arrays import Floats, Ints
from beenhere.datasets.city.cars import Car
from beenhere.datasets.city.lighting import irradiance
from beenhere.datasets.city.moment import Moment
from beenhere.datasets.city.noise import fractal, nearest, smooth
from beenhere.datasets.city.picture import Picture
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.streets import Street

KERB = 0.22
_SIDE_PAVEMENT = 1.8


def ground_reflectance(
    street: Street, moment: Moment, x: Floats, y: Floats, blur: Floats
) -> tuple[Floats, Floats]:
    """What the ground is made of at ``(x, y)``.

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


def _markings(
    street: Street, rng: np.random.Generator, x: Floats, y: Floats, blur: Floats
) -> Floats:
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
