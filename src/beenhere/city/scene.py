"""A street ready to be seen: its walls as arrays, its textures, and which ray meets which wall."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from beenhere.city.buildings import ROOFLINE_SAMPLES
from beenhere.city.camera import Rays
from beenhere.city.canvas import TEXELS_PER_METRE, Canvas
from beenhere.city.facade import paint_backdrop, paint_fence, paint_front, paint_side
from beenhere.city.noise import Bytes, Floats, Ints, subseed
from beenhere.city.street import Point, Street

LEVELS = 6
"""Mip levels: the last shows one texel where the first shows 32 x 32."""


class Atlas:
    """Textures by number. ``painters[i]`` paints texture ``i``, once, when it is first needed."""

    def __init__(self, painters: Sequence[Callable[[], Canvas]]) -> None:
        count = len(painters)
        self._painters = list(painters)
        self._painted = np.zeros(count, bool)
        self._base = np.zeros((LEVELS, count), np.int32)
        self._rows, self._columns = np.ones((2, LEVELS, count), np.int32)
        self._texels = np.empty(1 << 20, np.uint32)
        self._end = 0

    def paint(self, textures: Ints) -> None:
        """Paint those of ``textures`` that have not been painted yet."""
        for texture in textures[~self._painted[textures]]:
            for level, texels in enumerate(_mip_levels(self._painters[texture]())):
                self._base[level, texture] = self._end
                self._rows[level, texture], self._columns[level, texture] = texels.shape
                end = self._end + texels.size
                if end > len(self._texels):
                    self._texels = np.resize(self._texels, 2 * end)
                self._texels[self._end : end] = texels.ravel()
                self._end = end
            self._painted[texture] = True

    def sample(
        self, texture: Ints, u: Floats, v: Floats, footprint: Floats
    ) -> tuple[Floats, Bytes]:
        """Reflectance and code at points of painted textures.

        Args:
            texture: ``(n,)`` numbers.
            u, v: ``(n,)`` metres from the left, repeating, and from the ground.
            footprint: ``(n,)`` metres of wall that a pixel covers.

        Returns:
            ``(n, 3)`` in [0, 1] (bilinear) and ``(n,)`` codes of the nearest texels.
        """
        detail = np.log2(np.maximum(footprint * TEXELS_PER_METRE, 1))
        level = np.minimum(detail.astype(np.int32), LEVELS - 1)
        at = level * self._base.shape[1] + texture
        base, rows, columns = (
            np.take(a.ravel(), at) for a in (self._base, self._rows, self._columns)
        )
        scale = np.float32(TEXELS_PER_METRE) / (1 << level).astype(np.float32)
        x, y = u * scale - 0.5, np.clip(v * scale - 0.5, 0, rows - 1)
        left, low = np.floor(x), np.floor(y)
        dx, dy = (x - left)[:, None], (y - low)[:, None]
        a = left.astype(np.int32) % columns
        b = low.astype(np.int32)
        a1 = np.where(a + 1 == columns, 0, a + 1)
        b1 = np.minimum(b + 1, rows - 1)
        b, b1 = b * columns + base, b1 * columns + base
        indices = [v + u for v in (b, b1) for u in (a, a1)]
        corners = [np.take(self._texels, at).view(np.uint8).reshape(-1, 4) for at in indices]
        near = np.where(dy[:, 0] < 0.5, 0, 2) + (dx[:, 0] > 0.5)
        code = np.choose(near, [c[:, 3] for c in corners])
        f = [c[:, :3].astype(np.float32) for c in corners]
        under = f[0] + (f[1] - f[0]) * dx
        over = f[2] + (f[3] - f[2]) * dx
        tone = (under + (over - under) * dy) * np.float32(1 / 255)
        return tone * tone, code


def _mip_levels(canvas: Canvas) -> list[NDArray[np.uint32]]:
    """Each level half the size of the one before; colours are averaged, codes picked."""
    texels = np.empty((*canvas.code.shape, 4), np.uint8)
    np.multiply(np.clip(canvas.rgb, 0, 1), 255, out=texels[..., :3], casting="unsafe")
    texels[..., 3] = canvas.code
    levels = [texels.view(np.uint32)[..., 0]]
    for _ in range(LEVELS - 1):
        rows, columns = texels.shape[0] // 2 * 2, texels.shape[1] // 2 * 2
        if min(rows, columns) > 2:
            tall = texels[:rows:2, :columns].astype(np.uint16)
            tall += texels[1:rows:2, :columns]
            small = ((tall[:, ::2] + tall[:, 1::2]) >> 2).astype(np.uint8)
            small[..., 3] = texels[:rows:2, :columns:2, 3]
            texels = small
        levels.append(texels.view(np.uint32)[..., 0])
    return levels


LAYERS = 5
"""Walls that one ray may meet before it is taken to meet no other (low ones behind high ones,
which cannot be seen, do not count)."""
_BACKDROP = 110.0
_NEAR = 0.3


class Scene:
    """A street with its walls. Walls are upright rectangles with an outline for an upper edge.

    Attributes:
        corner, tangent, normal: ``(n, 2)`` of the walls, on the ground.
        length: ``(n,)`` metres. texture: ``(n,)`` numbers in the atlas.
        seeds: ``(n,)`` of the building a wall belongs to, for the lights in its windows.
    """

    def __init__(self, street: Street) -> None:
        self.street = street
        self._rows: list[tuple[Point, Point, float, int, int]] = []
        self._painters: list[Callable[[], Canvas]] = []
        self._outlines: list[Floats] = []
        self._add_walls()
        corner, tangent, length, texture, seeds = zip(*self._rows, strict=True)
        self.corner = np.array(corner, np.float32)
        self.tangent = np.array(tangent, np.float32)
        self.normal = np.stack([self.tangent[:, 1], -self.tangent[:, 0]], 1)
        self.length = np.array(length, np.float32)
        self.texture = np.array(texture, np.int32)
        self.seeds = list(seeds)
        self.outline = np.stack(self._outlines)
        self._low = self.outline.min(1)[self.texture]
        self._high = self.outline.max(1)[self.texture]
        self.atlas = Atlas(self._painters)

    def _texture(self, painter: Callable[[], Canvas], outline: Floats) -> int:
        self._painters.append(painter)
        self._outlines.append(outline)
        return len(self._painters) - 1

    def _add_walls(self) -> None:
        for lot in self.street.lots:
            b, (x, y), (tx, ty) = lot.building, lot.corner, lot.tangent
            front = self._texture(partial(paint_front, b), b.roofline)
            level = np.full(ROOFLINE_SAMPLES, b.eaves + 0.3, np.float32)
            side = self._texture(partial(paint_side, b), level)
            back = (x - ty * b.depth, y + tx * b.depth)
            end = (x + tx * b.width, y + ty * b.width)
            self._rows.append(((x, y), (tx, ty), b.width, front, b.seed))
            self._rows.append((back, (ty, -tx), b.depth, side, b.seed + 1))
            self._rows.append((end, (-ty, tx), b.depth, side, b.seed + 2))
        for fence in self.street.fences:
            level = np.full(ROOFLINE_SAMPLES, fence.height, np.float32)
            texture = self._texture(partial(paint_fence, fence), level)
            self._rows.append((fence.corner, fence.tangent, fence.length, texture, fence.seed))
        # Far houses on all four sides, so that no view ends in the open.
        seed = subseed(self.street.seed, "backdrop")
        reach, middle = self.street.length / 2 + _BACKDROP, self.street.length / 2
        canvas, outline = paint_backdrop(seed, self.street.style)
        texture = self._texture(lambda: canvas, outline)
        for tx, ty in ((1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0)):
            start = (middle - reach * (tx + ty), reach * (tx - ty))
            self._rows.append((start, (tx, ty), 2 * reach, texture, seed))

    def cast(self, rays: Rays) -> tuple[Ints, Floats]:
        """Number of the wall that each pixel sees, and metres forward to it, ``(size, size)`` each.

        Where there is no wall, -1 and infinite.
        """
        camera, size = rays.camera, rays.size
        here = np.array([camera.x, camera.y], np.float32)
        ahead = np.array(camera.forward, np.float32)
        right = np.array([ahead[1], -ahead[0]])
        gap = ((self.corner - here) * self.normal).sum(1)
        facing = np.flatnonzero(gap < -0.01)
        gap, n, t = gap[facing], self.normal[facing], self.tangent[facing]
        n0, n1, t0, t1 = ((a * b).sum(1) for a in (n, t) for b in (ahead, right))
        offset = ((here - self.corner[facing]) * t).sum(1)

        # Rays through the columns, twice as dense as the pixels, say which walls to try.
        low, high = float(rays.q.min()), float(rays.q.max()) + 1e-6
        columns = 2 * size
        q = np.linspace(low, high, columns, dtype=np.float32)
        slope = n0[:, None] + n1[:, None] * q
        depth = gap[:, None] / np.minimum(slope, -1e-6)
        u = offset[:, None] + depth * (t0[:, None] + t1[:, None] * q)
        length = self.length[facing]
        open_ = (slope < 0) & (u >= 0) & (u < length[:, None]) & (depth > _NEAR)
        depth = np.where(open_, depth, np.inf)
        eye = np.float32(camera.height)
        floor = self._low[facing] - eye
        tip = (self._high[facing] - eye)[:, None] / depth
        order = np.full((LAYERS, columns), -1, np.int32)
        every = np.arange(columns)
        for layer in range(LAYERS):
            best = depth.argmin(0)
            at = depth[best, every]
            met = np.isfinite(at)
            if not met.any():
                break
            order[layer, met] = best[met]
            top = np.where(met, floor[best] / at, np.inf)
            depth = np.where((depth <= at) | (tip <= top), np.inf, depth)

        # Then the columns' walls are tried, near to far, at each pixel's own ray.
        q, s = rays.q.ravel(), rays.s.ravel()
        column = np.round((q - low) * ((columns - 1) / (high - low))).astype(np.int32)
        wall = np.full(q.shape, -1, np.int32)
        depth = np.full(q.shape, np.inf, np.float32)
        outline = self.outline[self.texture[facing]].ravel()
        scale = ROOFLINE_SAMPLES / length
        left = np.arange(q.size)
        for layer in range(LAYERS):
            w = np.take(order[layer], column[left])
            left, w = left[w >= 0], w[w >= 0]
            if not left.size:
                break
            ql = q[left]
            slope = np.take(n0, w) + np.take(n1, w) * ql
            t = np.take(gap, w) / np.minimum(slope, -1e-6)
            z = eye + t * s[left]
            u = np.take(offset, w) + t * (np.take(t0, w) + np.take(t1, w) * ql)
            sample = np.clip(u * np.take(scale, w), 0, ROOFLINE_SAMPLES - 1).astype(np.int32)
            under = z < np.take(outline, w * ROOFLINE_SAMPLES + sample)
            hit = under & (z >= 0)
            wall[left[hit]] = facing[w[hit]]
            depth[left[hit]] = t[hit]
            left = left[~under]
        return wall.reshape(rays.q.shape), depth.reshape(rays.q.shape)
