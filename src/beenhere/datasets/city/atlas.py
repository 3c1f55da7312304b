"""Wall textures with mip levels in one flat array, painted when first looked at."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from beenhere.datasets.city.arrays import Bytes, Floats, Ints
from beenhere.datasets.city.canvas import TEXELS_PER_METRE, Canvas

LEVELS = 6
"""Mip levels: the last shows one texel where the first shows 32 x 32."""


class Atlas:
    """Textures by number. ``painters[i]`` paints texture ``i``, once, when it is first needed."""

    def __init__(self, painters: Sequence[Callable[[], Canvas]]) -> None:
        count = len(painters)
        self._painters = list(painters)
        self._painted = np.zeros(count, bool)
        self._base = np.zeros((LEVELS, count), np.int32)
        self._rows = np.ones((LEVELS, count), np.int32)
        self._columns = np.ones((LEVELS, count), np.int32)
        self._texels = np.empty(1 << 20, np.uint32)
        self._end = 0

    def paint(self, textures: Ints) -> None:
        """Paint those of ``textures`` that have not been painted yet."""
        for texture in textures[~self._painted[textures]]:
            for level, texels in enumerate(_mip_levels(self._painters[texture]())):
                self._base[level, texture] = self._end
                self._rows[level, texture], self._columns[level, texture] = texels.shape
                self._append(texels.ravel())
            self._painted[texture] = True

    def _append(self, texels: NDArray[np.uint32]) -> None:
        end = self._end + len(texels)
        if end > len(self._texels):
            room = np.empty(2 * end, np.uint32)
            room[: self._end] = self._texels[: self._end]
            self._texels = room
        self._texels[self._end : end] = texels
        self._end = end

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
        corners = [self._fetch(v + u) for v in (b, b1) for u in (a, a1)]
        near = np.where(dy[:, 0] < 0.5, 0, 2) + (dx[:, 0] > 0.5)
        code = np.choose(near, [c[:, 3] for c in corners])
        f = [c[:, :3].astype(np.float32) for c in corners]
        under = f[0] + (f[1] - f[0]) * dx
        over = f[2] + (f[3] - f[2]) * dx
        tone = (under + (over - under) * dy) * np.float32(1 / 255)
        return tone * tone, code

    def _fetch(self, index: Ints) -> Bytes:
        return np.take(self._texels, index).view(np.uint8).reshape(-1, 4)


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
