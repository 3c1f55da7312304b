"""Cuts perspective views out of an equirectangular panorama.

A view is sampled bilinearly: across the seam, and over a pole into the opposite meridian. That
alone would skip pixels of a panorama with many more of them to the degree than the view has in its
middle, where it has fewest. Such a panorama is first scaled down, antialiased, to twice as many as
the view. The scaling's triangle filter and the sampling's are then half a pixel of the view wide
either way, and both together are as wide as the pixel itself: their variances, 1/24 of a pixel
squared each, add up to that of a box of one pixel, 1/12. Neither does a view glitter, nor is it
blurred.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional

from beenhere.config import ViewsConfig
from beenhere.datasets.panoramas.geometry import Cover, Floats, focal_length, on_sphere
from beenhere.datasets.panoramas.gpano import Sphere
from beenhere.photos import decode_photo

_OVERSAMPLED = 2


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
    """Where the pixels of a view lie on the sphere, see :func:`~.geometry.on_sphere`."""
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

    What lies beyond an edge is what the sphere has there, or the edge's own pixels.
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
