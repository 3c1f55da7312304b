"""Recall against the distance that counts as right, from saved predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from beenhere.errors import DataError
from beenhere.evaluation.evaluation_results import SavedEvaluation, check_same_order
from beenhere.evaluation.protocol import share
from beenhere.evaluation.statistics import bootstrap_interval
from beenhere.photos.reference import Kind


@dataclass(frozen=True)
class ThresholdCurve:
    """Recall@N at many thresholds; every array is ``(thresholds,)``.

    Attributes:
        at: N.
        condition: of the queries; None: all of them.
        queries: how many.
        thresholds: metres.
        percent: recall; the mean over seeds.
        low, high: intervals in percent, each for its threshold alone: a band that holds the whole
            true curve at once would be wider.
        ceiling: percent of the queries with any database photo within the threshold. No model
            does better.
        by: what says where photos were taken; thresholds are in its unit.
    """

    at: int
    condition: str | None
    queries: int
    thresholds: NDArray[np.float64]
    percent: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    by: Kind = "position"


def recall_against_threshold(
    evaluations: Sequence[SavedEvaluation],
    at: int,
    thresholds: ArrayLike,
    confidence: float,
    resamples: int,
    seed: int,
    condition: str | None = None,
) -> ThresholdCurve:
    """Recall@N at each threshold; no descriptor is computed.

    Args:
        evaluations: of one row, one a seed, on the same test set.
        at: N of Recall@N.
        thresholds: metres, finite and at least 0, in any order.
        confidence: of the intervals, in (0, 1).
        resamples: of the bootstrap, as in the evaluation.
        seed: of the bootstrap, as in the evaluation: the interval is then the one of its results.
        condition: only queries of this one; None: all.

    Raises:
        DataError: no evaluation, other queries, too few predictions kept, a threshold that is no
            distance, no such condition, or positives that are listed: no distance decides there.
    """
    metres = np.atleast_1d(np.asarray(thresholds, np.float64))
    if not (np.isfinite(metres) & (metres >= 0)).all():
        raise DataError(f"thresholds {metres.tolist()}; expected finite metres, none below 0")
    if not evaluations:
        raise DataError("no evaluation to read recall from; expected one a seed")
    check_same_order(evaluations)
    if evaluations[0].listed:
        raise DataError(
            f"{evaluations[0].folder}: its positives are listed, so there is no recall against a "
            "distance; leave this test set out"
        )
    members = evaluations[0].members(condition)
    found = np.stack([nearest_found(one, at)[members] for one in evaluations])
    nearest = _metres(evaluations[0].queries["nearest_m"])[members]
    hits = [found <= threshold for threshold in metres]
    bands = [bootstrap_interval(one, confidence, resamples, seed) for one in hits]
    return ThresholdCurve(
        at=at,
        condition=condition,
        queries=len(nearest),
        thresholds=metres,
        percent=np.array([share(one.ravel()) for one in hits]),
        low=np.array([100 * low for low, _ in bands]),
        high=np.array([100 * high for _, high in bands]),
        ceiling=np.array([share(nearest <= threshold) for threshold in metres]),
        by=evaluations[0].by,
    )


def nearest_found(evaluation: SavedEvaluation, at: int) -> NDArray[np.float64]:
    """Metres from each query to the nearest of its first ``at`` predictions, ``(queries,)``.

    In the order of ``queries``; infinite where no distance is known. A query is a hit of Recall@N
    at every finite threshold from here on.

    Raises:
        DataError: fewer predictions were kept.
    """
    evaluation.check_depth(at)
    nearest = (
        evaluation.predictions.filter(pl.col("rank") <= at)
        .group_by("query")
        .agg(pl.col("distance_m").min())
    )
    joined = evaluation.queries.select("query").join(
        nearest, on="query", how="left", maintain_order="left"
    )
    return _metres(joined["distance_m"])


def _metres(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(np.inf).to_numpy()
