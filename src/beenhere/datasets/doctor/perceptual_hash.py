"""A hash of what a picture looks like: its coarse waves, each above or below their median.

After Zauner (Implementation and benchmarking of perceptual image hash functions, 2010): the
discrete cosine transform of a small grey picture, its lowest frequencies, one bit each. Saving as
JPEG, resizing, brightening and cropping a percent or two move few bits; another picture moves half.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SIDE = 64
"""Pixels of a side of the grey picture that is hashed."""
COARSE, FINE = 8, 16
"""Waves a side: a hash of 64 bits to search by, and one of 256 to be sure."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G, B in brightness (ITU-R BT.601)."""

Codes = NDArray[np.uint8]


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of RGB pixels ``(3, h, w)``; ``(h, w)``, 0 to 255."""
    grey: NDArray[np.float32] = np.tensordot(_GREY, pixels.astype(np.float32), 1)
    return grey


def hashes(grey: NDArray[np.float32]) -> tuple[Codes, Codes]:
    """The coarse ``(8,)`` and the fine ``(32,)`` hash, as bytes, of ``(64, 64)`` grey values."""
    # Half the side keeps all the waves that count, without the finest detail.
    half = grey.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3))
    waves = fft.dctn(half, norm="ortho")
    return _bits(waves[:COARSE, :COARSE]), _bits(waves[:FINE, :FINE])


def _bits(waves: NDArray[np.float32]) -> Codes:
    return np.packbits(waves.ravel() > np.median(waves))
