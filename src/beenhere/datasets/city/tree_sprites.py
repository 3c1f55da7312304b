"""Grows trees: pictures of a few of each kind, in leaf and bare, made once a process."""

from functools import cache

import numpy as np

from beenhere.datasets.city.arrays import Bools, Floats
from beenhere.datasets.city.noise import fractal
from beenhere.datasets.city.seeds import generator

SPRITE_SIDE = 96


@cache
def tree_sprite(kind: str, variant: int, bare: bool) -> list[Floats]:
    """Mip levels ``(side, side, 3)``: shade, cover, and how much of it is leaf. Row 0 is the top.

    Args:
        kind: "round", "tall" or "palm". variant: tells trees of a kind apart.
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
        levels.append(
            (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) * np.float32(0.25)
        )
    return levels


class _Sketch:
    """A square to draw one tree on; ``u`` runs to the right and ``v`` upwards, both 0 to 1."""

    def __init__(self) -> None:
        side = SPRITE_SIDE
        v, self.u = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side)
        self.v = 1 - v
        self.shade = np.zeros((side, side), np.float32)
        self.cover = np.zeros((side, side), np.float32)
        self.leaf = np.zeros((side, side), np.float32)
        # Nothing touches the rim, so that a sprite never ends in a straight cut.
        self.rim = np.ones((side, side), bool)
        self.rim[2:, 2:-2] = False

    def dab(self, where: Bools, shade: Floats | float, leaf: float = 1) -> None:
        """Cover ``where`` with leaves, or with wood."""
        where = where & ~self.rim
        self.shade[where] = np.broadcast_to(shade, where.shape)[where]
        self.cover[where], self.leaf[where] = 1, leaf


def _trunk(sketch: _Sketch, rng: np.random.Generator, thin: bool, high: float) -> None:
    middle = 0.5 + 0.02 * np.sin(sketch.v * 5 + rng.uniform(0, 6))
    half = (0.018 if thin else 0.024) * (1.4 - sketch.v)
    across = sketch.u - middle
    sketch.dab((np.abs(across) < half) & (sketch.v < high), 0.8 - 8 * across, leaf=0)


def _crown(sketch: _Sketch, rng: np.random.Generator, low: float) -> None:
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


def _fronds(sketch: _Sketch, rng: np.random.Generator) -> None:
    for angle in np.linspace(0.1, np.pi - 0.1, 11) + rng.uniform(-0.1, 0.1, 11):
        for t in np.linspace(0, 1, 26):
            x = 0.5 + 0.42 * t * np.cos(angle)
            z = 0.8 + 0.2 * t * np.sin(angle) - 0.22 * t * t
            near = np.hypot(sketch.u - x, (sketch.v - z) * 0.8) < 0.03 * (1.15 - t)
            sketch.dab(near, 0.6 + 0.4 * np.sin(angle) - 0.2 * t)


def _twigs(sketch: _Sketch, rng: np.random.Generator) -> None:
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
