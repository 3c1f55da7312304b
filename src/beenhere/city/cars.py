"""Cars that are parked in a street or pass on a day: other ones every time."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from beenhere.city.camera import Picture
from beenhere.city.light import Light, Moment, lamplight
from beenhere.city.noise import Bools, Floats, Ints, generator
from beenhere.city.street import Street
from beenhere.city.styles import Colour, scaled

_PAINTS: tuple[Colour, ...] = (
    (0.75, 0.75, 0.74), (0.45, 0.46, 0.48), (0.03, 0.03, 0.035), (0.15, 0.16, 0.17),
    (0.35, 0.03, 0.03), (0.04, 0.08, 0.22), (0.05, 0.13, 0.09), (0.55, 0.50, 0.40),
    (0.50, 0.30, 0.03), (0.12, 0.25, 0.35),
)  # fmt: skip


@dataclass(frozen=True)
class Body:
    """Measures of a kind of car in metres.

    Attributes:
        belt: height where the windows begin. roof: height.
        cabin: from and to along the car, at the belt; rake: how far the screens lean in.
    """

    length: float
    width: float
    belt: float
    roof: float
    cabin: tuple[float, float]
    rake: tuple[float, float]


_BODIES = (
    Body(4.5, 1.8, 0.92, 1.45, (-2.0, 1.05), (0.75, 0.75)),
    Body(3.9, 1.7, 0.95, 1.5, (-1.9, 1.0), (0.3, 0.7)),
    Body(4.6, 1.9, 1.05, 1.72, (-2.25, 1.1), (0.3, 0.6)),
    Body(5.0, 2.0, 1.25, 2.3, (-2.48, 1.9), (0.05, 0.5)),
    Body(4.7, 1.8, 0.93, 1.5, (-2.25, 1.0), (0.45, 0.75)),
)
_TRUCK = Body(7.2, 2.3, 1.4, 3.2, (-3.58, 3.3), (0.02, 0.1))


@dataclass(frozen=True)
class Car:
    """A car at ``(x, y)`` whose front points ``along`` x (1 or -1)."""

    x: float
    y: float
    along: int
    body: Body
    paint: Colour


def cars_on(street: Street, moment: Moment) -> list[Car]:
    """The cars of one day: another set on another date, none on the crossings."""
    rng = generator(street.seed, "cars", moment.date, int(moment.hour))
    cars: list[Car] = []
    for side in (1, -1):
        forward = side if street.style.drives_left else -side
        full = rng.uniform(0.1, 0.65)
        if street.half_road < 3.2 and side == 1:
            continue
        x = rng.uniform(1, 6)
        while x < street.length - 3:
            body = _TRUCK if rng.random() < 0.01 else _BODIES[rng.integers(len(_BODIES))]
            crossing = any(start - 7 < x < end + 7 for start, end in street.crossings)
            if rng.random() < full and not crossing:
                y = side * (street.half_road - body.width / 2 - 0.25 + rng.normal(0, 0.06))
                cars.append(Car(x, float(y), forward, body, _paint(rng)))
            x += body.length + rng.uniform(0.5, 1.5)
        if rng.random() < 0.5:
            body = _BODIES[rng.integers(len(_BODIES))]
            lane = side * min(1.6, street.half_road * 0.4)
            at = float(rng.uniform(0, street.length))
            cars.append(Car(at, float(lane), forward, body, _paint(rng)))
    return cars


def _paint(rng: Generator) -> Colour:
    colour = _PAINTS[rng.integers(len(_PAINTS))]
    return scaled(colour, rng.uniform(0.8, 1.2, 3), 0.015, 0.85)


Plane = tuple[float, float, float, float]
"""``(nx, ny, nz, d)``: a convex solid is where ``nx x + ny y + nz z <= d`` for all its planes."""

# The faces of both solids, in the order of their planes.
_FRONT, _BACK, _TOP, _SIDES = 0, 1, 2, 4
_NORMALS = np.array(
    [(0.95, 0, 0.3), (-0.95, 0, 0.3), (0, 0, 1), (0, 0, -1), (0, 0.97, 0.2), (0, -0.97, 0.2)],
    np.float32,
)


def draw_car(street: Street, picture: Picture, car: Car) -> None:
    """Draw what of a car is not hidden by what the picture already shows."""
    body, rays = car.body, picture.rays
    window = rays.window(car.x, car.y, np.hypot(body.length, body.width) / 2, 0, body.roof)
    if window is None:
        return
    # In the car's frame, x to its front, y to its left, z up: the camera, and the rays.
    camera, (fx, fy), q = rays.camera, rays.camera.forward, rays.q[window]
    eye = (camera.x - car.x) * car.along, (camera.y - car.y) * car.along, camera.height
    ray = (fx + q * fy) * car.along, (fy - q * fx) * car.along, rays.s[window]
    hull, cabin = _solids(body)
    near, face = _enter(hull, eye, ray)
    near_cabin, face_cabin = _enter(cabin, eye, ray)
    is_cabin = near_cabin < near
    near, face = np.minimum(near_cabin, near), np.where(is_cabin, face_cabin, face)
    seen = np.isfinite(near) & (near < picture.depth[window])
    if not seen.any():
        return
    x, y, z = (start + near[seen] * way[seen] for start, way in zip(eye, ray, strict=True))
    albedo, glass = _materials(car, (x, y, z), face[seen], is_cabin[seen])
    if picture.moment.snow:
        albedo[(face[seen] == _TOP) & ~glass] = 0.7
    picture.radiance[window][seen] = _lit(street, picture.light, car, albedo, glass, face[seen])
    picture.depth[window][seen] = near[seen]


def _solids(body: Body) -> tuple[tuple[Plane, ...], tuple[Plane, ...]]:
    """The hull and the cabin."""
    half, wide = body.length / 2, body.width / 2
    hull = (
        (1, 0, 0.12, half + 0.06), (-1, 0, 0.1, half + 0.05),
        (0.1, 0, 1, body.belt + 0.1 * body.cabin[1]), (0, 0, -1, -0.2),
        (0, 1, 0, wide), (0, -1, 0, wide),
    )  # fmt: skip
    back, front = body.cabin
    high = body.roof - body.belt
    cabin = (
        (1, 0, body.rake[1] / high, front + body.rake[1] / high * body.belt),
        (-1, 0, body.rake[0] / high, -back + body.rake[0] / high * body.belt),
        (0, 0, 1, body.roof), (0, 0, -1, -body.belt + 0.15),
        (0, 1, 0.22, wide - 0.03 + 0.22 * body.belt),
        (0, -1, 0.22, wide - 0.03 + 0.22 * body.belt),
    )  # fmt: skip
    return hull, cabin


def _enter(
    solid: tuple[Plane, ...], eye: tuple[float, float, float], ray: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Ints]:
    """The depth where rays enter a solid, infinite beside it, and the number of the face."""
    (ox, oy, oz), (dx, dy, dz) = eye, ray
    near = np.full(dz.shape, -np.inf, np.float32)
    far = np.full(dz.shape, np.inf, np.float32)
    face = np.zeros(dz.shape, np.int8)
    for i, (nx, ny, nz, d) in enumerate(solid):
        gap = np.float32(d - (nx * ox + ny * oy + nz * oz))
        rate = np.float32(nx) * dx + np.float32(ny) * dy + np.float32(nz) * dz
        t = gap / np.where(np.abs(rate) < 1e-6, np.float32(1e-6), rate)
        enters = (rate < 0) & (t > near)
        face[enters] = i
        near = np.where(enters, t, near)
        far = np.where(rate > 0, np.minimum(far, t), far)
    hit = (near < far) & (near > 0.2)
    return np.where(hit, near, np.float32(np.inf)), face


def _materials(
    car: Car, point: tuple[Floats, Floats, Floats], face: Ints, cabin: Bools
) -> tuple[Floats, Bools]:
    """Reflectance ``(n, 3)`` at points in the car's frame, and which of them are glass."""
    x, y, z = point
    b = car.body
    side, front = face >= _SIDES, face == _FRONT
    ends = front | (face == _BACK)
    albedo = np.empty((*x.shape, 3), np.float32)
    albedo[:] = car.paint
    albedo[z < 0.33] = 0.02
    # Glass, but for pillars, the rim of the roof and a van's box.
    solid = (z > b.roof - 0.09) | (z < b.belt + 0.04) | (face == _TOP)
    solid |= side & ((np.abs(x - 0.1) < 0.06) | (np.abs(x + b.length * 0.24) < 0.06))
    solid |= ends & (np.abs(y) > b.width / 2 - 0.28)
    if b.roof > 2:
        solid |= (x < 0.25 * b.length) & ~front
    glass = cabin & ~solid
    albedo[glass] = 0.02
    for axle in (b.length * 0.31, -b.length * 0.3):
        square = np.where(side & ~cabin, (x - axle) ** 2 + (z - 0.32) ** 2, 1)
        albedo[square < 0.36**2] = 0.012
        albedo[square < 0.19**2] = 0.16
    lamps = ~cabin & ends & (np.abs(z - 0.68) < 0.09) & (np.abs(y) > b.width / 2 - 0.5)
    albedo[lamps & front] = 0.8
    albedo[lamps & ~front] = (0.45, 0.02, 0.02)
    albedo[~cabin & ends & (np.abs(z - 0.5) < 0.07) & (np.abs(y) < 0.28)] = 0.6  # the plate
    albedo[side & ~cabin & (np.abs(np.abs(x + 0.35) - 0.55) < 0.012)] *= 0.5  # doors
    return albedo, glass


def _lit(
    street: Street, light: Light, car: Car, albedo: Floats, glass: Bools, face: Ints
) -> Floats:
    """Radiance ``(n, 3)``."""
    sun = np.array([light.sun[0] * car.along, light.sun[1] * car.along, light.sun[2]], np.float32)
    facing = np.maximum((_NORMALS * sun).sum(1), 0)[face]
    up = _NORMALS[face, 2]
    received = (0.35 + 0.5 * up)[:, None] * np.array(light.skylight, np.float32)
    received += (0.55 * facing)[:, None] * np.array(light.sunlight, np.float32)
    if max(light.lamps) > 0:
        here = [np.array([value], np.float32) for value in (car.x, car.y, 1.0)]
        lamps = lamplight(street, (here[0], here[1], here[2]), (0.0, 0.0, 1.0))
        received += lamps * (0.4 + 0.6 * up)[:, None] * np.array(light.lamps, np.float32)
    # Lacquer and glass mirror the sky, most where one looks along them.
    gloss = np.where(glass, 0.1, 0.05) * np.where(face == _TOP, 2.2, 1 + up)
    return np.asarray(
        albedo * received + gloss[:, None] * np.array(light.horizon, np.float32), np.float32
    )
