"""Paints the front and the side of a building, and the small parts they share."""

import numpy as np

from beenhere.datasets.city.buildings import ROOFLINE_SAMPLES, Building
from beenhere.datasets.city.canvas import (
    FIRST_WINDOW,
    LAST_WINDOW,
    TEXELS_PER_METRE,
    Canvas,
    Colour,
)
from beenhere.datasets.city.ground_floor import paint_ground_floor
from beenhere.datasets.city.masonry import lay_masonry
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.windows import WindowPainter


def paint_front(building: Building) -> Canvas:
    """The street façade with its roof, as wide and as high as the building's outline."""
    rng = generator(building.seed, "front")
    canvas = Canvas.blank(building.width, building.height, building.wall)
    lay_masonry(canvas, building.material, rng)
    _paint_corners(canvas, building, rng)
    _paint_roof(canvas, building, rng)
    _paint_storeys(canvas, building, rng)
    paint_ground_floor(canvas, building, generator(building.seed, "ground floor"))
    canvas.mottle(rng, 1.0, 0.07)
    canvas.mottle(rng, 1.2, 0.06, stretch=6)
    # Streets are darker towards the ground: dirt, and less sky above.
    rows = np.arange(canvas.rgb.shape[0], dtype=np.float32) / TEXELS_PER_METRE
    canvas.rgb *= (1 - 0.16 * np.exp(-rows / 1.2))[:, None, None]
    return canvas


def paint_side(building: Building) -> Canvas:
    """The wall towards a lower neighbour or an alley: bare, or with a few small windows."""
    rng = generator(building.seed, "side")
    canvas = Canvas.blank(building.depth, building.eaves + 0.3, building.wall)
    material = building.material if building.material in ("brick", "wood") else "stucco"
    lay_masonry(canvas, material, rng)
    canvas.rgb *= 0.9
    if rng.random() < 0.6:
        painter = WindowPainter(building, rng)
        columns = rng.uniform(1.5, building.depth - 1.5, int(rng.integers(1, 3)))
        for storey in range(building.storeys + 1):
            floor = storey * building.storey_height + (0.4 if storey == 0 else 1.0)
            for i, x in enumerate(columns):
                painter.paint(canvas, float(x), floor + 0.5, _number(storey, i))
    canvas.mottle(rng, 1.0, 0.12, stretch=5)
    return canvas


def _number(storey: int, bay: int) -> int:
    return FIRST_WINDOW + (storey * 17 + bay) % (LAST_WINDOW - FIRST_WINDOW + 1)


def _paint_storeys(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
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


def _paint_corners(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
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


def _paint_roof(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    eaves, top, w = building.eaves, canvas.height, canvas.width
    if building.roof in ("mansard", "pitched"):
        slate = _SLATES[int(rng.integers(len(_SLATES)))]
        canvas.fill(0, eaves, w, top, slate)
        for course in np.arange(eaves, eaves + building.roof_height, 0.25):
            canvas.shade(0, float(course), w, float(course) + 0.07, 0.86)
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
        for x in np.arange(0.2, w, 0.7):
            canvas.fill(float(x), eaves, float(x) + 0.25, eaves + 0.3, building.trim)
            canvas.shade(float(x) + 0.25, eaves, float(x) + 0.4, eaves + 0.3, 0.7)
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
    samples = (np.arange(columns) * ROOFLINE_SAMPLES) // columns
    for x, edge in enumerate(line[samples]):
        canvas.rgb[max(0, edge - 4) : edge, x] = building.trim
        canvas.rgb[max(0, edge - 7) : max(0, edge - 4), x] *= 0.75
