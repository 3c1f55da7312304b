"""Paints windows: the opening with its glass and panes, and what hangs around it."""

import numpy as np

from beenhere.datasets.city.arrays import Bools, Floats
from beenhere.datasets.city.buildings import Building
from beenhere.datasets.city.canvas import TEXELS_PER_METRE, Canvas, Colour

_GLASS: Colour = (0.17, 0.20, 0.23)
_SHUTTER_WIDTH = 0.45
"""Width of a shutter as a share of the window's."""


class WindowPainter:
    """Paints one building's window wherever it repeats; blinds and curtains differ.

    The tile of panes is drawn once and pasted, because a façade may have a hundred windows.
    """

    def __init__(self, building: Building, rng: np.random.Generator) -> None:
        self.building = building
        self.rng = rng
        self.shutter = building.accents[0]
        self.railing = bool(rng.random() < 0.6)
        self._tiles: dict[tuple[float, int], tuple[Floats, Bools]] = {}

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
        self._paste(canvas, left, low, high, number, stretch)
        if design.shutters:
            self._shutters(canvas, left, right, low, high)
        if design.balcony:
            self._balcony(canvas, left, right, low)
        else:
            canvas.ledge(left - 0.1, low - 0.12, right + 0.1, low, self.building.trim)
        if self.building.air_conditioners and self.rng.random() < 0.35:
            self._air_conditioner(canvas, left, low)

    def _paste(
        self, canvas: Canvas, left: float, low: float, high: float, number: int, stretch: float
    ) -> None:
        k = TEXELS_PER_METRE
        variant = int(self.rng.choice(4, p=[0.55, 0.2, 0.15, 0.1]))
        rgb, is_glass = self._tile(stretch, variant)
        row, column = round(low * k), round(left * k)
        rows = min(rgb.shape[0], canvas.rgb.shape[0] - row)
        columns = min(rgb.shape[1], canvas.rgb.shape[1] - column)
        here = (slice(row, row + rows), slice(column, column + columns))
        if self.building.window.arched:
            inside = _arch(rgb.shape[0], rgb.shape[1])[:rows, :columns]
            canvas.rgb[here][inside] = rgb[:rows, :columns][inside]
            canvas.code[here][inside & is_glass[:rows, :columns]] = number
        else:
            canvas.rgb[here] = rgb[:rows, :columns]
            canvas.code[here] = np.where(is_glass[:rows, :columns], number, 0)

    def _tile(self, stretch: float, variant: int) -> tuple[Floats, Bools]:
        """The opening, ``(rows, columns, 3)``, and where it is glass."""
        key = (stretch, variant)
        if key not in self._tiles:
            self._tiles[key] = self._draw(stretch, variant)
        return self._tiles[key]

    def _draw(self, stretch: float, variant: int) -> tuple[Floats, Bools]:
        design, frame = self.building.window, self.building.frame
        tile = Canvas.blank(design.width, design.height * stretch, _GLASS)
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
        for i in range(design.columns + 1):
            x = i * (w - edge) / design.columns
            bar(x, 0, x + edge, h)
        for i in range(design.rows + 1):
            z = i * (h - edge) / design.rows
            bar(0, z, w, z + edge)
        # The wall is thicker than the window: its upper and left edges throw shade.
        tile.shade(0, h - 0.16, w, h, 0.5)
        tile.shade(0, 0, 0.12, h, 0.65)
        return tile.rgb, glass

    def _shutters(self, canvas: Canvas, left: float, right: float, low: float, high: float) -> None:
        wide = (right - left) * _SHUTTER_WIDTH
        for edge in (left - wide, right):
            canvas.fill(edge, low, edge + wide, high, self.shutter)
            for z in np.arange(low, high, 0.19):
                canvas.shade(edge, float(z), edge + wide, float(z) + 0.06, 0.78)
            canvas.shade(edge + wide, low, edge + wide + 0.07, high, 0.75)

    def _balcony(self, canvas: Canvas, left: float, right: float, low: float) -> None:
        out, rail = 0.3, 0.95
        canvas.ledge(left - out, low - 0.2, right + out, low - 0.02, self.building.trim)
        canvas.shade(left - out, low - 0.75, right + out, low - 0.2, 0.8)
        if self.railing:
            for x in np.arange(left - out, right + out, 0.19):
                canvas.fill(float(x), low, float(x) + 0.06, low + rail, (0.13, 0.13, 0.14))
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
