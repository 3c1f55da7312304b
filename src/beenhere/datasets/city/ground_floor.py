"""Paints what one sees at eye level: shops with signs, doors, garages, lobbies, arcades."""

import numpy as np

from beenhere.datasets.city.buildings import Building
from beenhere.datasets.city.canvas import (
    DOOR_LAMP,
    FIRST_WINDOW,
    SHOP_GLASS,
    SIGN,
    UNITS,
    Canvas,
    Colour,
)
from beenhere.datasets.city.lettering import write_sign, write_vertical_sign
from beenhere.datasets.city.windows import WindowPainter

_DARK: Colour = (0.12, 0.12, 0.13)
_DISPLAY: Colour = (0.22, 0.22, 0.22)


def paint_ground_floor(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    """Paint the strip from the pavement to the first floor."""
    painter = {
        "shops": _shops, "home": _home, "garage": _garage, "lobby": _lobby, "arcade": _arcade
    }[building.ground_floor]  # fmt: skip
    painter(canvas, building, rng)
    canvas.shade(0, 0, canvas.width, 0.35, 0.82)
    if building.script == "kana" and building.storeys > 1 and rng.random() < 0.6:
        x = 0.1 if rng.random() < 0.5 else canvas.width - 1.0
        top = building.ground_height + min(building.storeys, 4) * building.storey_height
        background = building.accents[int(rng.integers(4))]
        write_vertical_sign(
            canvas, rng, x, building.ground_height + 0.4, 0.85, top - 0.4, background
        )


def _door(canvas: Canvas, x: float, width: float, height: float, colour: Colour) -> None:
    canvas.fill(x - 0.14, 0, x + width + 0.14, height + 0.14, (0.80, 0.78, 0.74))
    canvas.fill(x, 0, x + width, height, colour)
    for low, high in ((0.25, height * 0.42), (height * 0.5, height - 0.3)):
        canvas.shade(x + 0.15, low, x + width - 0.15, high, 0.75)
    canvas.shade(x, height - 0.15, x + width, height, 0.55)
    canvas.fill(x + width - 0.2, 1.0, x + width - 0.08, 1.12, (0.85, 0.75, 0.4))


def _shops(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    count = max(1, min(UNITS, round(canvas.width / rng.uniform(4.5, 8))))
    wide = canvas.width / count
    sign_height = float(rng.uniform(0.55, 0.95))
    fascia = building.ground_height - 0.25 - sign_height
    canvas.fill(0, 0, canvas.width, building.ground_height - 0.2, building.trim)
    canvas.rgb[canvas.box(0, 0, canvas.width, building.ground_height - 0.2)] *= 0.8
    for unit in range(count):
        left = unit * wide + 0.2
        right = (unit + 1) * wide - 0.2
        _shop_window(canvas, building, rng, unit, left, right, fascia - 0.1)
        ground = building.accents[int(rng.integers(4))]
        write_sign(canvas, rng, left, fascia, right, fascia + sign_height, ground,
                   building.script, SIGN + unit)  # fmt: skip
        canvas.shade(left, fascia - 0.18, right, fascia, 0.6)
        if rng.random() < 0.35:
            _awning(canvas, building, rng, left, right, fascia)


def _shop_window(
    canvas: Canvas,
    building: Building,
    rng: np.random.Generator,
    unit: int,
    left: float,
    right: float,
    top: float,
) -> None:
    colour = building.accents[int(rng.integers(4))]
    base = float(rng.choice([0.15, 0.5, 0.8]))
    canvas.fill(left, 0, right, top, colour)
    canvas.fill(left + 0.1, base, right - 0.1, top - 0.05, _DISPLAY, SHOP_GLASS + unit)
    # Goods on display, in rows.
    for _ in range(int((right - left) * 3)):
        x, z = rng.uniform(left + 0.2, right - 0.5), rng.uniform(base, base + 1.1)
        w, h = rng.uniform(0.15, 0.45), rng.uniform(0.2, 0.6)
        tone = rng.uniform(0.15, 0.65, 3)
        canvas.rgb[canvas.box(x, z, min(x + w, right - 0.1), min(z + h, top - 0.1))] = tone
    for x in np.linspace(left, right, int(rng.integers(2, 5)) + 1)[1:-1]:
        canvas.fill(float(x) - 0.05, base, float(x) + 0.05, top, colour)
    canvas.shade(left, top - 0.3, right, top, 0.6)
    x = left + 0.1 if rng.random() < 0.5 else right - 1.2
    canvas.fill(x - 0.08, 0, x + 1.08, 2.35, colour)
    canvas.fill(x + 0.06, 0.2, x + 0.94, 2.2, (0.2, 0.21, 0.22), SHOP_GLASS + unit)


def _awning(
    canvas: Canvas,
    building: Building,
    rng: np.random.Generator,
    left: float,
    right: float,
    top: float,
) -> None:
    low = top - float(rng.uniform(0.6, 0.9))
    colour = building.accents[int(rng.integers(4))]
    canvas.fill(left, low, right, top, colour)
    if rng.random() < 0.5:
        for x in np.arange(left, right, 0.6):
            canvas.fill(float(x), low, min(float(x) + 0.3, right), top, (0.9, 0.88, 0.84))
    canvas.shade(left, low, right, low + 0.18, 0.85)
    canvas.shade(left, low - 0.7, right, low, 0.55)


def _home(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    painter = WindowPainter(building, rng)
    at = int(rng.integers(len(building.bays)))
    height = float(rng.uniform(2.1, 2.5))
    if rng.random() < 0.3:
        canvas.fill(0, 0, canvas.width, 0.7, building.trim)
    for i, x in enumerate(building.bays):
        if i == at:
            _door(canvas, x - 0.5, 1.0, height, building.accents[1])
            canvas.fill(x - 0.12, height + 0.3, x + 0.12, height + 0.5, (0.9, 0.85, 0.7), DOOR_LAMP)
            if rng.random() < 0.5:
                canvas.ledge(x - 0.8, height + 0.25, x + 0.8, height + 0.45, building.trim)
        elif i not in building.skips:
            painter.paint(canvas, x, 0.45, FIRST_WINDOW + i)


def _garage(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    wide = min(2.6, canvas.width - 1.8)
    x = 0.4
    colour = (0.85, 0.84, 0.80) if rng.random() < 0.5 else building.accents[2]
    while x + wide < canvas.width - 1.3:
        canvas.fill(x, 0, x + wide, 2.3, colour)
        for z in np.arange(0.1, 2.3, 0.5):
            canvas.shade(x, float(z), x + wide, float(z) + 0.08, 0.78)
        canvas.shade(x, 2.1, x + wide, 2.3, 0.55)
        x += wide + 0.6
        if rng.random() < 0.5:
            break
    _door(canvas, canvas.width - 1.2, 0.95, 2.15, building.accents[1])
    canvas.fill(canvas.width - 1.4, 2.4, canvas.width - 1.2, 2.6, (0.9, 0.85, 0.7), DOOR_LAMP)


def _lobby(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    top = building.ground_height - 0.5
    canvas.fill(0.4, 0.1, canvas.width - 0.4, top, (0.2, 0.22, 0.24), SHOP_GLASS)
    for x in np.arange(0.4, canvas.width - 0.3, float(rng.uniform(1.2, 2.2))):
        canvas.fill(float(x), 0, float(x) + 0.09, top, building.frame)
    canvas.fill(0.4, 2.4, canvas.width - 0.4, 2.5, building.frame)
    middle = canvas.width * float(rng.uniform(0.3, 0.7))
    canvas.ledge(middle - 1.8, 2.6, middle + 1.8, 2.95, building.accents[0])
    if rng.random() < 0.7:
        write_sign(canvas, rng, middle - 1.6, 2.97, middle + 1.6, 3.5, building.accents[3],
                   building.script, SIGN)  # fmt: skip


def _arcade(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    count = max(2, round(canvas.width / rng.uniform(2.6, 3.8)))
    step = canvas.width / count
    top = building.ground_height - 0.5
    for i in range(count):
        left, right = i * step + 0.4, (i + 1) * step - 0.4
        radius = (right - left) / 2
        rows, columns = canvas.box(left, 0, right, top)
        z = np.linspace(0, top, rows.stop - rows.start)[:, None]
        x = np.abs(np.linspace(-radius, radius, columns.stop - columns.start))[None, :]
        inside = z < top - radius + np.sqrt(np.maximum(radius**2 - x**2, 0))
        canvas.rgb[rows, columns][inside] = _DARK
        lit = inside & (z > 0.4) & (x < radius * 0.7)
        canvas.code[rows, columns][lit] = SHOP_GLASS + i % UNITS
