"""A picture of queries that one of two models gets right: what both found and looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from beenhere.errors import DataError
from beenhere.models.similarity_map import METHOD
from beenhere.report.compared import ComparedQuery, Side
from beenhere.report.overlays import colour_bar
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    INK,
    MARGIN,
    PAPER,
    QUIET,
    column_left,
    put_captions,
    put_photo,
    put_prediction,
    read,
    width_of,
    write,
)

_TITLE, _SECTION, _NAME, _LEGEND = 44, 58, 40, 40
_ROW = _NAME + BOX[1] + CAPTION
_BLOCK = 2 * _ROW + GAP
_RULE = "#C8C8C8"


def draw(
    queries: Sequence[ComparedQuery], path: Path, title: str, headings: Mapping[str, str]
) -> None:
    """Write the picture as PNG or JPEG by the name's end.

    Each query has two rows, A's and B's: the photos found, framed and marked as in
    :func:`beenhere.report.panels.draw`, then the query and the first photo found under their
    similarity map, if there is any. A photo that cannot be read leaves its place empty.

    Args:
        queries: those of A before those of B.
        path: of the picture.
        title: above all.
        headings: above the queries that ``"a"`` and ``"b"`` alone get right.

    Raises:
        DataError: no queries, or another kind of file.
    """
    if not queries:
        raise DataError(f"{path}: there is no query to draw")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise DataError(f"{path} ends in {path.suffix!r}; expected .png or .jpg")
    found = max(len(side.predictions) for query in queries for side in (query.a, query.b))
    mapped = any(side.prediction_overlays for query in queries for side in (query.a, query.b))
    width = width_of(1 + found + (2 if mapped else 0))
    sections = len({query.winner for query in queries})
    height = MARGIN + _TITLE + sections * _SECTION + len(queries) * _BLOCK + MARGIN
    picture = Image.new("RGB", (width, height + (_LEGEND if mapped else 0)), PAPER)
    canvas = ImageDraw.Draw(picture)
    write(canvas, (MARGIN, MARGIN), title, 24, INK, width - 2 * MARGIN)
    top, winner = MARGIN + _TITLE, ""
    for query in queries:
        canvas.line([(MARGIN, top), (width - MARGIN, top)], _RULE, 1)
        if query.winner != winner:
            winner = query.winner
            write(canvas, (MARGIN, top + 20), headings[winner], 20, INK, width - 2 * MARGIN)
            top += _SECTION
        _block(picture, top, query, found, mapped)
        top += _BLOCK
    if mapped:
        _legend(picture, top + 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)


def _block(picture: Image.Image, top: int, query: ComparedQuery, found: int, mapped: bool) -> None:
    canvas = ImageDraw.Draw(picture)
    name = Path(query.query).name
    notes = [query.condition or "", "" if name.startswith("@") else name]
    write(canvas, (MARGIN + FRAME, top + 16), "query", 16, QUIET)
    put_photo(picture, (MARGIN, top + _NAME), read(query.query))
    put_captions(canvas, (MARGIN, top + _NAME), (", ".join(filter(None, notes)), ""))
    for letter, side in (("A", query.a), ("B", query.b)):
        _row(picture, top, letter, side, 1 + found if mapped else None)
        top += _ROW


def _row(picture: Image.Image, top: int, letter: str, side: Side, maps: int | None) -> None:
    """One model's row; its maps start in column ``maps``."""
    canvas = ImageDraw.Draw(picture)
    span = 3 * BOX[0]
    write(canvas, (column_left(1) + FRAME, top + 16), f"{letter}: {side.name}", 16, INK, span)
    for column, prediction in enumerate(side.predictions, 1):
        put_prediction(picture, (column_left(column), top + _NAME), prediction)
    if maps is None:
        return
    write(canvas, (column_left(maps) + FRAME, top + 16), f"what {letter} looks at", 16, INK)
    pair = (side.query_overlay, *side.prediction_overlays[:1])
    captions = (
        ("query", f"similarity map, {METHOD}"),
        ("found first", f"similarity map, {METHOD}"),
    )
    for column, (photo, lines) in enumerate(zip(pair, captions, strict=False), maps):
        put_photo(picture, (column_left(column), top + _NAME), photo)
        put_captions(canvas, (column_left(column), top + _NAME), lines)


def _legend(picture: Image.Image, top: int) -> None:
    canvas = ImageDraw.Draw(picture)
    left = MARGIN + FRAME
    bar = colour_bar(160, 16)
    write(canvas, (left, top), "adds nothing", 15, QUIET)
    picture.paste(bar, (left + 100, top + 2))
    text = (
        f"adds most to the similarity of query and photo found first ({METHOD}); each map has its "
        "own scale"
    )
    write(canvas, (left + 270, top), text, 15, QUIET, picture.width - left - 270 - MARGIN)
