"""Paints the walls of a street: fronts and sides of buildings, fences, the far end of the view."""

import numpy as np
from numpy.random import Generator

from beenhere.city.buildings import ROOFLINE_SAMPLES, Building
from beenhere.city.canvas import (
    DOOR_LAMP,
    FIRST_WINDOW,
    LAST_WINDOW,
    SHOP_GLASS,
    SIGN,
    TEXELS_PER_METRE,
    UNITS,
    Box,
    Canvas,
    WindowPainter,
    lay_masonry,
    write_sign,
    write_vertical_sign,
)
from beenhere.city.noise import Floats, generator
from beenhere.city.street import Fence
from beenhere.city.styles import Colour, Style


def paint_front(building: Building) -> Canvas:
    """The street façade with its roof, as wide and as high as the building's outline."""
    rng = generator(building.seed, "front")
    canvas = Canvas(building.width, building.height, building.wall)
    lay_masonry(canvas, building.material, rng)
    _paint_corners(canvas, building, rng)
    _paint_roof(canvas, building, rng)
    _paint_storeys(canvas, building, rng)
    _paint_ground_floor(canvas, building, generator(building.seed, "ground floor"))
    canvas.mottle(rng, 1.0, 0.07)
    canvas.mottle(rng, 1.2, 0.06, stretch=6)
    # Streets are darker towards the ground: dirt, and less sky above.
    rows = np.arange(canvas.rgb.shape[0], dtype=np.float32) / TEXELS_PER_METRE
    canvas.rgb *= (1 - 0.16 * np.exp(-rows / 1.2))[:, None, None]
    return canvas


def paint_side(building: Building) -> Canvas:
    """The wall towards a lower neighbour or an alley: bare, or with a few small windows."""
    rng = generator(building.seed, "side")
    canvas = Canvas(building.depth, building.eaves + 0.3, building.wall)
    material = building.material if building.material in ("brick", "wood") else "stucco"
    lay_masonry(canvas, material, rng)
    canvas.rgb *= 0.9
    if rng.random() < 0.6:
        painter = WindowPainter(building, rng)
        columns = rng.uniform(1.5, building.depth - 1.5, int(rng.integers(1, 3))).tolist()
        for storey in range(building.storeys + 1):
            floor = storey * building.storey_height + (0.4 if storey == 0 else 1.0)
            for i, x in enumerate(columns):
                painter.paint(canvas, x, floor + 0.5, _number(storey, i))
    canvas.mottle(rng, 1.0, 0.12, stretch=5)
    return canvas


def _number(storey: int, bay: int) -> int:
    return FIRST_WINDOW + (storey * 17 + bay) % (LAST_WINDOW - FIRST_WINDOW + 1)


def _paint_storeys(canvas: Canvas, building: Building, rng: Generator) -> None:
    painter = WindowPainter(building, rng)
    w = canvas.width
    courses = bool(rng.random() < 0.45) and building.material != "glass"
    tall_first = bool(rng.random() < 0.3)
    for storey in range(building.storeys):
        floor = building.ground_height + storey * building.storey_height
        if courses:
            canvas.ledge(0, floor - 0.12, w, floor + 0.08, building.trim)
        for i, x in enumerate(building.bays):
            if i in building.skips:
                continue
            if i in building.oriels:
                _paint_oriel(canvas, building, x, floor)
            stretch = 1.12 if tall_first and storey == 0 else 1.0
            painter.paint(canvas, x, floor, _number(storey + 1, i), stretch)
    canvas.ledge(0, building.ground_height - 0.2, w, building.ground_height, building.trim)


def _paint_oriel(canvas: Canvas, building: Building, x: float, floor: float) -> None:
    """A bay window: its canted cheeks catch less light, and it shades the wall beside it."""
    half = building.window.width * 0.5 + 0.55
    top = floor + building.storey_height
    canvas.shade(x + half, floor, x + half + 0.35, top, 0.72)
    canvas.shade(x - half, floor, x + half, top, 1.08)
    canvas.shade(x - half, floor, x - half + 0.4, top, 0.82)
    canvas.shade(x + half - 0.4, floor, x + half, top, 0.74)
    canvas.ledge(x - half, top - 0.25, x + half, top - 0.1, building.trim)


def _paint_corners(canvas: Canvas, building: Building, rng: Generator) -> None:
    """Quoins, pilasters or a drainpipe."""
    kind = rng.integers(5)
    top = building.eaves
    if kind == 0 and building.material in ("brick", "stucco"):
        for i in range(int(top / 0.4)):
            wide = 0.55 if i % 2 else 0.35
            for left in (0.0, canvas.width - wide):
                canvas.fill(left, i * 0.4, left + wide, i * 0.4 + 0.34, building.trim)
    elif kind == 1 and building.material != "glass":
        for x in (0.0, canvas.width - 0.5):
            canvas.fill(x, building.ground_height, x + 0.5, top, building.trim)
            canvas.shade(x + 0.42, building.ground_height, x + 0.56, top, 0.8)
    elif kind == 2:
        x = 0.15 if rng.random() < 0.5 else canvas.width - 0.3
        canvas.fill(x, 0, x + 0.12, top, (0.35, 0.35, 0.36))
        canvas.shade(x + 0.12, 0, x + 0.25, top, 0.75)


_SLATES: tuple[Colour, ...] = (
    (0.34, 0.36, 0.40), (0.42, 0.42, 0.43), (0.58, 0.32, 0.22), (0.50, 0.27, 0.20),
    (0.40, 0.31, 0.26),
)  # fmt: skip


def _paint_roof(canvas: Canvas, building: Building, rng: Generator) -> None:
    eaves, top, w = building.eaves, canvas.height, canvas.width
    if building.roof in ("mansard", "pitched"):
        slate = _SLATES[int(rng.integers(len(_SLATES)))]
        canvas.fill(0, eaves, w, top, slate)
        for course in np.arange(eaves, eaves + building.roof_height, 0.25).tolist():
            canvas.shade(0, course, w, course + 0.07, 0.86)
        crown = eaves + building.roof_height
        canvas.fill(0, crown, w, top, (0.50, 0.33, 0.27))
        if building.roof == "mansard":
            painter = WindowPainter(building, rng)
            for i, x in enumerate(building.bays):
                half = building.window.width * 0.5 + 0.2
                canvas.fill(x - half, eaves + 0.2, x + half, crown - 0.3, building.trim)
                canvas.shade(x + half, eaves + 0.2, x + half + 0.3, crown - 0.5, 0.7)
                painter.paint(canvas, x, eaves - 0.2, _number(12, i), 0.8)
        canvas.ledge(0, eaves - 0.15, w, eaves + 0.12, building.trim)
    elif building.roof == "cornice":
        canvas.ledge(0, eaves + 0.3, w, eaves + building.roof_height, building.trim)
        for x in np.arange(0.2, w, 0.7).tolist():
            canvas.fill(x, eaves, x + 0.25, eaves + 0.3, building.trim)
            canvas.shade(x + 0.25, eaves, x + 0.4, eaves + 0.3, 0.7)
    elif building.roof in ("gable", "stepped"):
        _edge_gable(canvas, building)
        WindowPainter(building, rng).paint(canvas, w / 2, eaves - 0.2, _number(12, 0), 0.8)
    else:
        rim = eaves + building.roof_height
        canvas.fill(0, rim, w, top, (0.52, 0.52, 0.51))
        canvas.ledge(0, rim - 0.18, w, rim, building.trim)


def _edge_gable(canvas: Canvas, building: Building) -> None:
    """A coping along the sloping edge."""
    line = np.round(building.roofline * TEXELS_PER_METRE).astype(int)
    columns = canvas.rgb.shape[1]
    for x, edge in enumerate(line[np.arange(columns) * ROOFLINE_SAMPLES // columns]):
        canvas.rgb[max(0, edge - 4) : edge, x] = building.trim
        canvas.rgb[max(0, edge - 7) : max(0, edge - 4), x] *= 0.75


def _paint_ground_floor(canvas: Canvas, building: Building, rng: Generator) -> None:
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
        box = (x, building.ground_height + 0.4, x + 0.85, top - 0.4)
        write_vertical_sign(canvas, rng, box, background)


def _door(canvas: Canvas, x: float, width: float, height: float, colour: Colour) -> None:
    canvas.fill(x - 0.14, 0, x + width + 0.14, height + 0.14, (0.80, 0.78, 0.74))
    canvas.fill(x, 0, x + width, height, colour)
    for low, high in ((0.25, height * 0.42), (height * 0.5, height - 0.3)):
        canvas.shade(x + 0.15, low, x + width - 0.15, high, 0.75)
    canvas.shade(x, height - 0.15, x + width, height, 0.55)
    canvas.fill(x + width - 0.2, 1.0, x + width - 0.08, 1.12, (0.85, 0.75, 0.4))


def _shops(canvas: Canvas, building: Building, rng: Generator) -> None:
    count = max(1, min(UNITS, round(canvas.width / rng.uniform(4.5, 8))))
    wide = canvas.width / count
    sign_height = rng.uniform(0.55, 0.95)
    fascia = building.ground_height - 0.25 - sign_height
    canvas.fill(0, 0, canvas.width, building.ground_height - 0.2, building.trim)
    canvas.rgb[canvas.box(0, 0, canvas.width, building.ground_height - 0.2)] *= 0.8
    for unit in range(count):
        left, right = unit * wide + 0.2, (unit + 1) * wide - 0.2
        _shop_window(canvas, building, rng, (left, 0, right, fascia - 0.1), SHOP_GLASS + unit)
        ground = building.accents[int(rng.integers(4))]
        sign = (left, fascia, right, fascia + sign_height)
        write_sign(canvas, rng, sign, ground, building.script, SIGN + unit)
        canvas.shade(left, fascia - 0.18, right, fascia, 0.6)
        if rng.random() < 0.35:  # an awning, plain or striped
            low = fascia - rng.uniform(0.6, 0.9)
            canvas.fill(left, low, right, fascia, building.accents[int(rng.integers(4))])
            if rng.random() < 0.5:
                for x in np.arange(left, right, 0.6).tolist():
                    canvas.fill(x, low, min(x + 0.3, right), fascia, (0.9, 0.88, 0.84))
            canvas.shade(left, low, right, low + 0.18, 0.85)
            canvas.shade(left, low - 0.7, right, low, 0.55)


def _shop_window(canvas: Canvas, building: Building, rng: Generator, box: Box, code: int) -> None:
    left, _, right, top = box
    colour = building.accents[int(rng.integers(4))]
    base = float(rng.choice([0.15, 0.5, 0.8]))
    canvas.fill(left, 0, right, top, colour)
    canvas.fill(left + 0.1, base, right - 0.1, top - 0.05, (0.22, 0.22, 0.22), code)
    # Goods on display, in rows.
    for _ in range(int((right - left) * 3)):
        x, z = rng.uniform(left + 0.2, right - 0.5), rng.uniform(base, base + 1.1)
        w, h = rng.uniform(0.15, 0.45), rng.uniform(0.2, 0.6)
        tone = rng.uniform(0.15, 0.65, 3)
        canvas.rgb[canvas.box(x, z, min(x + w, right - 0.1), min(z + h, top - 0.1))] = tone
    for x in np.linspace(left, right, int(rng.integers(2, 5)) + 1)[1:-1].tolist():
        canvas.fill(x - 0.05, base, x + 0.05, top, colour)
    canvas.shade(left, top - 0.3, right, top, 0.6)
    x = left + 0.1 if rng.random() < 0.5 else right - 1.2
    canvas.fill(x - 0.08, 0, x + 1.08, 2.35, colour)
    canvas.fill(x + 0.06, 0.2, x + 0.94, 2.2, (0.2, 0.21, 0.22), code)


def _home(canvas: Canvas, building: Building, rng: Generator) -> None:
    painter = WindowPainter(building, rng)
    at = int(rng.integers(len(building.bays)))
    height = rng.uniform(2.1, 2.5)
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


def _garage(canvas: Canvas, building: Building, rng: Generator) -> None:
    wide = min(2.6, canvas.width - 1.8)
    x = 0.4
    colour = (0.85, 0.84, 0.80) if rng.random() < 0.5 else building.accents[2]
    while x + wide < canvas.width - 1.3:
        canvas.fill(x, 0, x + wide, 2.3, colour)
        for z in np.arange(0.1, 2.3, 0.5).tolist():
            canvas.shade(x, z, x + wide, z + 0.08, 0.78)
        canvas.shade(x, 2.1, x + wide, 2.3, 0.55)
        x += wide + 0.6
        if rng.random() < 0.5:
            break
    _door(canvas, canvas.width - 1.2, 0.95, 2.15, building.accents[1])
    canvas.fill(canvas.width - 1.4, 2.4, canvas.width - 1.2, 2.6, (0.9, 0.85, 0.7), DOOR_LAMP)


def _lobby(canvas: Canvas, building: Building, rng: Generator) -> None:
    top = building.ground_height - 0.5
    canvas.fill(0.4, 0.1, canvas.width - 0.4, top, (0.2, 0.22, 0.24), SHOP_GLASS)
    for x in np.arange(0.4, canvas.width - 0.3, rng.uniform(1.2, 2.2)).tolist():
        canvas.fill(x, 0, x + 0.09, top, building.frame)
    canvas.fill(0.4, 2.4, canvas.width - 0.4, 2.5, building.frame)
    middle = canvas.width * rng.uniform(0.3, 0.7)
    canvas.ledge(middle - 1.8, 2.6, middle + 1.8, 2.95, building.accents[0])
    if rng.random() < 0.7:
        sign = (middle - 1.6, 2.97, middle + 1.6, 3.5)
        write_sign(canvas, rng, sign, building.accents[3], building.script, SIGN)


def _arcade(canvas: Canvas, building: Building, rng: Generator) -> None:
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
        canvas.rgb[rows, columns][inside] = (0.12, 0.12, 0.13)
        lit = inside & (z > 0.4) & (x < radius * 0.7)
        canvas.code[rows, columns][lit] = SHOP_GLASS + i % UNITS


def paint_backdrop(seed: int, style: Style) -> tuple[Canvas, Floats]:
    """A row of far houses, 64 m that repeat, and its outline over the whole wall."""
    rng = generator(seed, "backdrop")
    canvas = Canvas(64, 16, (0.5, 0.5, 0.5))
    x = 0.0
    while x < 64:
        wide = rng.uniform(6, 14)
        wall = style.walls[int(rng.integers(len(style.walls)))]
        canvas.fill(x, 0, x + wide, 16, wall)
        for z in np.arange(1.2, 15, 3.1).tolist():
            for i in np.arange(x + 1, x + wide - 1.5, 2.2).tolist():
                number = int(rng.integers(FIRST_WINDOW, LAST_WINDOW))
                canvas.fill(i, z, i + 1.1, z + 1.5, (0.24, 0.26, 0.28), number)
        x += wide
    steps = rng.uniform(7, 13, ROOFLINE_SAMPLES // 4)
    return canvas, np.repeat(steps, 4).astype(np.float32)


def paint_fence(fence: Fence) -> Canvas:
    """A hedge, a low wall or a fence of boards."""
    rng = generator(fence.seed, "fence")
    length, height = fence.length, fence.height
    if fence.kind == "hedge":
        canvas = Canvas(length, height, (0.26, 0.36, 0.17))
        canvas.mottle(rng, 0.3, 0.5)
    elif fence.kind == "wall":
        canvas = Canvas(length, height, (0.55, 0.45, 0.38))
        lay_masonry(canvas, "brick" if rng.random() < 0.5 else "stone", rng)
        canvas.ledge(0, height - 0.12, length, height, (0.7, 0.68, 0.64))
    else:
        tone = rng.uniform(0.3, 0.8)
        canvas = Canvas(length, height, (tone, tone * 0.85, tone * 0.7))
        for x in np.arange(0, length, 0.25).tolist():
            canvas.shade(x, 0, x + 0.07, height, rng.uniform(0.6, 0.9))
    return canvas
