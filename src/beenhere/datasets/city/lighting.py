"""How much light reaches a point of a street: sun and its shadows, sky, street lamps."""

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.moment import Light
from beenhere.datasets.city.streets import HEIGHT_STEP, SKYLINE_START, Street

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
