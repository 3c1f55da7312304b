"""Pictures of queries and their predictions, by one model or two, right and wrong ones marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from beenhere.errors import DataError
from beenhere.evaluation.differences import balanced_choice
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.evaluation.protocol import in_words
from beenhere.models.similarity_map import METHOD
from beenhere.photos.reference import Kind
from beenhere.report.compared_queries import ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    MARGIN,
    PhotoSheet,
    Prediction,
    colour_bar,
    column_left,
    predictions_of,
    query_caption,
    small_photo,
)
from beenhere.report.pictures import INK, QUIET, check_picture

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
    return [_panel(by_query[number], threshold, alone, evaluation.by) for number in chosen]


def draw_panels(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Write the picture, a row a query, as PNG or JPEG by the name's end.

    Photos found are framed and marked as :meth:`PhotoSheet.prediction` does. A photo that cannot
    be read leaves its place empty.

    Raises:
        DataError: no panels, or another kind of file.
    """
    if not panels:
        raise DataError(f"{path}: there is no query to draw")
    check_picture(path, makes_folder=True)
    columns = 1 + max(len(panel.predictions) for panel in panels)
    row_height = BOX[1] + CAPTION + GAP
    sheet = PhotoSheet(columns, MARGIN + _HEAD + len(panels) * row_height)
    sheet.text((MARGIN, MARGIN), title, 20, INK, sheet.room)
    for column in range(columns):
        heading = "query" if column == 0 else f"found {_ordinal(column)}"
        sheet.text((column_left(column), MARGIN + 38), heading, 15, QUIET)
    for row, panel in enumerate(panels):
        top = MARGIN + _HEAD + row * row_height
        sheet.photo((MARGIN, top), small_photo(panel.query))
        sheet.captions((MARGIN, top), *panel.notes)
        for column, prediction in enumerate(panel.predictions, 1):
            sheet.prediction((column_left(column), top), prediction)
    sheet.save(path)


def _panel(
    rows: pl.DataFrame, threshold: float | None, without_positive: set[str], by: Kind
) -> Panel:
    predictions = predictions_of(rows, threshold, by)
    query = rows["query"][0]
    second = ""
    if all(prediction.right is None for prediction in predictions):
        second = "its position is not known"
    elif query in without_positive:
        second = f"no photo {in_words(threshold, by)} to be found"
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
    mapped = any(side.overlays for query in queries for side in (query.a, query.b))
    sections = len({query.winner for query in queries})
    height = MARGIN + _COMPARISON_TITLE + sections * _SECTION + len(queries) * _QUERY + MARGIN
    sheet = PhotoSheet(1 + found + (2 if mapped else 0), height + (_LEGEND if mapped else 0))
    sheet.text((MARGIN, MARGIN), title, 24, INK, sheet.room)
    top, winner = MARGIN + _COMPARISON_TITLE, ""
    for query in queries:
        sheet.canvas.line([(MARGIN, top), (MARGIN + sheet.room, top)], _RULE, 1)
        if query.winner != winner:
            winner = query.winner
            sheet.text((MARGIN, top + 20), headings[winner], 20, INK, sheet.room)
            top += _SECTION
        sheet.text((MARGIN + FRAME, top + 16), "query", 16, QUIET)
        sheet.photo((MARGIN, top + _NAME), small_photo(query.query))
        sheet.captions((MARGIN, top + _NAME), query_caption(query.query, query.condition), "")
        for side, letter, answer in ((top, "A", query.a), (top + _SIDE, "B", query.b)):
            _put_answer(sheet, side, letter, answer, 1 + found if mapped else None)
        top += _QUERY
    if mapped:
        _put_legend(sheet, top + 8)
    sheet.save(path)


def _put_answer(
    sheet: PhotoSheet, top: int, letter: str, answer: ModelAnswer, maps: int | None
) -> None:
    """One model's row; its maps start in column ``maps``."""
    heading = f"{letter}: {answer.name}"
    sheet.text((column_left(1) + FRAME, top + 16), heading, 16, INK, 3 * BOX[0])
    for column, prediction in enumerate(answer.predictions, 1):
        sheet.prediction((column_left(column), top + _NAME), prediction)
    if maps is None:
        return
    sheet.text((column_left(maps) + FRAME, top + 16), f"what {letter} looks at", 16, INK)
    if answer.overlays is None and answer.predictions:
        words = "no similarity maps", "of a wrapped network"
        sheet.captions((column_left(maps), top + _NAME), *words)
        return
    # A model that found nothing has an empty box where the query's map would be.
    pair = zip(answer.overlays or (None,), ("query", "found first"), strict=False)
    for column, (photo, name) in enumerate(pair, maps):
        corner = column_left(column), top + _NAME
        sheet.photo(corner, photo)
        sheet.captions(corner, name, f"similarity map, {METHOD}")


def _put_legend(sheet: PhotoSheet, top: int) -> None:
    left = MARGIN + FRAME
    sheet.text((left, top), "adds nothing", 15, QUIET)
    sheet.picture.paste(colour_bar(160, 16), (left + 100, top + 2))
    text = (
        f"adds most to the similarity of query and photo found first ({METHOD}); each map has its "
        "own scale"
    )
    sheet.text((left + 270, top), text, 15, QUIET, sheet.room - FRAME - 270)
