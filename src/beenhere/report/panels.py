"""A picture of queries, each with its first predictions: right ones ticked, wrong ones crossed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

from beenhere.errors import DataError, PhotoError
from beenhere.evaluation.results import Evaluation
from beenhere.photos import load_photo

BOX = (272, 204)
"""Width and height in pixels that a photo is fitted into."""

# Green and red that colour-blind people can tell apart; the marks say the same without colour.
_RIGHT, _WRONG, _UNKNOWN = "#009E73", "#CC3311", "#767676"
_INK, _QUIET, _PAPER, _EMPTY = "#1A1A1A", "#5F5F5F", "#FFFFFF", "#EDEDED"
_FRAME, _GAP, _MARGIN, _CAPTION, _HEAD = 5, 18, 24, 46, 72


@dataclass(frozen=True)
class Prediction:
    """A database photo that was found; ``right`` and ``metres`` are None if nobody can know."""

    path: str
    similarity: float
    metres: float | None
    right: bool | None


@dataclass(frozen=True)
class Panel:
    """A query, what there is to say of it, and its first predictions, best first."""

    query: str
    notes: tuple[str, str]
    predictions: list[Prediction]


def choose(evaluation: Evaluation, count: int, columns: int = 3, seed: int = 0) -> list[Panel]:
    """Queries at random, right and wrong as they come; as many of each condition as can be.

    Args:
        evaluation: its first threshold says what is right.
        count: how many; all, if there are fewer.
        columns: predictions of each.
        seed: another seed chooses others.
    """
    threshold = evaluation.recalls[0].threshold
    first = evaluation.predictions.filter(pl.col("rank") <= columns)
    by_query = first.partition_by("query", maintain_order=True)
    conditions = [str(rows["query_condition"][0]) for rows in by_query]
    order = np.random.default_rng(seed).permutation(len(by_query)).tolist()
    drawn: Counter[str] = Counter()
    turn: dict[int, int] = {}
    for number in order:
        turn[number] = drawn[conditions[number]]
        drawn[conditions[number]] += 1
    chosen = sorted(order, key=lambda number: turn[number])[:count]
    chosen.sort(key=lambda number: (conditions[number], number))
    alone = set(evaluation.without_positive[threshold])
    return [_panel(by_query[number], threshold, alone) for number in chosen]


def draw(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Write the picture, a row a query, as PNG or JPEG by the name's end.

    A frame's colour and the mark in its corner say the same: a green frame with a tick is right,
    a red one with a cross is wrong, a grey one with a question mark cannot be told. A photo
    that cannot be read leaves its place empty.

    Raises:
        DataError: no panels, or another kind of file.
    """
    if not panels:
        raise DataError(f"{path}: there is no query to draw")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise DataError(f"{path} ends in {path.suffix!r}; expected .png or .jpg")
    columns = 1 + max(len(panel.predictions) for panel in panels)
    width = 2 * _MARGIN + columns * (BOX[0] + _GAP) - _GAP
    row_height = BOX[1] + _CAPTION + _GAP
    picture = Image.new("RGB", (width, _MARGIN + _HEAD + len(panels) * row_height), _PAPER)
    canvas = ImageDraw.Draw(picture)
    _write(canvas, (_MARGIN, _MARGIN), title, 20, _INK, width - 2 * _MARGIN)
    for column in range(columns):
        heading = "query" if column == 0 else f"found {_ordinal(column)}"
        _write(canvas, (_x(column), _MARGIN + 38), heading, 15, _QUIET)
    for row, panel in enumerate(panels):
        top = _MARGIN + _HEAD + row * row_height
        _photo(picture, (_MARGIN, top), panel.query, None)
        _captions(canvas, (_MARGIN, top), panel.notes)
        for column, prediction in enumerate(panel.predictions, 1):
            corner = (_x(column), top)
            colour = {True: _RIGHT, False: _WRONG, None: _UNKNOWN}[prediction.right]
            place = _photo(picture, corner, prediction.path, colour)
            _mark(canvas, place, prediction.right, colour)
            metres = prediction.metres
            far = "distance unknown" if metres is None else f"{_metres(metres)} away"
            _captions(canvas, corner, (far, f"similarity {prediction.similarity:.3f}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)


def _panel(rows: pl.DataFrame, threshold: float, without_positive: set[str]) -> Panel:
    predictions = [
        Prediction(row["database"], row["similarity"], row["distance_m"], right)
        for row in rows.sort("rank").iter_rows(named=True)
        for right in [None if row["distance_m"] is None else row["distance_m"] <= threshold]
    ]
    query = rows["query"][0]
    name = Path(query).name
    about = [rows["query_condition"][0] or "", "" if name.startswith("@") else name]
    second = ""
    if all(prediction.right is None for prediction in predictions):
        second = "its position is not known"
    elif query in without_positive:
        second = f"no photo within {threshold:g} m to be found"
    return Panel(query, (", ".join(filter(None, about)) or "query", second), predictions)


def _x(column: int) -> int:
    return _MARGIN + column * (BOX[0] + _GAP)


def _photo(
    picture: Image.Image, corner: tuple[int, int], path: str, colour: str | None
) -> tuple[int, int]:
    """Put a photo into its box, framed if there is a colour; returns its left upper corner."""
    canvas = ImageDraw.Draw(picture)
    inside = (BOX[0] - 2 * _FRAME, BOX[1] - 2 * _FRAME)

    def fit(height: int, width: int) -> tuple[int, int]:
        scale = min(inside[0] / width, inside[1] / height)
        return max(1, round(height * scale)), max(1, round(width * scale))

    try:
        pixels = load_photo(path, fit, "bilinear").permute(1, 2, 0).numpy()
        photo = Image.fromarray(np.ascontiguousarray(pixels))
    except PhotoError:
        photo = Image.new("RGB", inside, _EMPTY)
    left, top = corner[0] + _FRAME, corner[1] + BOX[1] - _FRAME - photo.height
    around = (
        left - _FRAME,
        top - _FRAME,
        left + photo.width + _FRAME - 1,
        top + photo.height + _FRAME - 1,
    )
    if colour is not None:
        canvas.rectangle(around, fill=colour)
    picture.paste(photo, (left, top))
    return left, top


def _mark(
    canvas: ImageDraw.ImageDraw, corner: tuple[int, int], right: bool | None, colour: str
) -> None:
    x, y = corner[0] - _FRAME, corner[1] - _FRAME
    canvas.rectangle((x, y, x + 30, y + 30), fill=colour)
    if right is None:
        canvas.text((x + 15, y + 15), "?", _PAPER, ImageFont.load_default(22), anchor="mm")
    elif right:
        canvas.line([(x + 7, y + 16), (x + 13, y + 22), (x + 24, y + 9)], _PAPER, 4, joint="curve")
    else:
        canvas.line([(x + 8, y + 8), (x + 22, y + 22)], _PAPER, 4)
        canvas.line([(x + 22, y + 8), (x + 8, y + 22)], _PAPER, 4)


def _captions(canvas: ImageDraw.ImageDraw, corner: tuple[int, int], lines: tuple[str, str]) -> None:
    x, y = corner[0] + _FRAME, corner[1] + BOX[1] + 4
    _write(canvas, (x, y), lines[0], 16, _INK, BOX[0] - _FRAME)
    _write(canvas, (x, y + 20), lines[1], 14, _QUIET, BOX[0] - _FRAME)


def _write(
    canvas: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    colour: str,
    most: int | None = None,
) -> None:
    """Text from its left upper corner; cut with an ellipsis where it is wider than ``most``."""
    font = ImageFont.load_default(size)
    if most is not None and font.getlength(text) > most:
        while text and font.getlength(text + "...") > most:
            text = text[:-1]
        text += "..."
    canvas.text(at, text, colour, font)


def _metres(metres: float) -> str:
    if metres >= 1000:
        return f"{metres / 1000:.1f} km"
    return f"{metres:.0f} m" if metres >= 100 else f"{metres:.1f} m"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
