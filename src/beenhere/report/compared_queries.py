"""Queries that one model gets right and another wrong, with what each of them looks at."""

from typing import TYPE_CHECKING, Literal

import polars as pl
from PIL import Image

from beenhere.errors import ModelError, PhotoError
from beenhere.evaluation.differences import Differences
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.evaluation.protocol import is_right
from beenhere.models.similarity_map import similarity_maps
from beenhere.photos import load_photo
from beenhere.report import photo_boxes
from beenhere.report.compared import ComparedQuery, Side
from beenhere.report.overlays import overlay
from beenhere.report.photo_boxes import Prediction

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

SHOWN = 3
"""Predictions of each model."""


def compared_queries(
    found: Differences,
    names: tuple[str, str],
    models: "tuple[VPRModel, VPRModel] | None",
    count: int,
    seed: int = 0,
) -> list[ComparedQuery]:
    """Queries by chance that A alone gets right, then such that B alone does.

    Args:
        found: the two evaluations side by side.
        names: of A and B, for people.
        models: A and B, to lay similarity maps over the query and the first prediction; None: no
            maps. A photo that cannot be read, or that a model cannot take, has none.
        count: how many for each of the two; all, if there are fewer. Conditions share the places.
        seed: another seed chooses others.
    """
    winners: list[tuple[Literal["a", "b"], list[int]]] = [
        ("a", found.choose(found.only_a, count, seed)),
        ("b", found.choose(found.only_b, count, seed)),
    ]
    model_a, model_b = models or (None, None)
    queries = []
    for winner, rows in winners:
        for row in rows:
            query = found.a.queries.row(row, named=True)
            path_b = found.b.queries["query"][int(found.rows_b[row])]
            queries.append(
                ComparedQuery(
                    query=query["query"],
                    condition=query["condition"],
                    winner=winner,
                    a=_side(found.a, query["query"], found.threshold, names[0], model_a),
                    b=_side(found.b, path_b, found.threshold, names[1], model_b),
                )
            )
    return queries


def _side(
    evaluation: SavedEvaluation,
    query: str,
    threshold: float | None,
    name: str,
    model: "VPRModel | None",
) -> Side:
    rows = evaluation.predictions.filter(pl.col("query") == query, pl.col("rank") <= SHOWN)
    predictions = [
        Prediction(row["database"], row["similarity"], row["distance_m"], row["right"])
        for row in rows.sort("rank").with_columns(right=is_right(threshold)).iter_rows(named=True)
    ]
    if model is None or not predictions:
        return Side(name, predictions)
    one, two = _overlays(model, query, predictions[0].path)
    return Side(name, predictions, one, (two,))


def _overlays(
    model: "VPRModel", query: str, prediction: str
) -> tuple[Image.Image | None, Image.Image | None]:
    options = model.preprocessing
    try:
        pixels = [
            load_photo(path, options.target_size, options.interpolation)
            for path in (query, prediction)
        ]
        maps = similarity_maps(model, *pixels)
    except (PhotoError, ModelError):
        return None, None
    photos = photo_boxes.read(query), photo_boxes.read(prediction)
    one, two = (
        None if photo is None else overlay(photo, shares)
        for photo, shares in zip(photos, (maps.first, maps.second), strict=True)
    )
    return one, two
