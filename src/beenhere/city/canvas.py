"""A wall to paint on, and what is painted on walls: masonry, windows and lettered signs."""

from functools import cache

import numpy as np
from numpy.random import Generator

from beenhere.city.buildings import Building
from beenhere.city.noise import SIDE, Bools, Bytes, Floats, fractal
from beenhere.city.styles import Colour

TEXELS_PER_METRE = 16

OPAQUE = 0
FIRST_WINDOW, LAST_WINDOW = 1, 199
SHOP_GLASS = 200
"""Display windows are SHOP_GLASS + unit, signs SIGN + unit: they light up unit by unit."""
SIGN = 220
DOOR_LAMP = 240
UNITS = 12

Box = tuple[float, float, float, float]
"""Left, low, right and high edge of a rectangle on a wall, in metres."""


class Canvas:
    """Texels of one wall, row 0 at the pavement; plain at first.

    Args:
        width, height: metres.

    Attributes:
        width, height: metres, of whole texels.
        rgb: ``(rows, columns, 3)`` float32.
        code: ``(rows, columns)`` uint8: OPAQUE, a window's number, or one of the codes above.
    """

    def __init__(self, width: float, height: float, colour: Colour) -> None:
        rows = max(1, round(height * TEXELS_PER_METRE))
        columns = max(1, round(width * TEXELS_PER_METRE))
        self.rgb: Floats = np.empty((rows, columns, 3), np.float32)
        self.rgb[:] = colour
        self.code: Bytes = np.zeros((rows, columns), np.uint8)
        self.width, self.height = columns / TEXELS_PER_METRE, rows / TEXELS_PER_METRE

    def box(self, left: float, low: float, right: float, high: float) -> tuple[slice, slice]:
        """Texels between ``left`` and ``right``, ``low`` and ``high``, in metres, clipped."""
        rows, columns = self.code.shape
        k = TEXELS_PER_METRE
        return (
            slice(min(max(round(low * k), 0), rows), min(max(round(high * k), 0), rows)),
            slice(min(max(round(left * k), 0), columns), min(max(round(right * k), 0), columns)),
        )

    def fill(
        self, left: float, low: float, right: float, high: float, colour: Colour, code: int = OPAQUE
    ) -> None:
        """Paint a rectangle (metres) in one colour."""
        box = self.box(left, low, right, high)
        self.rgb[box] = colour
        self.code[box] = code

    def shade(self, left: float, low: float, right: float, high: float, factor: float) -> None:
        """Darken (below 1) or lighten a rectangle, leaving what it is."""
        self.rgb[self.box(left, low, right, high)] *= factor

    def ledge(self, left: float, low: float, right: float, high: float, colour: Colour) -> None:
        """A projecting band: lit on its upper edge, with the shadow it throws below."""
        self.fill(left, low, right, high, colour)
        self.shade(left, high - 0.07, right, high, 1.12)
        self.shade(left, low - 0.22, right, low, 0.72)

    def mottle(self, rng: Generator, roughness: float, amount: float, stretch: int = 1) -> None:
        """Multiply by noise of ``1 +- amount``; ``stretch`` texels share a value vertically."""
        rows, columns = self.code.shape
        shift = rng.integers(0, SIDE, 2)
        r = (np.arange(rows) // stretch + shift[0]) & (SIDE - 1)
        c = (np.arange(columns) + shift[1]) & (SIDE - 1)
        field = np.take(np.take(fractal(roughness), r, axis=0), c, axis=1)
        self.rgb *= (np.float32(1 - amount) + np.float32(2 * amount) * field)[..., None]


def lay_masonry(canvas: Canvas, material: str, rng: Generator) -> None:
    """Give a plain wall the pattern of its material.

    Args:
        material: "brick", "stone", "stucco", "wood", "concrete", "tile" or "glass".
    """
    if material == "brick":
        _blocks(canvas, rng, length=4, course=1, spread=0.13, joint=1.0)
    elif material == "stone":
        length, course = int(rng.integers(10, 18)), int(rng.integers(5, 9))
        _blocks(canvas, rng, length=length, course=course, spread=0.05, joint=0.84)
    elif material == "tile":
        side = int(rng.integers(3, 7))
        _blocks(canvas, rng, length=side, course=side, spread=0.05, joint=0.9)
    elif material == "wood":
        step = int(rng.integers(3, 5))
        canvas.rgb[::step] *= 0.8
        canvas.rgb[1::step] *= 1.05
    elif material == "concrete":
        _panels(canvas, rng)
    elif material == "stucco":
        canvas.mottle(rng, 0.6, 0.05)
    elif material == "glass":
        canvas.rgb *= 0.75


def _blocks(
    canvas: Canvas, rng: Generator, length: int, course: int, spread: float, joint: float
) -> None:
    """Running bond: each block its own tone, every other course shifted by half (in texels)."""
    rows, columns = canvas.code.shape
    course_of = np.arange(rows) // course
    tones = 1 + spread * rng.uniform(-1, 1, (course_of[-1] + 1, columns // length + 2))
    shift = np.where(course_of % 2 == 1, length // 2, 0)
    along = np.arange(columns)[None, :] + shift[:, None]
    tone = tones.astype(np.float32)[course_of[:, None], along // length]
    if joint < 1:
        tone[np.arange(rows) % course == 0] *= joint
        tone[along % length == 0] *= joint
    canvas.rgb *= tone[..., None]


def _panels(canvas: Canvas, rng: Generator) -> None:
    """Cast panels with dark joints, each weathered a little differently."""
    rows, columns = canvas.code.shape
    high = int(rng.uniform(1.4, 3.2) * TEXELS_PER_METRE)
    wide = int(rng.uniform(1.2, 4.0) * TEXELS_PER_METRE)
    tones = rng.uniform(0.95, 1.03, (rows // high + 1, columns // wide + 1)).astype(np.float32)
    tone = tones[np.arange(rows)[:, None] // high, np.arange(columns)[None, :] // wide]
    canvas.rgb *= tone[..., None]
    canvas.rgb[::high] *= 0.78
    canvas.rgb[:, ::wide] *= 0.78


_ROWS, _COLUMNS = 7, 5


def _latin(rng: Generator) -> Bools:
    """A glyph ``(7, 5)``: an upright and two or three strokes of a seven-segment letter."""
    glyph = np.zeros((_ROWS, _COLUMNS), bool)
    glyph[:, 0] = rng.random() < 0.85
    strokes = rng.random(5) < 0.55
    strokes[rng.integers(5)] = True
    glyph[[0, 3, 6]] |= strokes[:3, None]
    glyph[:3, 4] |= strokes[3]
    glyph[4:, 4] |= strokes[4]
    return glyph


def _kana(rng: Generator) -> Bools:
    """A denser glyph ``(7, 5)`` of crossing strokes."""
    glyph = np.zeros((_ROWS, _COLUMNS), bool)
    glyph[rng.choice(_ROWS, 2, replace=False)] = True
    glyph[:, rng.choice(_COLUMNS)] = True
    start = int(rng.integers(_COLUMNS))
    for i in range(int(rng.integers(2, 5))):
        glyph[min(3 + i, 6), min(start + i, 4)] = True
    return glyph


def _ink(ground: Colour) -> Colour:
    return (0.95, 0.94, 0.90) if sum(ground) < 1.5 else (0.13, 0.13, 0.16)


def write_sign(
    canvas: Canvas, rng: Generator, box: Box, ground: Colour, script: str, code: int
) -> None:
    """A lettered board, lit by the unit with that ``code``."""
    left, low, right, high = box
    canvas.fill(left, low, right, high, ground, code)
    canvas.shade(left, high - 0.07, right, high, 1.15)
    glyph = _kana if script == "kana" else _latin
    scale = 2 if high - low > 1.1 else 1
    step = (_COLUMNS + 2) * scale
    room = int((right - left) * TEXELS_PER_METRE) - 6
    if room < step or (high - low) * TEXELS_PER_METRE < _ROWS * scale + 2:
        return
    letters = min(int(rng.integers(3, 11)), room // step)
    row = round((low + high) / 2 * TEXELS_PER_METRE) - _ROWS * scale // 2
    column = round((left + right) / 2 * TEXELS_PER_METRE) - letters * step // 2
    for _ in range(letters):
        _stamp(canvas, glyph(rng), row, column, scale, _ink(ground))
        column += step


def write_vertical_sign(canvas: Canvas, rng: Generator, box: Box, ground: Colour) -> None:
    """A board that runs up the façade, letters above each other."""
    left, low, right, high = box
    canvas.fill(left, low, right, high, ground, SIGN + int(rng.integers(8, 12)))
    canvas.shade(right, low, right + 0.15, high, 0.65)
    column = round((left + right) / 2 * TEXELS_PER_METRE) - _COLUMNS // 2
    row = round(high * TEXELS_PER_METRE) - 10
    while row > round(low * TEXELS_PER_METRE) + 2:
        _stamp(canvas, _kana(rng), row, column, 1, _ink(ground))
        row -= 10


def _stamp(canvas: Canvas, glyph: Bools, row: int, column: int, scale: int, ink: Colour) -> None:
    # Row 0 of a canvas is at the bottom, row 0 of a letter at its top.
    large = np.kron(glyph[::-1], np.ones((scale, scale), bool)).astype(bool)
    here = canvas.rgb[row : row + large.shape[0], column : column + large.shape[1]]
    here[large[: here.shape[0], : here.shape[1]]] = ink


_GLASS: Colour = (0.17, 0.20, 0.23)
_SHUTTER_WIDTH = 0.45
"""Width of a shutter as a share of the window's."""


class WindowPainter:
    """Paints one building's window wherever it repeats; blinds and curtains differ.

    The tile of panes is drawn once and pasted, because a façade may have a hundred windows.
    """

    def __init__(self, building: Building, rng: Generator) -> None:
        self.building = building
        self.rng = rng
        self.shutter = building.accents[0]
        self.railing = bool(rng.random() < 0.6)
        self._tile = cache(self._draw_tile)

    def paint(
        self, canvas: Canvas, x: float, floor: float, number: int, stretch: float = 1.0
    ) -> None:
        """Paint a window centred on ``x`` metres above ``floor``, numbered for its light.

        Args:
            stretch: factor on its height.
        """
        design = self.building.window
        low = floor + design.sill
        high = low + design.height * stretch
        left, right = x - design.width / 2, x + design.width / 2
        if left < 0.05 or right > canvas.width - 0.05 or high > canvas.height:
            return
        s = design.surround
        if s:
            canvas.fill(left - s, low - s / 2, right + s, high + s, self.building.trim)
            canvas.shade(left - s, low - s / 2 - 0.15, right + s, low - s / 2, 0.8)
        rgb, is_glass = self._tile(stretch, int(self.rng.choice(4, p=[0.55, 0.2, 0.15, 0.1])))
        row, column = round(low * TEXELS_PER_METRE), round(left * TEXELS_PER_METRE)
        here = (slice(row, row + rgb.shape[0]), slice(column, column + rgb.shape[1]))
        rows, columns = canvas.code[here].shape  # the upper and right edges may cut it off
        is_glass = is_glass[:rows, :columns]
        open_ = np.ones((rows, columns), bool)
        if design.arched:
            open_ = _arch(*rgb.shape[:2])[:rows, :columns]
            canvas.code[here][open_ & is_glass] = number
        else:
            canvas.code[here] = np.where(is_glass, number, 0)
        canvas.rgb[here][open_] = rgb[:rows, :columns][open_]
        if design.shutters:
            self._shutters(canvas, left, right, low, high)
        if design.balcony:
            self._balcony(canvas, left, right, low)
        else:
            canvas.ledge(left - 0.1, low - 0.12, right + 0.1, low, self.building.trim)
        if self.building.air_conditioners and self.rng.random() < 0.35:
            self._air_conditioner(canvas, left, low)

    def _draw_tile(self, stretch: float, variant: int) -> tuple[Floats, Bools]:
        """The opening, ``(rows, columns, 3)``, and where it is glass."""
        design, frame = self.building.window, self.building.frame
        tile = Canvas(design.width, design.height * stretch, _GLASS)
        w, h = tile.width, tile.height
        rows = np.linspace(1.25, 0.8, tile.rgb.shape[0], dtype=np.float32)
        tile.rgb *= rows[:, None, None]
        if variant == 1:  # a blind, half down
            tile.fill(0, h * 0.55, w, h, (0.62, 0.59, 0.52))
        elif variant == 2:  # curtains
            tile.fill(0, 0, w * 0.25, h, (0.60, 0.57, 0.53))
            tile.fill(w * 0.75, 0, w, h, (0.60, 0.57, 0.53))
        elif variant == 3:
            tile.rgb *= 0.6
        glass = np.ones(tile.code.shape, bool)

        def bar(left: float, low: float, right: float, high: float) -> None:
            tile.fill(left, low, right, high, frame)
            glass[tile.box(left, low, right, high)] = False

        edge = 0.075
        for x in (i * (w - edge) / design.columns for i in range(design.columns + 1)):
            bar(x, 0, x + edge, h)
        for z in (i * (h - edge) / design.rows for i in range(design.rows + 1)):
            bar(0, z, w, z + edge)
        # The wall is thicker than the window: its upper and left edges throw shade.
        tile.shade(0, h - 0.16, w, h, 0.5)
        tile.shade(0, 0, 0.12, h, 0.65)
        return tile.rgb, glass

    def _shutters(self, canvas: Canvas, left: float, right: float, low: float, high: float) -> None:
        wide = (right - left) * _SHUTTER_WIDTH
        for edge in (left - wide, right):
            canvas.fill(edge, low, edge + wide, high, self.shutter)
            for z in np.arange(low, high, 0.19).tolist():
                canvas.shade(edge, z, edge + wide, z + 0.06, 0.78)
            canvas.shade(edge + wide, low, edge + wide + 0.07, high, 0.75)

    def _balcony(self, canvas: Canvas, left: float, right: float, low: float) -> None:
        out, rail = 0.3, 0.95
        canvas.ledge(left - out, low - 0.2, right + out, low - 0.02, self.building.trim)
        canvas.shade(left - out, low - 0.75, right + out, low - 0.2, 0.8)
        if self.railing:
            for x in np.arange(left - out, right + out, 0.19).tolist():
                canvas.fill(x, low, x + 0.06, low + rail, (0.13, 0.13, 0.14))
            canvas.fill(left - out, low + rail, right + out, low + rail + 0.07, (0.13, 0.13, 0.14))
        else:
            canvas.fill(left - out, low, right + out, low + rail, self.building.trim)
            canvas.shade(left - out, low + rail - 0.07, right + out, low + rail, 1.1)

    def _air_conditioner(self, canvas: Canvas, left: float, low: float) -> None:
        canvas.fill(left, low - 0.75, left + 0.75, low - 0.2, (0.78, 0.78, 0.75))
        canvas.fill(left + 0.12, low - 0.67, left + 0.5, low - 0.28, (0.45, 0.45, 0.45))
        canvas.shade(left, low - 0.95, left + 0.8, low - 0.75, 0.75)


def _arch(rows: int, columns: int) -> Bools:
    """Where an opening with a round head is open."""
    radius = columns / 2
    x = np.abs(np.arange(columns) + 0.5 - radius)
    head = rows - radius + np.sqrt(np.maximum(radius**2 - x**2, 0))
    return np.asarray(np.arange(rows)[:, None] < head[None, :], bool)
