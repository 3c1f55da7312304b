"""Where a photo is taken from, the ray of each of its pixels, and how light becomes a photo."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator

from beenhere.city.light import Light, Moment
from beenhere.city.noise import SIDE, Bytes, Floats, Ints, fractal


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on a street.

    Attributes:
        x, y: metres, along and to the left of the street's middle.
        height: metres above the ground.
        yaw: radians counter-clockwise from the street's x axis.
        pitch: radians, up is positive. roll: radians.
        fov: radians, across the image.
    """

    x: float
    y: float
    height: float
    yaw: float
    pitch: float = 0.0
    roll: float = 0.0
    fov: float = 1.2

    @property
    def forward(self) -> tuple[float, float]:
        """Unit vector on the ground in the direction of view; ``(y, -x)`` of it is to the right."""
        return float(np.cos(self.yaw)), float(np.sin(self.yaw))

    def relative(self, x: float, y: float) -> tuple[float, float]:
        """Metres ahead of and to the right of the camera."""
        dx, dy = x - self.x, y - self.y
        fx, fy = self.forward
        return dx * fx + dy * fy, dx * fy - dy * fx


class Rays:
    """The rays through the pixel centres of a square image, each one metre forward.

    A point at depth t on a ray lies at ``camera + t * (forward + q * right)``, ``t * s`` above
    the camera.

    Attributes:
        size: pixels a side.
        q, s: ``(size, size)``, sideways and upwards per metre forward. Row 0 is the top.
        pixel: angle of a pixel in radians, roughly the metres it covers per metre of distance.
    """

    def __init__(self, camera: Camera, size: int) -> None:
        self.camera, self.size = camera, size
        focal = size / 2 / np.tan(camera.fov / 2)
        axis = ((np.arange(size) + 0.5 - size / 2) / focal).astype(np.float32)
        right, up = axis[None, :], -axis[:, None]
        cr, sr = np.float32(np.cos(camera.roll)), np.float32(np.sin(camera.roll))
        right, up = right * cr - up * sr, right * sr + up * cr
        cp, sp = np.float32(np.cos(camera.pitch)), np.float32(np.sin(camera.pitch))
        ahead = cp - up * sp
        self.q: Floats = right / ahead
        self.s: Floats = (sp + up * cp) / ahead
        self.pixel = float(1 / focal)

    def points(self, at: Ints, depth: Floats) -> tuple[Floats, Floats, Floats]:
        """x, y and height of the points at ``depth`` on the rays with flat numbers ``at``."""
        camera, (fx, fy) = self.camera, self.camera.forward
        q, s = self.q.ravel()[at], self.s.ravel()[at]
        x, y = camera.x + depth * (fx + q * fy), camera.y + depth * (fy - q * fx)
        return x, y, camera.height + depth * s

    def directions(self, at: Ints) -> tuple[Floats, Floats, Floats]:
        """Unit directions of the rays with flat numbers ``at``, by axis."""
        fx, fy = self.camera.forward
        q, s = self.q.ravel()[at], self.s.ravel()[at]
        length = np.sqrt(1 + q * q + s * s)
        return (fx + q * fy) / length, (fy - q * fx) / length, s / length

    def window(
        self, x: float, y: float, radius: float, low: float, high: float
    ) -> tuple[slice, slice] | None:
        """Rows and columns that may show an upright cylinder; None if it is out of view.

        Args:
            x, y, radius: metres, on the street.
            low, high: heights above the ground.
        """
        depth, side = self.camera.relative(x, y)
        near = max(depth - radius, 0.4)
        if depth + radius < 0.5:
            return None
        ends = np.array([near, depth + radius])
        q = np.concatenate([(side - radius) / ends, (side + radius) / ends])[:, None]
        s = np.concatenate([(z - self.camera.height) / ends for z in (low, high)])[None, :]
        # From rays back to rows and columns: the inverse of what makes them.
        cp, sp = np.cos(self.camera.pitch), np.sin(self.camera.pitch)
        ahead = np.maximum(cp + s * sp, 0.05)
        right, up = (q + 0 * s) / ahead, (s * cp - sp) / ahead
        cr, sr = np.cos(self.camera.roll), np.sin(self.camera.roll)
        right, up = right * cr + up * sr, -right * sr + up * cr
        rows, columns = self.size / 2 - up / self.pixel, self.size / 2 + right / self.pixel
        top, bottom = max(int(rows.min()), 0), min(int(rows.max()) + 2, self.size)
        left, end = max(int(columns.min()), 0), min(int(columns.max()) + 2, self.size)
        if top >= bottom or left >= end:
            return None
        return slice(top, bottom), slice(left, end)


class Picture:
    """A view while it is being drawn: what every part that draws needs to know, and where it draws.

    Attributes:
        radiance: ``(size, size, 3)`` linear light.
        depth: ``(size, size)`` metres forward to what is drawn, infinite in the sky.
    """

    def __init__(self, rays: Rays, moment: Moment, light: Light) -> None:
        self.rays, self.moment, self.light = rays, moment, light
        self.radiance: Floats = np.zeros((rays.size, rays.size, 3), np.float32)
        self.depth: Floats = np.full((rays.size, rays.size), np.inf, np.float32)

    def veiled(self, colour: Floats, ahead: float) -> Floats:
        """``colour`` as it looks through the haze from ``ahead`` metres."""
        clear = np.float32(np.exp(-self.moment.fog * ahead))
        return colour * clear + np.array(self.light.haze, np.float32) * (1 - clear)


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


def draw_lens(rng: Generator, condition: str) -> Lens:
    """A lens with the spread of a crowd's cameras; noisier at night."""
    night = condition == "night"
    red, blue = rng.normal(0, 0.06, 2)
    return Lens(
        exposure=float(np.exp(rng.normal(0, 0.22))),
        cast=(float(np.exp(red)), 1.0, float(np.exp(blue))),
        softness=float(rng.choice([0.0, rng.uniform(0.3, 0.7), rng.uniform(0.6, 1.2)])),
        noise=rng.uniform(0.02, 0.06) if night else rng.uniform(0.004, 0.025),
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
    steps = _film()
    image = np.take(steps, (index * np.float32((_STEPS - 1) / _BRIGHTEST**0.5)).astype(np.int32))
    grain = _grain()
    start = int(rng.integers(grain.size - image.size)) if image.size < grain.size else 0
    image += np.resize(grain[start:], image.size).reshape(image.shape) * np.float32(lens.noise)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


@cache
def _film() -> Floats:
    """A soft shoulder, gamma and some contrast; over the square root of the light."""
    x = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _BRIGHTEST
    seen = np.clip(x * (1 + x / 9) / (1 + x * 0.85), 0, 1) ** (1 / 2.2)
    contrast = seen * seen * (3 - 2 * seen)
    return (seen + 0.55 * (contrast - seen)).astype(np.float32)


@cache
def _grain() -> Floats:
    """A million normal numbers: photos take theirs from different starts, which is cheaper."""
    return np.random.default_rng(11).standard_normal(1 << 20, np.float32)


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


def _falling(radiance: Floats, moment: Moment, rng: Generator) -> Floats:
    """Streaks of rain, or flakes."""
    rain = moment.condition == "rain"
    high, wide, share, strength = (9, 1, 0.02, 0.22) if rain else (2, 2, 0.012, 0.8)
    row, column = rng.integers(0, SIDE, 2)
    # The same drops at any size: of a photo with 224 pixels a side.
    pixels = np.arange(radiance.shape[0]) * 224 // radiance.shape[0]
    r, c = (pixels // high + row) & (SIDE - 1), (pixels // wide + column) & (SIDE - 1)
    drops = fractal(0.0)[r[:, None], c[None, :]]
    cover = np.where(drops < share, np.float32(strength), np.float32(0))[..., None]
    bright = np.float32(np.percentile(radiance[::4, ::4], 85))
    return radiance + (bright - radiance) * cover
