"""Queries that one model gets right and another wrong, with the parts of the photos that decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL.Image import Image

from beenhere.devices import choose_device
from beenhere.errors import ModelError, PhotoError
from beenhere.evaluation.differences import ConditionDifference, Differences, differences
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.models.load import load_model
from beenhere.models.model import VPRModel
from beenhere.models.similarity_map import similarity_maps
from beenhere.photos.pixels import load_photo
from beenhere.report.photo_boxes import Prediction, overlay, predictions_of, small_photo
from beenhere.studies.results import Run, StudyResults

SHOWN = 3
"""Predictions of each model."""

COUNT = 3
"""Queries of each test set that one row alone gets right, of those on a study's page."""


Winner = Literal["a", "b", "neither"]


@dataclass(frozen=True)
class ModelAnswer:
    """The predictions of one of two models for a query.

    Attributes:
        name: of the model, for people.
        predictions: up to three, best first.
        overlays: the query and the first photo found, each with a heat map laid over it: where it
            agrees with the other; None for one that cannot be read, and of all: nobody has asked,
            nothing was found, or the model is a wrapped network.
    """

    name: str
    predictions: Sequence[Prediction]
    overlays: tuple[Image | None, Image | None] | None = None


@dataclass(frozen=True)
class ComparedQuery:
    """A query and two models' answers to it.

    Attributes:
        query: path of the photo.
        condition: such as ``"night"``; None where unknown.
        winner: the side whose first prediction is right; ``"neither"``: no side's is.
        a, b: the sides.
    """

    query: str
    condition: str | None
    winner: Winner
    a: ModelAnswer
    b: ModelAnswer


@dataclass(frozen=True)
class ComparedPair:
    """Two models on one test set.

    Attributes:
        a, b: their names, for people.
        test: title of the test set.
        conditions: how they share the queries between them, all queries first, then by condition;
            of :meth:`beenhere.evaluation.differences.Differences.by_condition`.
        queries: some of those that one alone gets right, to be drawn.
    """

    a: str
    b: str
    test: str
    conditions: Sequence[ConditionDifference]
    queries: Sequence[ComparedQuery]

    def drawn(self, winner: Literal["a", "b"]) -> list[ComparedQuery]:
        """The queries to be drawn that one of the two alone gets right."""
        return [query for query in self.queries if query.winner == winner]

    @property
    def mapped(self) -> bool:
        """Whether any similarity map is drawn."""
        return any(
            any(side.overlays or ()) for query in self.queries for side in (query.a, query.b)
        )


def compared_queries(
    found: Differences,
    names: tuple[str, str],
    models: "tuple[VPRModel, VPRModel] | None",
    count: int,
    seed: int = 0,
    both_wrong: bool = False,
) -> list[ComparedQuery]:
    """Queries by chance that A alone gets right, then such that B alone does.

    Args:
        found: the two evaluations side by side.
        names: of A and B, for people.
        models: A and B, to lay similarity maps over the query and the first prediction; None: no
            maps. A photo that cannot be read, or that a model cannot take, has none; a wrapped
            network has none at all.
        count: how many for each of the two; all, if there are fewer. Conditions share the places.
        seed: another seed chooses others.
        both_wrong: then as many that none of the two gets right.
    """
    model_a, model_b = models or (None, None)
    winners: dict[Winner, NDArray[np.bool_]] = {"a": found.only_a, "b": found.only_b}
    if both_wrong:
        winners["neither"] = found.neither
    queries = []
    for winner, among in winners.items():
        for row in found.choose(among, count, seed):
            path, condition = found.a.queries.select("query", "condition").row(row)
            path_b = found.b.queries["query"][int(found.rows_b[row])]
            a = _answer(found.a, path, found.threshold, names[0], model_a)
            b = _answer(found.b, path_b, found.threshold, names[1], model_b)
            queries.append(ComparedQuery(path, condition, winner, a, b))
    return queries


def _answer(
    evaluation: SavedEvaluation,
    query: str,
    threshold: float | None,
    name: str,
    model: VPRModel | None,
) -> ModelAnswer:
    rows = evaluation.predictions.filter(pl.col("query") == query, pl.col("rank") <= SHOWN)
    predictions = predictions_of(rows, threshold, evaluation.by)
    if model is None or not model.has_feature_maps or not predictions:
        return ModelAnswer(name, predictions)
    options = model.preprocessing
    photos = query, predictions[0].path
    try:
        first, second = (
            load_photo(path, options.target_size, options.interpolation) for path in photos
        )
        maps = similarity_maps(model, first, second)
    except (PhotoError, ModelError):
        return ModelAnswer(name, predictions, (None, None))
    one, two = (
        None if (photo := small_photo(path)) is None else overlay(photo, shares)
        for path, shares in zip(photos, (maps.first, maps.second), strict=True)
    )
    return ModelAnswer(name, predictions, (one, two))


def compared_rows(results: StudyResults) -> list[ComparedPair]:
    """For each pair that the study names and that is trained: each test set, with maps.

    Of a row with several seeds the first is shown.
    """
    found = []
    for table, *names in results.compare:
        first, second = (_run(results, table, name) for name in names)
        if first is None or second is None:
            continue
        device = choose_device("auto")
        models = load_model(first.folder, device), load_model(second.folder, device)
        for test, title in results.tests.items():
            if test in first.tests and test in second.tests:
                pair = differences(first.evaluations[test], second.evaluations[test], 1)
                queries = compared_queries(pair, (names[0], names[1]), models, COUNT)
                found.append(ComparedPair(names[0], names[1], title, pair.by_condition(), queries))
    return found


def _run(results: StudyResults, table: str, name: str) -> Run | None:
    rows = next(one.rows for one in results.tables if one.name == table)
    finished = [run for row in rows if row.name == name for run in row.finished]
    return finished[0] if finished else None
