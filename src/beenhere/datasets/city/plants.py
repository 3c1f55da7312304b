"""Draws the trees of a street: sprites that face the camera, coloured by season."""

import numpy as np

from beenhere.datasets.city.arrays import Bools, Floats
from beenhere.datasets.city.noise import SIDE, fractal
from beenhere.datasets.city.picture import Picture
from beenhere.datasets.city.streets import Street, Tree
from beenhere.datasets.city.tree_sprites import SPRITE_SIDE, tree_sprite

_LEAVES = {
    "winter": (0.10, 0.09, 0.05),
    "spring": (0.17, 0.25, 0.06),
    "summer": (0.08, 0.16, 0.04),
    "autumn": (0.32, 0.17, 0.04),
}
_WOOD = np.array([0.11, 0.09, 0.07], np.float32)
_REACH = 90.0


def season_of(month: int, south: bool) -> str:
    """Name of the season of ``month`` (1 to 12)."""
    turned = (month + 5) % 12 + 1 if south else month
    return ("winter", "spring", "summer", "autumn")[(turned % 12) // 3]


def draw_trees(street: Street, picture: Picture, south: bool) -> None:
    """Blend the street's trees over a picture, the far ones first."""
    season = season_of(picture.moment.month, south)
    where = [(picture.relative(tree.x, tree.y), tree) for tree in street.trees]
    for (ahead, aside), tree in sorted(where, key=lambda item: -item[0][0]):
        window = picture.rays.window(tree.x, tree.y, tree.width / 2, 0, tree.height)
        if window is None or not 0.8 < ahead < _REACH:
            continue
        visible = picture.depth[window] > ahead
        if visible.any():
            _draw(picture, tree, season, window, (ahead, aside), visible)


def _draw(
    picture: Picture,
    tree: Tree,
    season: str,
    window: tuple[slice, slice],
    where: tuple[float, float],
    visible: Bools,
) -> None:
    ahead, aside = where
    rays, moment = picture.rays, picture.moment
    u = (rays.q[window] * ahead - aside) / tree.width + 0.5
    v = (rays.camera.height + rays.s[window] * ahead) / tree.height
    u = 1 - u if tree.mirrored else u
    inside = (u >= 0) & (u < 1) & (v >= 0) & (v < 1) & visible
    evergreen = tree.kind == "palm"
    texels = ahead * rays.pixel / tree.width * SPRITE_SIDE
    levels = tree_sprite(tree.kind, tree.variant, season == "winter" and not evergreen)
    shade, cover, leaf = _sample(levels, u[inside], v[inside], texels)
    colour = np.array(_LEAVES["summer" if evergreen else season], np.float32)
    albedo = _WOOD + (colour - _WOOD) * leaf[:, None]
    if moment.snow:
        albedo += np.clip(shade - 0.5, 0, 0.5)[:, None]
    lit = picture.veiled(albedo * (1.5 * shade)[:, None] * _received(picture), ahead)
    here = picture.radiance[window]
    here[inside] += (lit - here[inside]) * cover[:, None]


def _received(picture: Picture) -> Floats:
    """Light on leaves, which hang every way: no side of a tree is quite dark."""
    light = picture.light
    weights = ((light.skylight, 0.8), (light.sunlight, 0.55), (light.lamps, 0.02))
    return sum(
        (np.array(c, np.float32) * np.float32(w) for c, w in weights), np.zeros(3, np.float32)
    )


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
