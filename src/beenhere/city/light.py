"""When a photo is taken, and the light there is then: sun and its shadows, sky, street lamps."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from beenhere.city.noise import Floats, generator
from beenhere.city.street import HEIGHT_STEP, SKYLINE_START, Street
from beenhere.city.styles import Colour, scaled

CONDITIONS = ("day", "dusk", "night", "fog", "rain", "snow")


@dataclass(frozen=True)
class Moment:
    """A date with its hour and weather.

    Attributes:
        hour: 0 to 24. condition: one of CONDITIONS.
        cloud: share of the sky, 0 to 1.
        fog: extinction per metre.
        wet, snow: how much of the ground, 0 to 1.
    """

    year: int
    month: int
    day: int
    hour: float
    condition: str
    cloud: float
    fog: float
    wet: float
    snow: float

    @property
    def date(self) -> int:
        """YYYYMMDD as a number."""
        return (self.year * 100 + self.month) * 100 + self.day


def draw_moment(rng: Generator, condition: str, year: int, south: bool = False) -> Moment:
    """A moment of ``year`` under ``condition``; snow falls in winter, in the ``south`` in July."""
    month = int(rng.integers(1, 13))
    if condition == "snow":
        month = int(rng.choice([6, 7, 8] if south else [1, 2, 12]))
    # All are drawn whatever the condition, so that it does not disturb what comes after.
    hour = {
        "dusk": rng.choice([6.2, 18.6]) + rng.uniform(-0.4, 0.4),
        "night": (21 + rng.uniform(0, 7)) % 24,
    }.get(condition, rng.uniform(8, 17))
    cloud = {
        "day": rng.choice([0.0, rng.uniform(0.1, 0.6), rng.uniform(0.7, 1.0)]),
        "dusk": rng.uniform(0, 0.7), "night": rng.uniform(0, 1),
    }.get(condition, rng.uniform(0.85, 1))  # fmt: skip
    fog = {
        "fog": rng.uniform(0.014, 0.04), "rain": rng.uniform(0.003, 0.01),
        "snow": rng.uniform(0.003, 0.015),
    }.get(condition, rng.uniform(0.0005, 0.003))  # fmt: skip
    wet = 1.0 if condition == "rain" else float(rng.random() < 0.12) * rng.uniform(0.3, 0.8)
    day = int(rng.integers(1, 29))
    snow = rng.uniform(0.5, 1) if condition == "snow" else 0.0
    return Moment(year, month, day, float(hour), condition, float(cloud), fog, wet, snow)


class Light:
    """The light of a moment in one street. Colours are linear, 1 is a sunlit white wall.

    Args:
        bearing: degrees clockwise from north of the street's x axis.
        lamp: colour of its lamps.

    Attributes:
        sun: unit vector towards the sun in the street's frame ``(x, y, up)``.
        sunlight, skylight: what a wall that faces the sun gets from it, and from the sky.
        zenith, horizon: colours of the sky; haze is what fog and distance turn into.
        lamps: colour and strength of a street light at one metre below it; zero by day.
        lit, shop_lit: shares of windows and of shops that have their lights on.
        clouds: ``(x, y)`` by which the clouds have drifted.
    """

    def __init__(self, moment: Moment, bearing: float, lamp: Colour, south: bool = False) -> None:
        rng = generator("light", moment.date, int(moment.hour * 60))
        azimuth_off = rng.uniform(-8, 8)
        self.clouds = (rng.uniform(0, 256), rng.uniform(0, 256))
        if moment.condition == "night":
            self._set_night(moment, lamp, rng)
        else:
            self.sun = _sun(moment, bearing, azimuth_off, south)
            self._set_day(moment, lamp, rng)

    def _set_night(self, moment: Moment, lamp: Colour, rng: Generator) -> None:
        glow = 0.012 + 0.02 * moment.cloud
        self.sun = (0.0, 0.0, 1.0)
        self.sunlight: Colour = (0.0, 0.0, 0.0)
        self.skylight: Colour = (0.026, 0.028, 0.038)
        self.zenith: Colour = (0.004, 0.005, 0.012)
        self.horizon: Colour = (glow * 1.3, glow, glow * 0.9)
        self.haze: Colour = (glow, glow * 0.8, glow * 0.7)
        self.lamps = scaled(lamp, rng.uniform(9, 16))
        self.lit, self.shop_lit = rng.uniform(0.12, 0.45), rng.uniform(0.25, 0.8)

    def _set_day(self, moment: Moment, lamp: Colour, rng: Generator) -> None:
        clear = float(1 - moment.cloud)
        low = float(np.clip(1 - self.sun[2] / 0.45, 0, 1))
        dusk = moment.condition == "dusk"
        dim = rng.uniform(0.12, 0.3) if dusk else 1.0
        strength = clear**1.5 * (0.35 if dusk else 1.0)
        sunlight = (strength, strength * (1 - 0.35 * low), strength * (0.92 - 0.6 * low))
        grey = 0.32 + 0.25 * moment.cloud
        zenith = _mix((0.12, 0.26, 0.55), (grey, grey, grey + 0.03), moment.cloud)
        pale = (0.95, 0.55, 0.32) if dusk else (0.55 + 0.2 * low, 0.62, 0.70 - 0.2 * low)
        horizon = _mix(pale, (0.60, 0.61, 0.63), moment.cloud)
        sky = 0.24 + 0.24 * moment.cloud
        self.sunlight = scaled(sunlight, dim)
        self.skylight = scaled((sky * 0.95, sky, sky * (1.08 + 0.1 * clear)), dim)
        self.zenith = scaled(zenith, dim)
        self.horizon = scaled(horizon, dim * (1 if dusk else 0.9))
        self.haze = scaled(_mix(horizon, (0.6, 0.6, 0.61), 0.6), dim)
        self.lamps = scaled(lamp, 5.0) if dusk else (0.0, 0.0, 0.0)
        self.lit, self.shop_lit = (0.25, 0.7) if dusk else (0.0, 0.0)


def _sun(moment: Moment, bearing: float, off: float, south: bool) -> tuple[float, float, float]:
    """Unit vector towards the sun, which stands ``off`` degrees beside the hour's place."""
    turn = (moment.hour - 12) * 15 * (-1 if south else 1)
    azimuth = (0 if south else 180) + turn + off
    summer = 0.5 - 0.5 * np.cos((moment.month + (6 if south else 0) - 0.5) / 6 * np.pi)
    highest = 28 + 38 * summer
    elevation = np.radians(max(highest * np.cos(np.radians((moment.hour - 12) * 14)), 3))
    along, flat = np.radians(bearing - azimuth), np.cos(elevation)
    return float(flat * np.cos(along)), float(flat * np.sin(along)), float(np.sin(elevation))


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    r, g, bl = (x * (1 - share) + y * share for x, y in zip(a, b, strict=True))
    return r, g, bl


Vector = tuple[Floats | float, Floats | float, Floats | float]

LAMP_HEIGHT = 6.0
_LAMP_REACH = 32.0


def dot(a: Vector, b: Vector) -> Floats:
    """Scalar products of vectors given by their three coordinates."""
    # Written out: a matrix product may use threads, and its sums depend on how many.
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2], np.float32)


def irradiance(
    street: Street, light: Light, point: tuple[Floats, Floats, Floats], normal: Vector
) -> Floats:
    """Light that falls on points of walls or ground, ``(n, 3)``.

    Args:
        point: x, y and height, ``(n,)`` each.
        normal: unit vectors out of the surface, ``(n,)`` or one number for each axis.
    """
    x, y, z = point
    # A street is a canyon: low down one sees less sky. Ground sees more of it than a wall.
    openness = np.clip(0.55 + 0.035 * z, 0.55, 1) * (0.75 + 0.25 * normal[2])
    received: Floats = openness[:, None] * np.array(light.skylight, np.float32)
    if max(light.sunlight) > 0:
        direct = np.maximum(dot(normal, light.sun), 0) * _sunlit(street, light, x, y, z)
        received += direct[:, None] * np.array(light.sunlight, np.float32)
        # What the sunlit side throws back, evenly.
        received += 0.06 * np.array(light.sunlight, np.float32)
    if max(light.lamps) > 0:
        received += lamplight(street, point, normal)[:, None] * np.array(light.lamps, np.float32)
    return received


def _sunlit(street: Street, light: Light, x: Floats, y: Floats, z: Floats) -> Floats:
    """1 in the sun, 0 in the shade of the row of houses that stands towards it."""
    sx, sy, sz = light.sun
    if abs(sy) < 0.02:
        return np.ones(x.shape, np.float32)
    row = 0 if sy > 0 else 1
    wall = np.float32(np.copysign(street.half_width, sy))
    away = (wall - y) / np.float32(sy)
    index = ((x + sx * away - SKYLINE_START) / HEIGHT_STEP).astype(np.int32)
    heights = street.skyline[row]
    roof = np.where(
        (index >= 0) & (index < len(heights)), heights[np.clip(index, 0, len(heights) - 1)], 0
    )
    above = (z + sz * away - roof) / (0.15 + 0.012 * np.abs(away))
    return np.where(away > 0.6, np.clip(above + 0.5, 0, 1), 1).astype(np.float32)


def lamplight(street: Street, point: tuple[Floats, Floats, Floats], normal: Vector) -> Floats:
    """Light of the street lamps on points, ``(n,)``, for a lamp of strength 1."""
    x, y, z = point
    total = np.zeros(x.shape, np.float32)
    if not x.size:
        return total
    low, high = float(x.min()) - _LAMP_REACH, float(x.max()) + _LAMP_REACH
    for lx, ly in street.lamps:
        if not low < lx < high:
            continue
        # The arm holds the light over the road.
        dx, dy, dz = lx - x, ly * 0.75 - y, LAMP_HEIGHT - z
        square = dx * dx + dy * dy + dz * dz + 0.5
        toward = dot(normal, (dx, dy, dz)) / np.sqrt(square)
        # Lanterns shine down: little of their light goes above them.
        down = np.clip(dz * 0.25 + 0.6, 0.06, 1)
        total += (0.15 + np.maximum(toward, 0)) * down / square
    return total
