"""Randomness of a city: streams of random numbers by name, noise fields, and array types."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
"""Float32 wherever there is one number a pixel."""
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def generator(*keys: int | str) -> Generator:
    """A generator that depends on ``keys`` alone, on no call made before it.

    Args:
        keys: non-negative integers and words, such as ``(seed, "cars", street, date)``; another
            word gives another city.
    """
    return np.random.default_rng([crc32(k.encode()) if isinstance(k, str) else k for k in keys])


def subseed(*keys: int | str) -> int:
    """One 63-bit integer drawn from :func:`generator`, to hand on as a seed."""
    return int(generator(*keys).integers(2**63))


SIDE = 256
"""Side of every field in cells; a power of two, so that wrapping is a bit mask."""


def pick(rng: Generator, weights: Mapping[str, float]) -> str:
    """One name, drawn by weight."""
    share = np.array(list(weights.values()), np.float64)
    return str(rng.choice(list(weights), p=share / share.sum()))


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
