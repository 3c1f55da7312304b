"""Turns light into a photo: falling rain and snow, exposure, colour cast, blur, noise."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from beenhere.datasets.city.arrays import Bytes, Floats
from beenhere.datasets.city.moment import Moment
from beenhere.datasets.city.noise import SIDE, fractal

_STEPS = 4096
_BRIGHTEST = 16.0


@dataclass(frozen=True)
class Lens:
    """How one photo was exposed and stored.

    Attributes:
        exposure: factor on the automatic exposure.
        cast: factors on red, green and blue.
        softness: blur in pixels at 224 pixels a side, 0 to 1.5.
        noise: standard deviation of a mid-grey, as a share of white.
        quality: of the JPEG file, 1 to 100.
        seed: of the grain, the rain and the snow flakes.
    """

    exposure: float
    cast: tuple[float, float, float]
    softness: float
    noise: float
    quality: int
    seed: int


def draw_lens(rng: np.random.Generator, condition: str) -> Lens:
    """A lens with the spread of a crowd's cameras; noisier at night."""
    night = condition == "night"
    red, blue = rng.normal(0, 0.06, 2)
    return Lens(
        exposure=float(np.exp(rng.normal(0, 0.22))),
        cast=(float(np.exp(red)), 1.0, float(np.exp(blue))),
        softness=float(rng.choice([0.0, rng.uniform(0.3, 0.7), rng.uniform(0.6, 1.2)])),
        noise=float(rng.uniform(0.02, 0.06) if night else rng.uniform(0.004, 0.025)),
        quality=int(rng.integers(60, 94)),
        seed=int(rng.integers(2**32)),
    )


def develop(radiance: Floats, moment: Moment, lens: Lens) -> Bytes:
    """Radiance ``(size, size, 3)`` to an sRGB photo ``(size, size, 3)``."""
    rng = np.random.default_rng(lens.seed)
    size = radiance.shape[0]
    if moment.condition in ("rain", "snow"):
        radiance = _falling(radiance, moment, rng)
    soft = lens.softness * size / 224
    if soft > 0.2:
        radiance = _blur(radiance, soft)
    key = float(np.exp(np.log(luminance(radiance[::3, ::3]) + 1e-3).mean()))
    # Cameras leave night a little dark: they chase only part of the difference.
    target = 0.24 if key > 0.08 else 0.24 * (key / 0.08) ** 0.4
    gain = lens.exposure * target / key * np.array(lens.cast, np.float32)
    edge = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    vignette = 1 - 0.13 * (edge[:, None] + edge[None, :])
    index = np.sqrt(np.clip(radiance * (gain * vignette[..., None]), 0, _BRIGHTEST))
    image = np.take(_CURVE, (index * np.float32((_STEPS - 1) / _BRIGHTEST**0.5)).astype(np.int32))
    start = int(rng.integers(_grain().size - image.size)) if image.size < _grain().size else 0
    grain = np.resize(_grain()[start:], image.size).reshape(image.shape)
    image += grain * np.float32(lens.noise)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


@cache
def _grain() -> Floats:
    """A million normal numbers: photos take theirs from different starts, which is cheaper."""
    return np.random.default_rng(11).standard_normal(1 << 20, np.float32)


def _curve() -> Floats:
    """Film-like: a soft shoulder, gamma and some contrast; over the square root of the light."""
    x = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _BRIGHTEST
    seen = np.clip(x * (1 + x / 9) / (1 + x * 0.85), 0, 1) ** (1 / 2.2)
    contrast = seen * seen * (3 - 2 * seen)
    return (seen + 0.55 * (contrast - seen)).astype(np.float32)


_CURVE = _curve()


def luminance(light: Floats) -> Floats:
    """Brightness of linear colours ``(..., 3)``."""
    # Written out: a matrix product may use threads, and its sums depend on how many.
    return np.asarray(light[..., 0] * 0.25 + light[..., 1] * 0.6 + light[..., 2] * 0.15)


def _blur(image: Floats, sigma: float) -> Floats:
    """A small binomial-like kernel, separable, with clamped edges."""
    ratio = np.exp(-0.5 / sigma**2)
    centre, side = np.float32(1 / (1 + 2 * ratio)), np.float32(ratio / (1 + 2 * ratio))
    for axis in (0, 1):
        pad = [(1, 1) if i == axis else (0, 0) for i in range(3)]
        p = np.pad(image, pad, mode="edge")
        a, b, c = (np.take(p, range(k, k + image.shape[axis]), axis=axis) for k in range(3))
        image = b * centre + (a + c) * side
    return image


def _falling(radiance: Floats, moment: Moment, rng: np.random.Generator) -> Floats:
    """Streaks of rain, or flakes."""
    size = radiance.shape[0]
    row, column = rng.integers(0, SIDE, 2)
    stretch = 9 if moment.condition == "rain" else 2
    r = (np.arange(size) * 224 // size // stretch + row) & (SIDE - 1)
    c = (np.arange(size) * 224 // size // (1 if stretch > 2 else 2) + column) & (SIDE - 1)
    drops = fractal(0.0)[r[:, None], c[None, :]]
    share = 0.02 if moment.condition == "rain" else 0.012
    strength = 0.22 if moment.condition == "rain" else 0.8
    cover = np.where(drops < share, np.float32(strength), np.float32(0))[..., None]
    bright = np.float32(np.percentile(radiance[::4, ::4], 85))
    return radiance + (bright - radiance) * cover
