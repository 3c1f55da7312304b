"""Draws the trees of a street: sprites that face the camera, coloured by season."""

from functools import cache

import numpy as np
from numpy.random import Generator

from beenhere.city.camera import Picture
from beenhere.city.noise import SIDE, Bools, Floats, fractal, generator
from beenhere.city.street import Street

_LEAVES = {
    "winter": (0.10, 0.09, 0.05),
    "spring": (0.17, 0.25, 0.06),
    "summer": (0.08, 0.16, 0.04),
    "autumn": (0.32, 0.17, 0.04),
}
_WOOD = np.array([0.11, 0.09, 0.07], np.float32)
_REACH = 90.0
SPRITE_SIDE = 96


def draw_trees(street: Street, picture: Picture, south: bool) -> None:
    """Blend the street's trees over a picture, the far ones first."""
    rays, light, moment = picture.rays, picture.light, picture.moment
    month = moment.month + 6 if south else moment.month
    season = ("winter", "spring", "summer", "autumn")[month % 12 // 3]
    # Leaves hang every way: no side of a tree is quite dark.
    received = np.array(light.skylight, np.float32) * np.float32(0.8)
    received += np.array(light.sunlight, np.float32) * np.float32(0.55)
    received += np.array(light.lamps, np.float32) * np.float32(0.02)
    where = [(rays.camera.relative(tree.x, tree.y), tree) for tree in street.trees]
    for (ahead, aside), tree in sorted(where, key=lambda item: -item[0][0]):
        window = rays.window(tree.x, tree.y, tree.width / 2, 0, tree.height)
        if window is None or not 0.8 < ahead < _REACH:
            continue
        u = (rays.q[window] * ahead - aside) / tree.width + 0.5
        v = (rays.camera.height + rays.s[window] * ahead) / tree.height
        u = 1 - u if tree.mirrored else u
        inside = (u >= 0) & (u < 1) & (v >= 0) & (v < 1) & (picture.depth[window] > ahead)
        if not inside.any():
            continue
        evergreen = tree.kind == "palm"
        levels = tree_sprite(tree.kind, tree.variant, season == "winter" and not evergreen)
        texels = ahead * rays.pixel / tree.width * SPRITE_SIDE
        shade, cover, leaf = _sample(levels, u[inside], v[inside], texels)
        colour = np.array(_LEAVES["summer" if evergreen else season], np.float32)
        albedo = _WOOD + (colour - _WOOD) * leaf[:, None]
        if moment.snow:
            albedo += np.clip(shade - 0.5, 0, 0.5)[:, None]
        lit = picture.veiled(albedo * (1.5 * shade)[:, None] * received, ahead)
        here = picture.radiance[window]
        here[inside] += (lit - here[inside]) * cover[:, None]


def _sample(
    levels: list[Floats], u: Floats, v: Floats, texels: float
) -> tuple[Floats, Floats, Floats]:
    """Shade, cover and leaf, ``(n,)`` each, where a pixel covers so many texels."""
    sprite = levels[int(np.clip(round(np.log2(max(texels, 1))), 0, len(levels) - 1))]
    side = sprite.shape[0]
    row = np.clip(((1 - v) * side).astype(np.int32), 0, side - 1)
    shade, cover, leaf = sprite[row, (u * side).astype(np.int32)].T
    if texels < 0.5:
        # Nearer than its texels: break them up, or the leaves become squares.
        fine = 3 * side
        rows, columns = ((c * fine).astype(np.int32) & (SIDE - 1) for c in (v, u))
        shade = shade * (0.75 + 0.5 * fractal(0.4)[rows, columns])
    return shade, cover, leaf


@cache
def tree_sprite(kind: str, variant: int, bare: bool) -> list[Floats]:
    """Mip levels ``(side, side, 3)``: shade, cover, and how much of it is leaf. Row 0 is the top.

    Args:
        kind: "round", "tall" or "palm". variant: one of several trees of that kind.
    """
    rng = generator("tree", kind, variant)
    sketch = _Sketch()
    _trunk(sketch, rng, thin=kind == "palm", high=0.8 if kind == "palm" or bare else 0.5)
    if kind == "palm":
        _fronds(sketch, rng)
    elif bare:
        _twigs(sketch, rng)
    else:
        _crown(sketch, rng, low=0.3 if kind == "round" else 0.2)
    levels = [np.stack([sketch.shade, sketch.cover, sketch.leaf], -1)]
    while levels[-1].shape[0] > 6:
        a = levels[-1]
        four = a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]
        levels.append(four * np.float32(0.25))
    return levels


class _Sketch:
    """A square to draw one tree on; ``u`` runs to the right and ``v`` upwards, both 0 to 1."""

    def __init__(self) -> None:
        side = SPRITE_SIDE
        v, self.u = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side)
        self.v = 1 - v
        self.shade, self.cover, self.leaf = np.zeros((3, side, side), np.float32)
        # Nothing touches the rim, so that a sprite never ends in a straight cut.
        self.rim = np.ones((side, side), bool)
        self.rim[2:, 2:-2] = False

    def dab(self, where: Bools, shade: Floats | float, leaf: float = 1) -> None:
        """Cover ``where`` with leaves, or with wood."""
        where = where & ~self.rim
        self.shade[where] = np.broadcast_to(shade, where.shape)[where]
        self.cover[where], self.leaf[where] = 1, leaf


def _trunk(sketch: _Sketch, rng: Generator, thin: bool, high: float) -> None:
    middle = 0.5 + 0.02 * np.sin(sketch.v * 5 + rng.uniform(0, 6))
    half = (0.018 if thin else 0.024) * (1.4 - sketch.v)
    across = sketch.u - middle
    sketch.dab((np.abs(across) < half) & (sketch.v < high), 0.8 - 8 * across, leaf=0)


def _crown(sketch: _Sketch, rng: Generator, low: float) -> None:
    """Balls of leaves, the far ones first; each is lighter on top and frayed at its edge."""
    speck = fractal(0.5)[:SPRITE_SIDE, :SPRITE_SIDE]
    middle, half = (1 + low) / 2, (1 - low) / 2
    count = 80
    for i in range(count):
        angle, out = rng.uniform(0, 2 * np.pi), 0.8 * np.sqrt(rng.random())
        x, z = 0.5 + 0.46 * out * np.cos(angle), middle + half * out * np.sin(angle)
        r = rng.uniform(0.05, 0.1)
        across = (sketch.u - x) ** 2 + (sketch.v - z) ** 2
        tone = 0.35 + 0.35 * i / count + 0.4 * (z - low) + 0.35 * (sketch.v - z) / r
        inside = across / r**2 + 1.5 * (speck - 0.5) < 0.8
        sketch.dab(inside, np.maximum(tone + 0.5 * (speck - 0.5), 0.15))


def _fronds(sketch: _Sketch, rng: Generator) -> None:
    for angle in np.linspace(0.1, np.pi - 0.1, 11) + rng.uniform(-0.1, 0.1, 11):
        for t in np.linspace(0, 1, 26):
            x = 0.5 + 0.42 * t * np.cos(angle)
            z = 0.8 + 0.2 * t * np.sin(angle) - 0.22 * t * t
            near = np.hypot(sketch.u - x, (sketch.v - z) * 0.8) < 0.03 * (1.15 - t)
            sketch.dab(near, 0.6 + 0.4 * np.sin(angle) - 0.2 * t)


def _twigs(sketch: _Sketch, rng: Generator) -> None:
    """Branches that fork, thinner each time."""
    tips = [(0.5, 0.3, np.pi / 2, 1.6, 0)]
    while tips:
        x, z, angle, thick, forks = tips.pop()
        for _ in range(int(9 * 0.9**forks)):
            x, z = x + 0.012 * np.cos(angle), z + 0.012 * np.sin(angle)
            row, column = int((1 - z) * SPRITE_SIDE), int(x * SPRITE_SIDE)
            if not (2 < row < SPRITE_SIDE - 2 and 2 < column < SPRITE_SIDE - 2):
                break
            wide = max(1, round(thick))
            sketch.shade[row, column : column + wide] = 0.8
            sketch.cover[row, column : column + wide] = min(1.0, thick)
        if forks < 6:
            for turn in (rng.uniform(0.15, 0.6), -rng.uniform(0.15, 0.6)):
                tips.append((x, z, angle + turn, thick * 0.78, forks + 1))
