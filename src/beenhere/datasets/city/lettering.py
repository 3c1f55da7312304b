"""Writes shop signs in letters that mean nothing but stay the same for ever."""

import numpy as np

from beenhere.datasets.city.arrays import Bools
from beenhere.datasets.city.canvas import SIGN, TEXELS_PER_METRE, Canvas, Colour

_ROWS, _COLUMNS = 7, 5


def _latin(rng: np.random.Generator) -> Bools:
    """A glyph ``(7, 5)``: an upright and two or three strokes of a seven-segment letter."""
    glyph = np.zeros((_ROWS, _COLUMNS), bool)
    glyph[:, 0] = rng.random() < 0.85
    strokes = rng.random(5) < 0.55
    strokes[rng.integers(5)] = True
    glyph[0] |= strokes[0]
    glyph[3] |= strokes[1]
    glyph[6] |= strokes[2]
    glyph[:3, 4] |= strokes[3]
    glyph[4:, 4] |= strokes[4]
    return glyph


def _kana(rng: np.random.Generator) -> Bools:
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
    canvas: Canvas,
    rng: np.random.Generator,
    left: float,
    low: float,
    right: float,
    high: float,
    ground: Colour,
    script: str,
    code: int,
) -> None:
    """A lettered board between the given edges (metres); ``code`` tells which unit lights it."""
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


def write_vertical_sign(
    canvas: Canvas,
    rng: np.random.Generator,
    left: float,
    low: float,
    width: float,
    high: float,
    ground: Colour,
) -> None:
    """A board that runs up the façade, letters above each other."""
    canvas.fill(left, low, left + width, high, ground, SIGN + int(rng.integers(8, 12)))
    canvas.shade(left + width, low, left + width + 0.15, high, 0.65)
    column = round((left + width / 2) * TEXELS_PER_METRE) - _COLUMNS // 2
    row = round(high * TEXELS_PER_METRE) - 10
    while row > round(low * TEXELS_PER_METRE) + 2:
        _stamp(canvas, _kana(rng), row, column, 1, _ink(ground))
        row -= 10


def _stamp(canvas: Canvas, glyph: Bools, row: int, column: int, scale: int, ink: Colour) -> None:
    # Row 0 of a canvas is at the bottom, row 0 of a letter at its top.
    large = np.kron(glyph[::-1], np.ones((scale, scale), bool)).astype(bool)
    here = canvas.rgb[row : row + large.shape[0], column : column + large.shape[1]]
    here[large[: here.shape[0], : here.shape[1]]] = ink
