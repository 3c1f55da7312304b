"""Queries that a model got wrong, a few of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from beenhere.evaluation.protocol import has_positive
from beenhere.photos.reference import REFERENCES
from beenhere.photos.reference import Kind as By
from beenhere.report.photo_boxes import how_far
from beenhere.report.study_figures import RowFigures, TableFigures
from beenhere.studies.results import StudyResults

MOST_PHOTOS = 60
"""Different photos in the gallery: what a page can carry and a person looks through."""

BANDS = (4, 40)
"""Where near and middle end, in radii of what shows one place: 100 m and 1 km of positions."""

Kind = Literal["wrong", "impossible"]


@dataclass(frozen=True)
class Failure:
    """A query whose first prediction is wrong.

    Attributes:
        model: table and row. best: whether it is the study's best model on this test set.
        test: name of the test set.
        condition: of the query; empty where unknown.
        kind: ``"impossible"``: no database photo is right.
        query, prediction: paths; the prediction is empty where nothing was found.
        metres: from the query to the prediction, or frames; None where unknown.
        similarity: of the two; None where nothing was found.
        by: what says where photos were taken.
    """

    model: str
    best: bool
    test: str
    condition: str
    kind: Kind
    query: str
    prediction: str
    metres: float | None
    similarity: float | None
    by: By = "position"

    @property
    def away(self) -> str:
        """How far the prediction lies from the query, in words."""
        return how_far(self.metres, self.by, " off")

    @property
    def distance_band(self) -> str:
        """``"near"``, ``"middle"`` or ``"far"``, by the :data:`BANDS`; ``"unknown"``: no distance,
        or between two maps or names."""
        if self.metres is None or not isfinite(self.metres) or not REFERENCES[self.by].unit:
            return "unknown"
        near, middle = (radii * REFERENCES[self.by].radius for radii in BANDS)
        return "near" if self.metres < near else "middle" if self.metres < middle else "far"


def failures(results: StudyResults, figures: Sequence[TableFigures]) -> list[Failure]:
    """Failures of the best row of each table, by chance, as many of each kind as can be.

    The study's best model on each test set comes first and has half of the photos.
    """
    best: list[list[Failure]] = []
    others: list[list[Failure]] = []
    for test in results.tests:
        for place, (model, row) in enumerate(_models(figures, test)):
            groups = _grouped(results, row, test, model, place == 0)
            (best if place == 0 else others).append(_in_turn(groups))
    chosen: list[Failure] = []
    photos: set[str] = set()
    for models, budget in ((best, MOST_PHOTOS // 2), (others, MOST_PHOTOS)):
        for failure in _in_turn(models):
            new = {failure.query, failure.prediction} - {""} - photos
            if len(photos) + len(new) <= budget:
                photos |= new
                chosen.append(failure)
    return sorted(chosen, key=lambda one: (not one.best, one.model, one.test))


def band_names(failures: Sequence[Failure]) -> dict[str, str]:
    """What the distance bands of some failures are, in words."""
    kinds = {one.by for one in failures if REFERENCES[one.by].unit}

    def ends(radii: int) -> str:
        return " or ".join(how_far(radii * REFERENCES[by].radius, by) for by in sorted(kinds))

    near, middle = map(ends, BANDS)
    return {
        "near": f"up to {near} off",
        "middle": f"{near} to {middle} off",
        "far": f"more than {middle} off",
        "unknown": "no distance",
    }


def _models(figures: Sequence[TableFigures], test: str) -> list[tuple[str, RowFigures]]:
    """The best row of each table on a test set, the best of all first, each training once."""
    found: dict[Path, tuple[str, RowFigures]] = {}
    for table in figures:
        best = table.best(test)
        if best is not None:
            model = f"{table.table.title}: {best.name}"
            found.setdefault(best.row.finished[0].folder, (model, best))
    return sorted(found.values(), key=lambda one: -one[1].first_recall(test).percent)


def _grouped(
    results: StudyResults, row: RowFigures, test: str, model: str, best: bool
) -> list[list[Failure]]:
    """A model's failures on a test set by condition and kind, each group in random order."""
    evaluation = row.evaluations(test)[0]
    wrong = np.flatnonzero(~evaluation.hits(1, evaluation.threshold))
    first = evaluation.queries.with_columns(possible=has_positive(evaluation.threshold)).join(
        evaluation.predictions.filter(pl.col("rank") == 1).drop("query_condition"),
        on="query",
        how="left",
        maintain_order="left",
    )
    groups: dict[tuple[str, Kind], list[Failure]] = {}
    order = np.random.default_rng(results.seed).permutation(wrong)
    for asked in first[order.tolist()].iter_rows(named=True):
        failure = Failure(
            model=model,
            best=best,
            test=test,
            condition=asked["condition"] or "",
            kind="wrong" if asked["possible"] else "impossible",
            query=asked["query"],
            prediction=asked["database"] or "",
            metres=asked["distance_m"],
            similarity=asked["similarity"],
            by=evaluation.by,
        )
        groups.setdefault((failure.condition, failure.kind), []).append(failure)
    return [groups[key] for key in sorted(groups, key=lambda key: (key[1] != "wrong", key[0]))]


def _in_turn(groups: Sequence[Sequence[Failure]]) -> list[Failure]:
    """The first of each group, then the second of each, and so on."""
    return [one for turn in zip_longest(*groups) for one in turn if one is not None]
