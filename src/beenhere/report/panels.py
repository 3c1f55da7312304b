"""Pictures of queries and their predictions, by one model or two, right and wrong ones marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from PIL import Image, ImageDraw

from beenhere.errors import DataError
from beenhere.evaluation.differences import balanced_choice
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.evaluation.protocol import in_words
from beenhere.models.similarity_map import METHOD
from beenhere.report.compared_queries import ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    MARGIN,
    Prediction,
    colour_bar,
    column_left,
    predictions_of,
    put_captions,
    put_photo,
    put_prediction,
    put_text,
    query_caption,
    small_photo,
    width_of,
)
from beenhere.report.pictures import INK, PAPER, QUIET, check_picture, save_picture

_HEAD = 72


@dataclass(frozen=True)
class Panel:
    """A query, two lines about it, and its first predictions, best first."""

    query: str
    notes: tuple[str, str]
    predictions: list[Prediction]


def choose_panels(
    evaluation: Evaluation, count: int, columns: int = 3, seed: int = 0
) -> list[Panel]:
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
    conditions = [rows["query_condition"][0] for rows in by_query]
    chosen = balanced_choice(conditions, count, seed)
    alone = set(evaluation.without_positive[threshold])
    return [_panel(by_query[number], threshold, alone) for number in chosen]


def draw_panels(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Write the picture, a row a query, as PNG or JPEG by the name's end.

    A frame's colour and the mark in its corner say the same: a green frame with a tick is right,
    a red one with a cross is wrong, a grey one with a question mark cannot be told. A photo
    that cannot be read leaves its place empty.

    Raises:
        DataError: no panels, or another kind of file.
    """
    if not panels:
        raise DataError(f"{path}: there is no query to draw")
    check_picture(path, makes_folder=True)
    columns = 1 + max(len(panel.predictions) for panel in panels)
    width, row_height = width_of(columns), BOX[1] + CAPTION + GAP
    picture = Image.new("RGB", (width, MARGIN + _HEAD + len(panels) * row_height), PAPER)
    canvas = ImageDraw.Draw(picture)
    put_text(canvas, (MARGIN, MARGIN), title, 20, INK, width - 2 * MARGIN)
    for column in range(columns):
        heading = "query" if column == 0 else f"found {_ordinal(column)}"
        put_text(canvas, (column_left(column), MARGIN + 38), heading, 15, QUIET)
    for row, panel in enumerate(panels):
        top = MARGIN + _HEAD + row * row_height
        put_photo(picture, (MARGIN, top), small_photo(panel.query))
        put_captions(canvas, (MARGIN, top), panel.notes)
        for column, prediction in enumerate(panel.predictions, 1):
            put_prediction(picture, (column_left(column), top), prediction)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(picture, path)


def _panel(rows: pl.DataFrame, threshold: float | None, without_positive: set[str]) -> Panel:
    predictions = predictions_of(rows, threshold)
    query = rows["query"][0]
    second = ""
    if all(prediction.right is None for prediction in predictions):
        second = "its position is not known"
    elif query in without_positive:
        second = f"no photo {in_words(threshold)} to be found"
    return Panel(
        query, (query_caption(query, rows["query_condition"][0]) or "query", second), predictions
    )


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


_COMPARISON_TITLE, _SECTION, _NAME, _LEGEND = 44, 58, 40, 40
_SIDE = _NAME + BOX[1] + CAPTION
_QUERY = 2 * _SIDE + GAP
_RULE = "#C8C8C8"


def draw_comparison(
    queries: Sequence[ComparedQuery], path: Path, title: str, headings: Mapping[str, str]
) -> None:
    """Write the picture as PNG or JPEG by the name's end.

    Each query has two rows, A's and B's: the photos found, framed and marked as in
    :func:`draw_panels`, then the query and the first photo found under their
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
    check_picture(path, makes_folder=True)
    found = max(len(side.predictions) for query in queries for side in (query.a, query.b))
    mapped = any(side.prediction_overlays for query in queries for side in (query.a, query.b))
    width = width_of(1 + found + (2 if mapped else 0))
    sections = len({query.winner for query in queries})
    height = MARGIN + _COMPARISON_TITLE + sections * _SECTION + len(queries) * _QUERY + MARGIN
    picture = Image.new("RGB", (width, height + (_LEGEND if mapped else 0)), PAPER)
    canvas = ImageDraw.Draw(picture)
    put_text(canvas, (MARGIN, MARGIN), title, 24, INK, width - 2 * MARGIN)
    top, winner = MARGIN + _COMPARISON_TITLE, ""
    for query in queries:
        canvas.line([(MARGIN, top), (width - MARGIN, top)], _RULE, 1)
        if query.winner != winner:
            winner = query.winner
            put_text(canvas, (MARGIN, top + 20), headings[winner], 20, INK, width - 2 * MARGIN)
            top += _SECTION
        _put_query(picture, top, query, found, mapped)
        top += _QUERY
    if mapped:
        _put_legend(picture, top + 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(picture, path)


def _put_query(
    picture: Image.Image, top: int, query: ComparedQuery, found: int, mapped: bool
) -> None:
    canvas = ImageDraw.Draw(picture)
    put_text(canvas, (MARGIN + FRAME, top + 16), "query", 16, QUIET)
    put_photo(picture, (MARGIN, top + _NAME), small_photo(query.query))
    lines = (query_caption(query.query, query.condition), "")
    put_captions(canvas, (MARGIN, top + _NAME), lines)
    for letter, side in (("A", query.a), ("B", query.b)):
        _put_side(picture, top, letter, side, 1 + found if mapped else None)
        top += _SIDE


def _put_side(
    picture: Image.Image, top: int, letter: str, side: ModelAnswer, maps: int | None
) -> None:
    """One model's row; its maps start in column ``maps``."""
    canvas = ImageDraw.Draw(picture)
    span = 3 * BOX[0]
    put_text(canvas, (column_left(1) + FRAME, top + 16), f"{letter}: {side.name}", 16, INK, span)
    for column, prediction in enumerate(side.predictions, 1):
        put_prediction(picture, (column_left(column), top + _NAME), prediction)
    if maps is None:
        return
    put_text(canvas, (column_left(maps) + FRAME, top + 16), f"what {letter} looks at", 16, INK)
    pair = (side.query_overlay, *side.prediction_overlays[:1])
    for column, (photo, name) in enumerate(zip(pair, ("query", "found first"), strict=False), maps):
        put_photo(picture, (column_left(column), top + _NAME), photo)
        lines = (name, f"similarity map, {METHOD}")
        put_captions(canvas, (column_left(column), top + _NAME), lines)


def _put_legend(picture: Image.Image, top: int) -> None:
    canvas = ImageDraw.Draw(picture)
    left = MARGIN + FRAME
    bar = colour_bar(160, 16)
    put_text(canvas, (left, top), "adds nothing", 15, QUIET)
    picture.paste(bar, (left + 100, top + 2))
    text = (
        f"adds most to the similarity of query and photo found first ({METHOD}); each map has its "
        "own scale"
    )
    put_text(canvas, (left + 270, top), text, 15, QUIET, picture.width - left - 270 - MARGIN)
