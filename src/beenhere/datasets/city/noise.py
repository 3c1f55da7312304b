"""Tileable noise fields, made once a process, that break up asphalt, stucco and clouds."""

from functools import cache

import numpy as np

from beenhere.datasets.city.arrays import Floats

SIDE = 256
"""Side of every field in cells; a power of two, so that wrapping is a bit mask."""


@cache
def fractal(roughness: float) -> Floats:
    """``(SIDE, SIDE)`` noise with spectrum ``1 / f ** roughness``, values uniform in [0, 1).

    Uniform by rank: the share of the field below a threshold is the threshold itself.
    0 is white noise, 1 looks like stains, 1.7 like clouds.
    """
    rng = np.random.default_rng([7, int(roughness * 100)])
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    frequency[0, 0] = 1
    field = np.fft.irfft2(spectrum / frequency**roughness, s=(SIDE, SIDE))
    rank = np.empty(SIDE * SIDE, np.float32)
    rank[np.argsort(field, axis=None)] = np.arange(SIDE * SIDE) / (SIDE * SIDE)
    return rank.reshape(SIDE, SIDE)


def nearest(field: Floats, x: Floats, y: Floats) -> Floats:
    """The cell of ``field`` at ``(x, y)``, in cells, wrapped around."""
    column = np.floor(x).astype(np.int32) & (SIDE - 1)
    row = np.floor(y).astype(np.int32) & (SIDE - 1)
    return np.take(field.ravel(), row * SIDE + column)


def smooth(field: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear value of ``field`` at ``(x, y)``, in cells, wrapped around."""
    left, low = np.floor(x), np.floor(y)
    dx, dy = x - left, y - low
    a, b = left.astype(np.int32) & (SIDE - 1), low.astype(np.int32) & (SIDE - 1)
    a1, b1 = (a + 1) & (SIDE - 1), (b + 1) & (SIDE - 1)
    flat = field.ravel()
    under = np.take(flat, b * SIDE + a) * (1 - dx) + np.take(flat, b * SIDE + a1) * dx
    over = np.take(flat, b1 * SIDE + a) * (1 - dx) + np.take(flat, b1 * SIDE + a1) * dx
    return under * (1 - dy) + over * dy
