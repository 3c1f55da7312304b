"""Cuts perspective views out of an equirectangular panorama.

A view is sampled bilinearly: across the seam, and over a pole into the opposite meridian. That
alone would skip pixels of a panorama with many more of them to the degree than the view has in its
middle, where it has fewest. Such a panorama is first scaled down, antialiased, to twice as many as
the view. The scaling's triangle filter and the sampling's are then half a pixel of the view wide
either way, and both together are as wide as the pixel itself: their variances, 1/24 of a pixel
squared each, add up to that of a box of one pixel, 1/12. Neither does a view glitter, nor is it
blurred.

Axes: x to the right, y ahead, z up. Angles are in degrees; a heading turns clockwise seen from
above, a pitch raises the line of sight. Pixel centres lie at half numbers, so that a picture of
``n`` pixels reaches from 0 to ``n``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional

from beenhere.config.tools import ViewsConfig
from beenhere.photos.pixels import decode_photo

Floats = NDArray[np.float64]

_EDGE = 1e-9
_OVERSAMPLED = 2


@dataclass(frozen=True)
class Cover:
    """The part of the sphere that a picture shows, in shares of the whole sphere's picture.

    Attributes:
        left, top: where it begins, of the whole width (360 degrees) and height (180 degrees).
        width, height: how much it takes of them.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def closed(self) -> bool:
        """Whether its left and right edges meet."""
        return self.width >= 1 - 1e-6

    def pixels(self, x: Floats, y: Floats, height: int, width: int) -> tuple[Floats, Floats]:
        """Columns and rows in a picture of that size, of points on the sphere's picture.

        Args:
            x, y: shares of the whole sphere's width and height, ``(h, w)``; x may run over.

        Returns:
            Numbers of pixels, whole at their centres. Columns of a closed picture may run over its
            edges; they go on smoothly from column to column of the view.
        """
        x = x - self.left
        if not self.closed:
            x = x % 1.0
        return x / self.width * width - 0.5, (y - self.top) / self.height * height - 0.5

    def holds(self, x: Floats, y: Floats) -> bool:
        """Whether all of these points are in the picture."""
        inside = (y >= self.top - _EDGE) & (y <= self.top + self.height + _EDGE)
        if not self.closed:
            inside &= (x - self.left + _EDGE) % 1.0 <= self.width + 2 * _EDGE
        return bool(inside.all())


WHOLE_SPHERE = Cover(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Sphere:
    """How a picture lies on the sphere around the camera.

    Attributes:
        cover: the part of the sphere in the picture.
        heading: degrees clockwise from north of the sphere's middle column; None if unknown.
        pitch: degrees that the middle of the sphere lies above the horizon.
        roll: degrees that the camera was turned clockwise about its line of sight.
    """

    cover: Cover
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0


def cut_views(
    photo: str | Path | bytes, sphere: Sphere, yaws: Iterable[float], options: ViewsConfig
) -> Iterator[NDArray[np.uint8]]:
    """The views of a panorama, ``(height, width, 3)`` RGB each.

    Args:
        photo: the panorama's file.
        sphere: how it lies on the sphere.
        yaws: degrees of each view's heading clockwise from that of the panorama's middle.
        options: size, field of view and pitch of the views.

    Raises:
        PhotoError: the panorama cannot be decoded.
    """

    def target(height: int, width: int) -> tuple[int, int]:
        if height % 8 or width % 8:
            return height, width  # a JPEG decoded at a fraction would reach beyond its edges
        return fitting_size(height, width, sphere.cover, options)

    pixels = decode_photo(photo, target)
    height, width = fitting_size(pixels.shape[1], pixels.shape[2], sphere.cover, options)
    pixels = scaled_down(pixels, height, width, sphere.cover.closed)
    for yaw in yaws:
        x, y = view_on_sphere(sphere, yaw, options)
        yield sample(pixels, sphere.cover, x, y)


def view_on_sphere(sphere: Sphere, yaw: float, options: ViewsConfig) -> tuple[Floats, Floats]:
    """Where the pixels of a view lie on the sphere, see :func:`on_sphere`."""
    return on_sphere(options.size, options.fov, options.pitch, yaw, sphere.pitch, sphere.roll)


def fitting_size(height: int, width: int, cover: Cover, options: ViewsConfig) -> tuple[int, int]:
    """The height and width at which a panorama has twice as many pixels to the degree as a view.

    Never more than it has.
    """
    radian = _OVERSAMPLED * focal_length(options.size[1], options.fov)  # pixels of it
    return (
        min(height, max(1, round(np.pi * radian * cover.height))),
        min(width, max(1, round(2 * np.pi * radian * cover.width))),
    )


def scaled_down(pixels: Tensor, height: int, width: int, closed: bool) -> Tensor:
    """``(3, h, w)`` uint8 to ``(3, height, width)``, antialiased.

    Args:
        closed: the left and right edges meet, and the filter goes on across them.
    """
    if pixels.shape[1:] == (height, width):
        return pixels
    scaled: Tensor = functional.resize(pixels, [height, width], antialias=True)
    if closed and width < pixels.shape[2]:
        for column in (0, width - 1):
            strip = _filtered_column(pixels, column, width)
            scaled[:, :, column] = functional.resize(strip, [height, 1], antialias=True)[:, :, 0]
    return scaled


def _filtered_column(pixels: Tensor, column: int, width: int) -> Tensor:
    """One column ``(3, h, 1)`` of the picture scaled to ``width``, from both sides of the seam."""
    step = pixels.shape[2] / width
    middle = (column + 0.5) * step
    sources = torch.arange(int(np.floor(middle - step)), int(np.ceil(middle + step)))
    weights = (1 - (sources + 0.5 - middle).abs() / step).clamp(min=0)
    taken = pixels[:, :, sources % pixels.shape[2]].float()
    return (taken @ (weights / weights.sum())).round().to(torch.uint8)[:, :, None]


def sample(pixels: Tensor, cover: Cover, x: Floats, y: Floats) -> NDArray[np.uint8]:
    """A panorama at points of the sphere's picture, bilinearly, ``(h, w, 3)``.

    Args:
        pixels: ``(3, height, width)`` uint8.
        cover: the part of the sphere that they show.
        x, y: shares of the sphere's width and height, ``(h, w)``.
    """
    columns, rows = cover.pixels(x, y, pixels.shape[1], pixels.shape[2])
    patch, left, top = _patch(pixels, cover, columns, rows)
    height, width = patch.shape[1:]
    grid = np.empty((*x.shape, 2), np.float32)
    grid[..., 0] = (columns - left) * (2 / max(width - 1, 1)) - 1
    grid[..., 1] = (rows - top) * (2 / max(height - 1, 1)) - 1
    view = torch.nn.functional.grid_sample(
        patch[None].float(),
        torch.from_numpy(grid)[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[0]
    sampled: NDArray[np.uint8] = view.round_().to(torch.uint8).permute(1, 2, 0).numpy()
    return sampled


def _patch(pixels: Tensor, cover: Cover, columns: Floats, rows: Floats) -> tuple[Tensor, int, int]:
    """The pixels around those points, ``(3, h, w)``, and the column and row they begin at.

    Beyond an edge there is what the sphere has there, or else the edge's own pixels.
    """
    height, width = pixels.shape[1:]
    left, right = int(np.floor(columns.min())), int(np.floor(columns.max())) + 1
    top, bottom = int(np.floor(rows.min())), int(np.floor(rows.max())) + 1
    turns = left // width * width if cover.closed else 0
    if left - turns >= 0 and right - turns < width and top >= 0 and bottom < height:
        return pixels[:, top : bottom + 1, left - turns : right - turns + 1], left, top
    across = torch.arange(left, right + 1)
    down = torch.arange(top, bottom + 1)
    around = across % width if cover.closed else across.clamp(0, width - 1)
    patch = pixels[:, down.clamp(0, height - 1)][:, :, around]
    if cover.closed:
        opposite = (across + width // 2) % width
        if top < 0 and cover.top <= 0:
            patch[:, 0] = pixels[:, 0, opposite]
        if bottom >= height and cover.top + cover.height >= 1:
            patch[:, -1] = pixels[:, -1, opposite]
    return patch, left, top


def focal_length(width: int, fov: float) -> float:
    """Pixels between a pinhole and a picture ``width`` pixels wide that sees ``fov`` degrees."""
    return width / 2 / float(np.tan(np.radians(fov) / 2))


def on_sphere(
    size: tuple[int, int],
    fov: float,
    pitch: float,
    yaw: float,
    pose_pitch: float = 0.0,
    pose_roll: float = 0.0,
) -> tuple[Floats, Floats]:
    """Where each pixel of a view looks, in shares of the whole sphere's picture.

    Args:
        size: height and width of the view in pixels.
        fov: degrees across the view's width.
        pitch: degrees of the view's line of sight above the horizon.
        yaw: degrees of the view's heading clockwise from that of the panorama's middle column.
        pose_pitch, pose_roll: degrees of the panorama's, as :class:`Sphere` has them.

    Returns:
        x and y, ``(height, width)`` each: 0 to 1 from left to right (it may run over, without a
        jump within a view that does not see a pole) and from the zenith to the nadir.
    """
    if pose_pitch == 0 and pose_roll == 0:
        x, y = _upright(size, fov, pitch)
        return x + yaw / 360.0, y
    x, y = _shares(_posed(_rays(size, fov, pitch), yaw, pose_pitch, pose_roll))
    # The same places, as near as can be to that of the middle pixel.
    middle = x[x.shape[0] // 2, x.shape[1] // 2]
    return middle + (x - middle + 0.5) % 1.0 - 0.5, y


@lru_cache(maxsize=4)
def _upright(size: tuple[int, int], fov: float, pitch: float) -> tuple[Floats, Floats]:
    """Those of yaw 0: a panorama that stands upright only shifts with the heading."""
    return _shares(_rays(size, fov, pitch))


def _rays(size: tuple[int, int], fov: float, pitch: float) -> Floats:
    """``(height, width, 3)``: through each pixel, of any length."""
    height, width = size
    right = np.arange(width) + 0.5 - width / 2
    up = height / 2 - 0.5 - np.arange(height)
    ahead = focal_length(width, fov)
    sin, cos = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    rays = np.empty((height, width, 3))
    rays[..., 0] = right[None, :]
    rays[..., 1] = (ahead * cos - up * sin)[:, None]
    rays[..., 2] = (ahead * sin + up * cos)[:, None]
    return rays


def _posed(rays: Floats, yaw: float, pitch: float, roll: float) -> Floats:
    """Rays of yaw 0 in the axes of a camera that was tilted up by ``pitch``, then rolled."""
    x, y, z = np.moveaxis(rays, -1, 0)
    sin, cos = np.sin(np.radians([yaw, pitch, roll])), np.cos(np.radians([yaw, pitch, roll]))
    x, y = x * cos[0] + y * sin[0], y * cos[0] - x * sin[0]  # about the vertical
    y, z = y * cos[1] + z * sin[1], z * cos[1] - y * sin[1]  # about the axis to the right
    x, z = x * cos[2] - z * sin[2], z * cos[2] + x * sin[2]  # about the line of sight
    return np.stack([x, y, z], axis=-1)


def _shares(rays: Floats) -> tuple[Floats, Floats]:
    x, y, z = np.moveaxis(rays, -1, 0)
    longitude, latitude = np.arctan2(x, y), np.arctan2(z, np.hypot(x, y))
    return longitude / (2 * np.pi) + 0.5, 0.5 - latitude / np.pi
