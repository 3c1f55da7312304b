"""Photos in boxes of one size, framed and marked as right or wrong, with captions below."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import polars as pl
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from beenhere import wording
from beenhere.errors import PhotoError
from beenhere.evaluation.protocol import is_right
from beenhere.files.atomic import replacing
from beenhere.photos.photo_file import Photo
from beenhere.photos.pixels import load_photo
from beenhere.photos.reference import Kind
from beenhere.report.pictures import EMPTY, GREEN, GREY, INK, PAPER, QUIET, RED

T = TypeVar("T")

BOX = (272, 204)
"""Width and height in pixels that a photo is fitted into, with its frame."""

RIGHT, WRONG, UNKNOWN = GREEN, RED, GREY
"""Colours of frames; the marks in their corners say the same."""

FRAME, GAP, MARGIN, CAPTION = 5, 18, 24, 46

WIDEST, HIGHEST = 1600, 2400
"""Pixels of a picture that a screen shows and a person reads; what needs more has several pages."""

INSIDE = (BOX[0] - 2 * FRAME, BOX[1] - 2 * FRAME)
"""Width and height that a frame leaves to its photo."""

_FIRST_LINE, _SECOND_LINE = 16, 14


@dataclass(frozen=True)
class Prediction:
    """A database photo that was found; ``right`` and ``metres`` are None if nobody can know.

    ``by`` is what says where photos were taken; ``metres`` are in its unit, or infinite.
    """

    path: str
    similarity: float
    metres: float | None
    right: bool | None
    by: Kind = "position"

    @property
    def far(self) -> str:
        """How far it is from the query, in words."""
        return how_far(self.metres, self.by)


def predictions_of(
    rows: pl.DataFrame, threshold: float | None, by: Kind = "position"
) -> list[Prediction]:
    """Of the rows of one query in an evaluation's ``predictions``, best first."""
    ordered = rows.sort("rank").with_columns(right=is_right(threshold))
    return [
        Prediction(row["database"], row["similarity"], row["distance_m"], row["right"], by)
        for row in ordered.iter_rows(named=True)
    ]


def query_caption(path: str, condition: str | None) -> str:
    """Its condition and its name, which is left out where it is but a list of numbers."""
    name = Path(path).name
    return ", ".join(filter(None, (condition, "" if name.startswith("@") else name)))


def column_left(column: int) -> int:
    """The left edge of a column of boxes, in pixels."""
    return MARGIN + column * (BOX[0] + GAP)


def fitted(box: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The (height, width) in pixels of a photo in a box (width, height); the aspect is kept."""
    scale = min(box[0] / width, box[1] / height)
    return max(1, round(height * scale)), max(1, round(width * scale))


def small_photo(photo: Photo, box: tuple[int, int] = INSIDE) -> Image.Image | None:
    """A photo as large as fits into a box (width, height); None where it cannot be read."""
    try:
        pixels = load_photo(photo, partial(fitted, box), "bilinear").permute(1, 2, 0).numpy()
    except PhotoError:
        return None
    return Image.fromarray(np.ascontiguousarray(pixels))


def pages(path: Path, items: Sequence[T], most: int) -> list[tuple[Path, list[T]]]:
    """Items on as few pages as hold ``most`` each, as even as can be, and the name of each page.

    The second page of ``a.jpg`` is ``a-page-2.jpg``.
    """
    number = -(-len(items) // most)
    ends = [len(items) * page // number for page in range(number + 1)]
    names = [path, *(path.with_stem(f"{path.stem}-page-{page}") for page in range(2, number + 1))]
    return [(names[page], list(items[ends[page] : ends[page + 1]])) for page in range(number)]


class PhotoSheet:
    """A picture of photos in columns of boxes, and of text.

    Args:
        columns: of boxes.
        height: pixels.
    """

    def __init__(self, columns: int, height: int) -> None:
        self.picture = Image.new("RGB", (column_left(columns) - GAP + MARGIN, height), PAPER)
        self.canvas = ImageDraw.Draw(self.picture)
        self.room = self.picture.width - 2 * MARGIN
        """Pixels between the margins."""

    def text(
        self,
        at: tuple[int, int],
        text: str,
        size: int,
        colour: str,
        most: int | None = None,
        keep: Literal["start", "both", "end"] = "start",
    ) -> None:
        """Text from its left upper corner; as :func:`cut` where wider than ``most`` pixels."""
        shown = text if most is None else cut(text, size, most, keep)
        self.canvas.text(at, shown, colour, ImageFont.load_default(size))

    def photo(
        self, corner: tuple[int, int], photo: Image.Image | None, colour: str | None = None
    ) -> tuple[int, int]:
        """Put a photo into its box, at the bottom, framed if there is a colour.

        Args:
            corner: the left upper one of the box.
            photo: as :func:`small_photo` gives it; None leaves an empty box.
            colour: of the frame.

        Returns:
            Left upper corner of the photo.
        """
        if photo is None:
            photo = Image.new("RGB", INSIDE, EMPTY)
        left, top = corner[0] + FRAME, corner[1] + BOX[1] - FRAME - photo.height
        if colour is not None:
            right, bottom = left + photo.width - 1, top + photo.height - 1
            around = (left - FRAME, top - FRAME, right + FRAME, bottom + FRAME)
            self.canvas.rectangle(around, fill=colour)
        self.picture.paste(photo, (left, top))
        return left, top

    def badge(
        self, photo: tuple[int, int], colour: str, text: str, size: int, width: int = 30
    ) -> tuple[int, int]:
        """A field over the corner of a frame, with a text in its middle.

        Args:
            photo: the left upper corner of the photo.

        Returns:
            Left upper corner of the field.
        """
        x, y = photo[0] - FRAME, photo[1] - FRAME
        self.canvas.rectangle((x, y, x + width, y + 30), fill=colour)
        middle, font = (x + width // 2, y + 15), ImageFont.load_default(size)
        self.canvas.text(middle, text, PAPER, font, anchor="mm")
        return x, y

    def prediction(self, corner: tuple[int, int], prediction: Prediction) -> None:
        """A photo that was found, its frame, its mark, its :func:`caption` and how similar it is.

        A frame's colour and the mark in its corner say the same: a green frame with a tick is
        right, a red one with a cross is wrong, a grey one with a question mark cannot be told.
        """
        right = prediction.right
        colour = {True: RIGHT, False: WRONG, None: UNKNOWN}[right]
        photo = self.photo(corner, small_photo(prediction.path), colour)
        x, y = self.badge(photo, colour, "?" if right is None else "", 22)
        if right:
            tick = [(x + 7, y + 16), (x + 13, y + 22), (x + 24, y + 9)]
            self.canvas.line(tick, PAPER, 4, joint="curve")
        elif right is not None:
            self.canvas.line([(x + 8, y + 8), (x + 22, y + 22)], PAPER, 4)
            self.canvas.line([(x + 22, y + 8), (x + 8, y + 22)], PAPER, 4)
        self.captions(corner, caption(prediction), f"similarity {prediction.similarity:.3f}")

    def captions(self, corner: tuple[int, int], first: str, second: str) -> None:
        """Two lines below the box with this left upper corner."""
        x, y = corner[0] + FRAME, corner[1] + BOX[1] + 4
        self.text((x, y), first, _FIRST_LINE, INK, BOX[0] - FRAME)
        self.text((x, y + 20), second, _SECOND_LINE, QUIET, BOX[0] - FRAME)

    def save(self, path: Path, quality: int = 90) -> None:
        """Write it as PNG or JPEG by the name's end, whole or not at all, and make its folder.

        One that is wider than :data:`WIDEST` is made smaller.

        Args:
            quality: of a JPEG, 1 to 95.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = self.picture
        if picture.width > WIDEST:
            height = round(picture.height * WIDEST / picture.width)
            picture = picture.resize((WIDEST, height), Image.Resampling.LANCZOS)
        with replacing(path) as new:
            picture.save(new, quality=quality)


def how_far(metres: float | None, by: Kind, after: str = "") -> str:
    """Such as ``"8.1 m"`` and what stands after, ``"3 frames"``, ``"on another map"``."""
    if metres is None:
        return "distance unknown"
    if math.isinf(metres):
        return "on another map"
    far = wording.count(round(metres), "frame") if by == "frame" else wording.metres(metres)
    return far + after


def caption(prediction: Prediction) -> str:
    """How far away it is; where a list says what is right, and no position does, its name."""
    if prediction.metres is not None or prediction.right is None:
        return how_far(prediction.metres, prediction.by, " away")
    path = Path(prediction.path)
    # Of the @ between the fields of a name, empty or not, one is shown.
    name = re.sub("@+", "@", path.stem).strip("@") + path.suffix
    return cut(name, _FIRST_LINE, BOX[0] - FRAME, "both")


def cut(text: str, size: int, most: float, keep: Literal["start", "both", "end"] = "start") -> str:
    """As much of a text as is no wider than ``most`` pixels, with an ellipsis where it is cut.

    Args:
        keep: which part of it; names of one folder differ at their ends.
    """
    font = ImageFont.load_default(size)
    shown, kept = text, len(text)
    while kept and font.getlength(shown) > most:
        kept -= 1
        first = {"start": kept, "both": (kept + 1) // 2, "end": 0}[keep]
        shown = f"{text[:first]}...{text[len(text) - kept + first :]}"
    return shown


HEAT = colormaps["inferno"]
"""From dark to bright without a change of order in grey, or for colour-blind eyes."""

_LEAST_COVER, _MOST_COVER = 0.35, 0.8
"""How much of the colour covers the photo: where nothing is, and at the map's largest value."""


def overlay(photo: Image.Image, shares: NDArray[np.float32]) -> Image.Image:
    """The photo in grey under the colours of a map: dark is nothing, bright is the most.

    Args:
        photo: RGB, of any size.
        shares: ``(h, w)``, covering the whole photo; values below zero count as zero, and
            the largest as 1. A map without a positive value is dark all over.

    Returns:
        RGB, as large as the photo.
    """
    positive = np.maximum(shares, 0)
    scaled = positive / max(float(positive.max()), np.finfo(np.float32).tiny)
    heat = Image.fromarray(scaled.astype(np.float32))
    value = np.clip(np.asarray(heat.resize(photo.size, Image.Resampling.BICUBIC)), 0, 1)
    cover = (_LEAST_COVER + (_MOST_COVER - _LEAST_COVER) * value)[..., None]
    grey = np.asarray(photo.convert("L"), np.float32)[..., None] / 255
    mixed = (1 - cover) * grey + cover * HEAT(value)[..., :3]
    return Image.fromarray(np.rint(255 * mixed).astype(np.uint8))


def colour_bar(width: int, height: int) -> Image.Image:
    """The colours of :func:`overlay`, from nothing on the left to the most."""
    values = np.broadcast_to(np.linspace(0, 1, width), (height, width))
    return Image.fromarray(np.rint(255 * HEAT(values)[..., :3]).astype(np.uint8))
