"""A similarity map laid over its photo."""

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

COLOURS = colormaps["inferno"]
"""From dark to bright without a change of order in grey, or for colour-blind eyes."""

_LEAST, _MOST = 0.35, 0.8
"""How much of the colour covers the photo: where nothing is, and at the map's largest value."""


def overlay(photo: Image.Image, shares: NDArray[np.float32]) -> Image.Image:
    """The photo in grey under the colours of a map: dark is nothing, bright is the most.

    Args:
        photo: RGB, of any size.
        shares: ``(h, w)``, covering the whole photo; what is below zero counts as zero, and the
            largest value as 1. A map without a positive value is dark all over.

    Returns:
        RGB, as large as the photo.
    """
    positive = np.maximum(shares, 0)
    scaled = positive / max(float(positive.max()), np.finfo(np.float32).tiny)
    heat = Image.fromarray(scaled.astype(np.float32))
    value = np.clip(np.asarray(heat.resize(photo.size, Image.Resampling.BICUBIC)), 0, 1)
    cover = (_LEAST + (_MOST - _LEAST) * value)[..., None]
    grey = np.asarray(photo.convert("L"), np.float32)[..., None] / 255
    mixed = (1 - cover) * grey + cover * COLOURS(value)[..., :3]
    return Image.fromarray(np.rint(255 * mixed).astype(np.uint8))


def colour_bar(width: int, height: int) -> Image.Image:
    """What the colours of :func:`overlay` mean, from nothing on the left to the most."""
    values = np.broadcast_to(np.linspace(0, 1, width), (height, width))
    return Image.fromarray(np.rint(255 * COLOURS(values)[..., :3]).astype(np.uint8))
