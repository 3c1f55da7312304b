"""An evaluation read again from its folder: which queries were right, at any threshold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.evaluation.results import RANKS
from beenhere.evaluation.right import is_right

FILES = ("results.json", "predictions.parquet", "queries.parquet")


@dataclass(frozen=True)
class SavedEvaluation:
    """What :func:`beenhere.evaluation.evaluate.evaluate` wrote; no descriptor is needed any more.

    Attributes:
        folder: where it lies.
        results: ``results.json``.
        predictions: ``query``, ``rank`` (from 1), ``database``, ``similarity``, ``distance_m``
            (null where unknown), ``positive`` (null where positions say what is right),
            ``query_condition``.
        queries: every query, the denominator of every recall: ``query``, ``condition``, ``lat``,
            ``lon``, ``nearest_m`` (metres to the nearest database photo; null where unknown),
            ``positives`` (how many are listed; null where positions say what is right).
    """

    folder: Path
    results: dict[str, Any]
    predictions: pl.DataFrame
    queries: pl.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "SavedEvaluation":
        """From the folder of an evaluation, such as ``RUN/tests/NAME``.

        Raises:
            DataError: it holds no evaluation.
        """
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"{folder} holds no whole evaluation: {', '.join(missing)} missing; expected the "
                "folder that `beenhere eval` or a test of `beenhere train` wrote"
            )
        results: dict[str, Any] = json.loads((folder / FILES[0]).read_text(encoding="utf-8"))
        predictions, queries = (pl.read_parquet(folder / name) for name in FILES[1:])
        # Evaluations from before there were lists have not these columns.
        if "positive" not in predictions.columns:
            predictions = predictions.with_columns(positive=pl.lit(None, pl.Boolean))
        if "positives" not in queries.columns:
            queries = queries.with_columns(positives=pl.lit(None, pl.Int64))
        return cls(folder, results, predictions, queries)

    @property
    def name(self) -> str:
        """Of the data."""
        return str(self.results["name"])

    @property
    def listed(self) -> bool:
        """Whether lists say what is right; then no threshold applies."""
        return any(recall["threshold"] is None for recall in self.results["recalls"])

    @property
    def depth(self) -> int:
        """The highest N whose recall the predictions can tell."""
        ranks: int | None = self.predictions["rank"].max()  # type: ignore[assignment]
        return ranks or 0

    @property
    def conditions(self) -> list[str]:
        """Of the queries, sorted."""
        return sorted(self.queries["condition"].drop_nulls().unique().to_list())

    def first_hits(self, threshold: float | None) -> NDArray[np.int64]:
        """The rank of each query's first right prediction, ``(queries,)``.

        From 1, in the order of ``queries``; 0 where no prediction is right.

        Args:
            threshold: metres; where lists say what is right, it does not matter.
        """
        right = self._ranked.filter(is_right(threshold)).group_by("row").agg(pl.col("rank").min())
        first = np.zeros(self.queries.height, np.int64)
        first[right["row"].to_numpy()] = right["rank"].to_numpy()
        return first

    def hits(self, at: int, threshold: float | None) -> NDArray[np.bool_]:
        """Whether each query has a right prediction among the first ``at``.

        Args:
            at: N of Recall@N; their mean is that recall.
            threshold: metres; where lists say what is right, it does not matter.

        Returns:
            ``(queries,)``, in the order of ``queries``.

        Raises:
            DataError: fewer predictions were kept.
        """
        self.check_depth(at)
        first = self.first_hits(threshold)
        return (first > 0) & (first <= at)

    def check_depth(self, at: int) -> None:
        """See that the first ``at`` predictions of each query are there.

        All that exist are, where the database has fewer than an evaluation keeps.

        Raises:
            DataError: fewer were kept.
        """
        kept = max(RANKS, *(recall["at"] for recall in self.results["recalls"]))
        if at > kept and self.depth >= kept:
            raise DataError(
                f"{self.folder} keeps {self.depth} predictions a query, too few for R@{at}; run "
                f"the evaluation with {at} in recall_at"
            )

    @cached_property
    def _ranked(self) -> pl.DataFrame:
        """``row`` of the query, ``rank``, ``distance_m``, ``positive``."""
        rows = self.queries.select("query").with_row_index("row")
        return self.predictions.join(rows, on="query").select(
            "row", "rank", "distance_m", "positive"
        )


def check_same_queries(evaluations: Sequence[SavedEvaluation]) -> None:
    """See that evaluations can be compared query by query.

    Raises:
        DataError: two of them were asked other queries, or in other databases.
    """
    for other in evaluations[1:]:
        for side in ("queries", "database"):
            one, two = evaluations[0].results["data"][side], other.results["data"][side]
            if one != two:
                raise DataError(
                    f"{evaluations[0].folder} and {other.folder} have not the same {side} "
                    f"({one['photos']} and {two['photos']} photos); a comparison query by query "
                    "needs the same test set: evaluate both on it"
                )
        if evaluations[0].results["data"].get("truth") != other.results["data"].get("truth"):
            raise DataError(
                f"{evaluations[0].folder} and {other.folder} have the same photos, and other lists "
                "of what is right; a comparison needs one ground truth: evaluate both by it"
            )


def check_same_order(evaluations: Sequence[SavedEvaluation]) -> None:
    """See that hits of evaluations can be compared place by place.

    Raises:
        DataError: as :func:`check_same_queries`, or the same queries in another order.
    """
    check_same_queries(evaluations)
    for other in evaluations[1:]:
        if _in_order(evaluations[0]) != _in_order(other):
            raise DataError(
                f"{evaluations[0].folder} and {other.folder} have the same queries in another "
                "order; a comparison place by place needs one order: evaluate both on one list"
            )


def _in_order(evaluation: SavedEvaluation) -> list[tuple[Any, ...]]:
    # By name: the folders of the photos may have been moved between two evaluations.
    rows = evaluation.queries.select("query", "condition", "lat", "lon").iter_rows()
    return [(Path(path).name, *rest) for path, *rest in rows]
