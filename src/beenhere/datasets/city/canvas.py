"""A wall to paint on, in metres: colours and, for each texel, what it is made of."""

from dataclasses import dataclass

import numpy as np

from beenhere.datasets.city.arrays import Bytes, Floats
from beenhere.datasets.city.noise import SIDE, fractal

Colour = tuple[float, float, float]
"""Red, green, blue as seen, 0 to 1 (a gamma of 2: squared, it is reflectance)."""

TEXELS_PER_METRE = 16

OPAQUE = 0
FIRST_WINDOW, LAST_WINDOW = 1, 199
SHOP_GLASS = 200
"""Display windows are SHOP_GLASS + unit, signs SIGN + unit: they light up unit by unit."""
SIGN = 220
DOOR_LAMP = 240
UNITS = 12


@dataclass
class Canvas:
    """Texels of one wall, row 0 at the pavement.

    Attributes:
        rgb: ``(rows, columns, 3)`` float32.
        code: ``(rows, columns)`` uint8: OPAQUE, a window's number, or one of the codes above.
    """

    rgb: Floats
    code: Bytes

    @classmethod
    def blank(cls, width: float, height: float, colour: Colour) -> "Canvas":
        """A plain wall of ``width`` by ``height`` metres."""
        rows = max(1, round(height * TEXELS_PER_METRE))
        columns = max(1, round(width * TEXELS_PER_METRE))
        rgb = np.empty((rows, columns, 3), np.float32)
        rgb[:] = colour
        return cls(rgb, np.zeros((rows, columns), np.uint8))

    @property
    def width(self) -> float:
        """Metres."""
        return float(self.rgb.shape[1] / TEXELS_PER_METRE)

    @property
    def height(self) -> float:
        """Metres."""
        return float(self.rgb.shape[0] / TEXELS_PER_METRE)

    def box(self, left: float, low: float, right: float, high: float) -> tuple[slice, slice]:
        """Texels between ``left`` and ``right``, ``low`` and ``high``, in metres, clipped."""
        rows, columns = self.code.shape
        k = TEXELS_PER_METRE
        return (
            slice(min(max(round(low * k), 0), rows), min(max(round(high * k), 0), rows)),
            slice(min(max(round(left * k), 0), columns), min(max(round(right * k), 0), columns)),
        )

    def fill(
        self,
        left: float,
        low: float,
        right: float,
        high: float,
        colour: Colour,
        code: int = OPAQUE,
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

    def mottle(
        self, rng: np.random.Generator, roughness: float, amount: float, stretch: int = 1
    ) -> None:
        """Multiply by noise of ``1 +- amount``; ``stretch`` texels share a value vertically."""
        rows, columns = self.code.shape
        shift = rng.integers(0, SIDE, 2)
        r = (np.arange(rows) // stretch + shift[0]) & (SIDE - 1)
        c = (np.arange(columns) + shift[1]) & (SIDE - 1)
        field = np.take(np.take(fractal(roughness), r, axis=0), c, axis=1)
        self.rgb *= (np.float32(1 - amount) + np.float32(2 * amount) * field)[..., None]
