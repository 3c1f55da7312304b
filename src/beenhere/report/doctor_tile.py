"""One photo of the doctor's sheet: its frame, and below it its set, what is wrong, its name."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from beenhere.report.photo_boxes import (
    BOX,
    FRAME,
    INK,
    QUIET,
    UNKNOWN,
    WRONG,
    put_photo,
    read,
    write,
)

Mark = Literal["score", "note"] | None
"""Whether a photo would change a score, or is worth knowing; None: one it goes with."""

COLOURS = {"score": WRONG, "note": UNKNOWN}
CROSS = "#8A8A8A"

_WIDTH = BOX[0] - FRAME
_SIZE, _SMALL, _LINE = 15, 13, 19


@dataclass(frozen=True)
class Tile:
    """A photo to draw.

    Attributes:
        path: of the photo.
        belongs: the set it is in, such as ``"sf_xs/test/queries"``.
        detail: what is wrong; may be empty.
        mark: what its frame says.
    """

    path: str
    belongs: str
    detail: str
    mark: Mark

    @property
    def height(self) -> int:
        """Pixels, with its captions."""
        return BOX[1] + 6 + _LINE * (2 + len(wrapped(self.detail, _SIZE, _WIDTH)))


def put_tile(picture: Image.Image, corner: tuple[int, int], tile: Tile) -> None:
    """Draw one; a photo that cannot be read is a crossed-out box.

    Args:
        corner: the left upper one of its box.
    """
    photo = read(tile.path)
    left, top = put_photo(picture, corner, photo, COLOURS[tile.mark] if tile.mark else None)
    canvas = ImageDraw.Draw(picture)
    if photo is None:
        put_cross(canvas, (left, top, left + BOX[0] - 2 * FRAME, top + BOX[1] - 2 * FRAME))
    left, top = corner[0] + FRAME, corner[1] + BOX[1] + 6
    write(canvas, (left, top), middle_cut(tile.belongs, _SIZE, _WIDTH), _SIZE, INK)
    for line in wrapped(tile.detail, _SIZE, _WIDTH):
        top += _LINE
        write(canvas, (left, top), line, _SIZE, COLOURS[tile.mark] if tile.mark else QUIET)
    name = tile.path.replace("\\", "/").rpartition("/")[2]
    write(canvas, (left, top + _LINE), middle_cut(name, _SMALL, _WIDTH), _SMALL, QUIET)


def put_cross(canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """What stands for a photo that cannot be read."""
    left, top, right, bottom = box
    inset = (bottom - top) // 6
    for ends in ((top + inset, bottom - inset), (bottom - inset, top + inset)):
        line = [(left + inset, ends[0]), (right - inset, ends[1])]
        canvas.line(line, CROSS, max(2, (bottom - top) // 40))


def middle_cut(text: str, size: int, most: int) -> str:
    """As much of a text's start and end as fits: names of one folder differ at either."""
    font = ImageFont.load_default(size)
    if font.getlength(text) <= most:
        return text
    keep = len(text) - 1
    while keep > 0:
        shown = f"{text[: (keep + 1) // 2]}...{text[len(text) - keep // 2 :]}"
        if font.getlength(shown) <= most:
            return shown
        keep -= 1
    return "..."


def wrapped(text: str, size: int, most: int) -> list[str]:
    """A text in lines no wider than ``most`` pixels; a word that is wider is broken."""
    font = ImageFont.load_default(size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= most:
            line = longer
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > most:
            fits = next(n for n in range(len(word), 0, -1) if font.getlength(word[:n]) <= most)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines
