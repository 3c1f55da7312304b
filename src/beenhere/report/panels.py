"""A picture of queries, each with its first predictions: right ones ticked, wrong ones crossed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from PIL import Image, ImageDraw

from beenhere.errors import DataError
from beenhere.evaluation.differences import balanced_choice
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.evaluation.protocol import in_words, is_right
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    GAP,
    INK,
    MARGIN,
    PAPER,
    QUIET,
    Prediction,
    column_left,
    put_captions,
    put_photo,
    put_prediction,
    read,
    width_of,
    write,
)

__all__ = ["BOX", "Panel", "Prediction", "choose", "draw"]

_HEAD = 72


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
    conditions = [rows["query_condition"][0] for rows in by_query]
    chosen = balanced_choice(conditions, count, seed)
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
    width, row_height = width_of(columns), BOX[1] + CAPTION + GAP
    picture = Image.new("RGB", (width, MARGIN + _HEAD + len(panels) * row_height), PAPER)
    canvas = ImageDraw.Draw(picture)
    write(canvas, (MARGIN, MARGIN), title, 20, INK, width - 2 * MARGIN)
    for column in range(columns):
        heading = "query" if column == 0 else f"found {_ordinal(column)}"
        write(canvas, (column_left(column), MARGIN + 38), heading, 15, QUIET)
    for row, panel in enumerate(panels):
        top = MARGIN + _HEAD + row * row_height
        put_photo(picture, (MARGIN, top), read(panel.query))
        put_captions(canvas, (MARGIN, top), panel.notes)
        for column, prediction in enumerate(panel.predictions, 1):
            put_prediction(picture, (column_left(column), top), prediction)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)


def _panel(rows: pl.DataFrame, threshold: float | None, without_positive: set[str]) -> Panel:
    predictions = [
        Prediction(row["database"], row["similarity"], row["distance_m"], row["right"])
        for row in rows.sort("rank").with_columns(right=is_right(threshold)).iter_rows(named=True)
    ]
    query = rows["query"][0]
    name = Path(query).name
    about = [rows["query_condition"][0] or "", "" if name.startswith("@") else name]
    second = ""
    if all(prediction.right is None for prediction in predictions):
        second = "its position is not known"
    elif query in without_positive:
        second = f"no photo {in_words(threshold)} to be found"
    return Panel(query, (", ".join(filter(None, about)) or "query", second), predictions)


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
