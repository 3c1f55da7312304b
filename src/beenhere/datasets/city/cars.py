"""Which cars are parked in a street or pass on a day: other ones every time."""

from dataclasses import dataclass

import numpy as np

from beenhere.datasets.city.moment import Moment
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.streets import Street

Colour = tuple[float, float, float]

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
        forward = -side if street.style.drives_left else side
        forward = -forward
        full = rng.uniform(0.1, 0.65)
        if street.half_road < 3.2 and side == 1:
            continue
        x = rng.uniform(1, 6)
        while x < street.length - 3:
            body = _TRUCK if rng.random() < 0.01 else _BODIES[rng.integers(len(_BODIES))]
            if rng.random() < full and not _on_crossing(street, x):
                y = side * (street.half_road - body.width / 2 - 0.25 + rng.normal(0, 0.06))
                cars.append(Car(x, float(y), int(forward), body, _paint(rng)))
            x += body.length + rng.uniform(0.5, 1.5)
        if rng.random() < 0.5:
            body = _BODIES[rng.integers(len(_BODIES))]
            lane = side * min(1.6, street.half_road * 0.4)
            at = float(rng.uniform(0, street.length))
            cars.append(Car(at, float(lane), int(forward), body, _paint(rng)))
    return cars


def _on_crossing(street: Street, x: float) -> bool:
    return any(start - 7 < x < end + 7 for start, end in street.crossings)


def _paint(rng: np.random.Generator) -> Colour:
    r, g, b = (
        float(np.clip(c * t, 0.015, 0.85))
        for c, t in zip(_PAINTS[rng.integers(len(_PAINTS))], rng.uniform(0.8, 1.2, 3), strict=True)
    )
    return r, g, b
