"""Pictures of queries and their predictions, by one model or two, right and wrong ones marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from beenhere.errors import DataError
from beenhere.evaluation.differences import balanced_choice
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.evaluation.protocol import in_words, is_right
from beenhere.models.similarity_map import METHOD
from beenhere.photos.reference import Kind
from beenhere.report.compared_queries import ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    HIGHEST,
    MARGIN,
    PhotoSheet,
    Prediction,
    colour_bar,
    column_left,
    pages,
    predictions_of,
    query_caption,
    small_photo,
)
from beenhere.report.pictures import INK, QUIET, check_picture

_HEAD = 72
_ROW = BOX[1] + CAPTION + GAP


@dataclass(frozen=True)
class Panel:
    """A query, two lines about it, and its first predictions, best first."""

    query: str
    notes: tuple[str, str]
    predictions: list[Prediction]


def choose_panels(
    evaluation: Evaluation,
    count: int,
    columns: int = 3,
    seed: int = 0,
    wrong_first: bool = False,
) -> list[Panel]:
    """Queries at random; as many of each condition as can be.

    Args:
        evaluation: its first threshold says what is right.
        count: how many; all, if there are fewer.
        columns: predictions of each.
        seed: another seed chooses others.
        wrong_first: those whose first prediction is wrong come before all others: first where a
            right one could be found, then where there is none, then where nobody can tell.
    """
    threshold = evaluation.recalls[0].threshold
    first = evaluation.predictions.filter(pl.col("rank") <= columns)
    by_query = first.partition_by("query", maintain_order=True)
    alone = set(evaluation.without_positive[threshold])
    every = [_panel(rows, threshold, alone, evaluation.by) for rows in by_query]
    groups: dict[int, list[int]] = {}
    for number, panel in enumerate(every):
        groups.setdefault(_failure(panel, alone) if wrong_first else 0, []).append(number)
    chosen: list[Panel] = []
    for group in sorted(groups):
        conditions = [by_query[number]["query_condition"][0] for number in groups[group]]
        places = balanced_choice(conditions, count - len(chosen), seed)
        chosen += [every[groups[group][place]] for place in places]
    return chosen


def count_wrong(evaluation: Evaluation) -> int:
    """How many queries have no right photo as their first."""
    right = is_right(evaluation.recalls[0].threshold)
    first = evaluation.predictions.filter(pl.col("rank") == 1)
    return evaluation.queries - int(first.select(right=right)["right"].sum() or 0)


def _failure(panel: Panel, without_positive: set[str]) -> int:
    """0 where a right photo could have been found first, 3 where one was."""
    right = panel.predictions[0].right if panel.predictions else False
    if right:
        return 3
    return 2 if right is None else int(panel.query in without_positive)


def draw_panels(panels: Sequence[Panel], path: Path, title: str) -> list[Path]:
    """Write the picture, a row a query, as PNG or JPEG by the name's end.

    Of many queries it has several pages; see :func:`beenhere.report.photo_boxes.pages`.

    Photos found are framed and marked as :meth:`PhotoSheet.prediction` does. A photo that cannot
    be read leaves its place empty.

    Returns:
        The pages.

    Raises:
        DataError: no panels, or another kind of file.
    """
    if not panels:
        raise DataError(f"{path}: there is no query to draw")
    check_picture(path, makes_folder=True)
    columns = 1 + max(len(panel.predictions) for panel in panels)
    drawn = pages(path, panels, (HIGHEST - MARGIN - _HEAD) // _ROW)
    for number, (page, some) in enumerate(drawn, 1):
        _draw_page(some, page, _numbered(title, number, len(drawn)), columns)
    return [page for page, _ in drawn]


def _numbered(title: str, page: int, of: int) -> str:
    return f"page {page} of {of}; {title}" if of > 1 else title


def _draw_page(panels: Sequence[Panel], path: Path, title: str, columns: int) -> None:
    sheet = PhotoSheet(columns, MARGIN + _HEAD + len(panels) * _ROW)
    sheet.text((MARGIN, MARGIN), title, 20, INK, sheet.room)
    for column in range(columns):
        heading = "query" if column == 0 else f"found {_ordinal(column)}"
        sheet.text((column_left(column), MARGIN + 38), heading, 15, QUIET)
    for row, panel in enumerate(panels):
        top = MARGIN + _HEAD + row * _ROW
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


_QUERIES = 3
"""On a page."""


def comparison_pages(
    queries: Sequence[ComparedQuery], path: Path
) -> list[tuple[Path, list[ComparedQuery]]]:
    """The pages of a comparison, each with its queries."""
    return pages(path, queries, _QUERIES)


def draw_comparison(
    queries: Sequence[ComparedQuery], path: Path, title: str, headings: Mapping[str, str]
) -> list[Path]:
    """Write the picture as PNG or JPEG by the name's end; of many queries on several pages.

    Each query has two rows, A's and B's: the photos found, framed and marked as in
    :func:`draw_panels`, then the query and the first photo found under their
    similarity map, if there is any. A photo that cannot be read leaves its place empty.

    Args:
        queries: those that A alone gets right, then those of B, then those of neither.
        path: of the picture.
        title: above all.
        headings: above the queries that ``"a"`` and ``"b"`` alone get right, and ``"neither"``.

    Returns:
        The pages.

    Raises:
        DataError: no queries, or another kind of file.
    """
    if not queries:
        raise DataError(f"{path}: there is no query to draw")
    check_picture(path, makes_folder=True)
    found = max(len(side.predictions) for query in queries for side in (query.a, query.b))
    mapped = any(side.overlays for query in queries for side in (query.a, query.b))
    drawn = comparison_pages(queries, path)
    for number, (page, some) in enumerate(drawn, 1):
        _draw_compared(some, page, _numbered(title, number, len(drawn)), headings, found, mapped)
    return [page for page, _ in drawn]


def _draw_compared(
    queries: Sequence[ComparedQuery],
    path: Path,
    title: str,
    headings: Mapping[str, str],
    found: int,
    mapped: bool,
) -> None:
    """One page, with columns for so many photos found, and for similarity maps."""
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
