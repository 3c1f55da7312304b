"""Trees: sprites that face the camera, grown once, coloured by season."""

from functools import cache

import numpy as np

from beenhere.datasets.city.arrays import Bools, Floats
from beenhere.datasets.city.camera import Rays
from beenhere.datasets.city.moment import Light, Moment
from beenhere.datasets.city.noise import SIDE, fractal
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.streets import Street, Tree

_PIXELS = 96

_LEAVES = {
    "winter": (0.10, 0.09, 0.05), "spring": (0.19, 0.27, 0.07), "summer": (0.08, 0.16, 0.04),
    "autumn": (0.34, 0.17, 0.04),
}  # fmt: skip


def season_of(month: int, south: bool) -> str:
    """Name of the season of ``month`` (1 to 12)."""
    turned = (month + 5) % 12 + 1 if south else month
    return ("winter", "spring", "summer", "autumn")[(turned % 12) // 3]


@cache
def _sprite(kind: str, variant: int, bare: bool) -> list[Floats]:
    """Mip levels ``(side, side, 3)``: shade, cover, and how much of it is leaf. Row 0 is up."""
    rng = generator("tree", kind, variant)
    side = _PIXELS
    v, u = np.mgrid[0:side, 0:side].astype(np.float32) / side
    v = 1 - v
    shade, cover, leaf = (np.zeros((side, side), np.float32) for _ in range(3))
    bend = 0.02 * np.sin(v * 5 + rng.uniform(0, 6))
    trunk = np.abs(u - 0.5 - bend) < {"palm": 0.025}.get(kind, 0.03) * (1.4 - v)
    trunk &= v < (0.8 if kind == "palm" or bare else 0.5)
    shade[trunk], cover[trunk] = 0.8 - 6 * (u - 0.5)[trunk], 1
    if kind == "palm":
        _fronds(rng, u, v, shade, cover, leaf)
    elif bare:
        _twigs(rng, shade, cover)
    else:
        _crown(rng, kind, u, v, shade, cover, leaf)
    levels = [np.stack([shade, cover, leaf], -1)]
    while levels[-1].shape[0] > 6:
        a = levels[-1]
        levels.append((a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4)
    return levels


def _crown(
    rng: np.random.Generator, kind: str, u: Floats, v: Floats,
    shade: Floats, cover: Floats, leaf: Floats,
) -> None:  # fmt: skip
    """Balls of leaves, the far ones first; each is lighter on top."""
    low = 0.3 if kind == "round" else 0.2
    speck = fractal(0.6)[: u.shape[0], : u.shape[1]]
    for _ in range(46):
        angle, out = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
        x = 0.5 + 0.34 * out * np.cos(angle)
        z = low + (1 - low) / 2 + (1 - low) * 0.36 * out * np.sin(angle)
        r = rng.uniform(0.07, 0.14)
        squared = ((u - x) ** 2 + (v - z) ** 2) / r**2
        inside = squared + 0.9 * (speck - 0.5) < 0.8
        inside[:2] = inside[-2:] = inside[:, :2] = inside[:, -2:] = False
        tone = 0.45 + 0.5 * (z - low) + 0.5 * (v - z) / r + 0.35 * (speck - 0.5)
        shade[inside], cover[inside], leaf[inside] = np.maximum(tone, 0.2)[inside], 1, 1


def _fronds(
    rng: np.random.Generator, u: Floats, v: Floats, shade: Floats, cover: Floats, leaf: Floats
) -> None:
    for angle in np.linspace(0.1, np.pi - 0.1, 11) + rng.uniform(-0.1, 0.1, 11):
        for t in np.linspace(0, 1, 26):
            x = 0.5 + 0.42 * t * np.cos(angle)
            z = 0.8 + 0.2 * t * np.sin(angle) - 0.22 * t * t
            near = np.hypot(u - x, (v - z) * 0.8) < 0.03 * (1.15 - t)
            shade[near], cover[near], leaf[near] = 0.6 + 0.4 * np.sin(angle) - 0.2 * t, 1, 1


def _twigs(rng: np.random.Generator, shade: Floats, cover: Floats) -> None:
    """Branches that fork, thinner each time."""
    side = shade.shape[0]
    tips = [(0.5, 0.3, np.pi / 2, 1.6, 0)]
    while tips:
        x, z, angle, thick, depth = tips.pop()
        for _ in range(int(9 * 0.9**depth)):
            x, z = x + 0.012 * np.cos(angle), z + 0.012 * np.sin(angle)
            row, column = int((1 - z) * side), int(x * side)
            if not (2 < row < side - 2 and 2 < column < side - 2):
                break
            wide = max(1, round(thick))
            shade[row, column : column + wide] = 0.8
            cover[row, column : column + wide] = min(1.0, thick)
        if depth < 6:
            for turn in (rng.uniform(0.15, 0.6), -rng.uniform(0.15, 0.6)):
                tips.append((x, z, angle + turn, thick * 0.78, depth + 1))


def draw_trees(
    street: Street, rays: Rays, radiance: Floats, depth: Floats, moment: Moment, light: Light,
    south: bool,
) -> None:  # fmt: skip
    """Blend the street's trees over ``radiance`` ``(size, size, 3)``, the far ones first."""
    camera = rays.camera
    (fx, fy), (rx, ry) = camera.forward, camera.right
    order = []
    for tree in street.trees:
        dx, dy = tree.x - camera.x, tree.y - camera.y
        ahead = dx * fx + dy * fy
        if 0.8 < ahead < 90:
            order.append((ahead, dx * rx + dy * ry, tree))
    season = season_of(moment.month, south)
    for ahead, aside, tree in sorted(order, key=lambda item: -item[0]):
        window = rays.window(tree.x, tree.y, tree.width / 2, 0, tree.height)
        if window is None:
            continue
        visible = depth[window] > ahead
        if visible.any():
            _draw(tree, rays, window, ahead, aside, radiance, visible, season, moment, light)


def _draw(
    tree: Tree, rays: Rays, window: tuple[slice, slice], ahead: float, aside: float,
    radiance: Floats, visible: Bools, season: str, moment: Moment, light: Light,
) -> None:  # fmt: skip
    bare = season == "winter" and tree.kind != "palm"
    u = (rays.q[window] * ahead - aside) / tree.width + 0.5
    v = (rays.camera.height + rays.s[window] * ahead) / tree.height
    u = 1 - u if tree.mirrored else u
    levels = _sprite(tree.kind, tree.variant, bare)
    texels = ahead * rays.pixel / tree.width * _PIXELS
    level = int(np.clip(round(np.log2(max(texels, 1))), 0, len(levels) - 1))
    sprite = levels[level]
    side = sprite.shape[0]
    inside = (u >= 0) & (u < 1) & (v >= 0) & (v < 1) & visible
    column, row = (u[inside] * side).astype(np.int32), ((1 - v[inside]) * side).astype(np.int32)
    shade, cover, leaf = sprite[np.clip(row, 0, side - 1), column].T
    if texels < 0.5:
        # Nearer than its texels: break them up, or the leaves become squares.
        k = side * 3
        fleck = fractal(0.4)[(v[inside] * k).astype(np.int32) & (SIDE - 1),
                             (u[inside] * k).astype(np.int32) & (SIDE - 1)]  # fmt: skip
        shade = shade * (0.75 + 0.5 * fleck)
    colour = np.array(_LEAVES[season if tree.kind != "palm" else "summer"], np.float32)
    if moment.snow and tree.kind != "palm":
        leaf = np.where(shade > 0.85, 0, leaf)
    wood = np.array([0.11, 0.09, 0.07], np.float32)
    albedo = wood + (colour - wood) * leaf[:, None]
    if moment.snow:
        albedo = albedo + np.clip(shade - 0.5, 0, 0.5)[:, None]
    received = np.array(light.skylight, np.float32) * 0.8
    received = received + np.array(light.sunlight, np.float32) * 0.55
    received = received + np.array(light.lamps, np.float32) * 0.02
    lit = albedo * (1.5 * shade)[:, None] * received
    haze = np.float32(np.exp(-moment.fog * ahead))
    lit = lit * haze + np.array(light.haze, np.float32) * (1 - haze)
    here = radiance[window]
    here[inside] += (lit - here[inside]) * cover[:, None]
