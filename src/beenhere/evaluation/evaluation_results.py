"""The results of an evaluation: written to a folder, and read from there again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import __version__
from beenhere.errors import DataError
from beenhere.evaluation.protocol import hits_within, is_right, rule_in_words
from beenhere.files.atomic import replacing, write_file
from beenhere.files.regular import read_json, regular
from beenhere.photos.reference import Kind
from beenhere.wording import one_line

FORMAT_VERSION = 1
"""Of ``results.json``; raised when the meaning of a field changes."""

RANKS = 20
"""Predictions that are kept at least of each query, where the database has them."""

FILES = ("results.json", "predictions.parquet", "queries.parquet")
"""Of an evaluation, in its folder."""


@dataclass(frozen=True)
class Recall:
    """Recall@N at one threshold, over all queries or those of one condition.

    Attributes:
        threshold: metres within which a prediction is right; None: lists say what is.
        at: N.
        condition: such as ``"night"``; None: all queries.
        queries: how many, with and without a positive: the denominator.
        percent: of these queries have a positive among the first N.
        low, high: interval of ``percent`` by the bootstrap over queries.
        wilson_low, wilson_high: the same by Wilson's score; of use near 0 and 100.
        percent_of_possible: of the queries that have a positive; None where none has. A second
            number, never the one to compare with others'.
    """

    threshold: float | None
    at: int
    condition: str | None
    queries: int
    percent: float
    low: float
    high: float
    wilson_low: float
    wilson_high: float
    percent_of_possible: float | None


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds.

    Attributes:
        images_computed: photos that went through the model; the others' descriptors were kept.
        extraction_seconds: for these, with decoding.
        search_milliseconds_per_query: to find the nearest descriptors.
    """

    images_computed: int
    extraction_seconds: float
    search_milliseconds_per_query: float

    @property
    def images_per_second(self) -> float | None:
        """None where every descriptor was there already."""
        return self.images_computed / self.extraction_seconds if self.images_computed else None


@dataclass(frozen=True)
class Evaluation:
    """Recall@N of one model on one database and queries.

    >>> result = beenhere.evaluate("offline-lite0", database="photos", queries="queries")
    >>> result.recall(at=1)
    100.0

    Attributes:
        name: of the data.
        recalls: for every threshold, N and condition; all queries (condition None) first.
        predictions: ``query``, ``rank`` (from 1), ``database`` (paths), ``similarity`` (cosine),
            ``distance_m`` (null where a position is unknown, infinite to another map; of frames in
            frames), ``positive`` (whether a list or a name says it is right; null where distances
            do), ``query_condition``.
        query_table: every query, readable or not: ``query`` (path), ``condition``, ``lat``, ``lon``
            (degrees), ``nearest_m``, metres to the nearest readable database photo, and
            ``positives``, how many of them are listed (null where positions say what is right).
        queries, database: how many photos: the queries are the denominator of every recall.
        without_positive: by threshold (None: by lists), paths of queries that no database photo
            is right for.
        without_position: paths of queries that lie nobody knows where; by position they have no
            positive.
        unreadable: path and reason of photos whose files cannot be read, by ``"database"`` and
            ``"queries"``: those of the database are left out, those of the queries are misses.
        unusable: path and reason, alike, of files that looked like photos and did not become one;
            they are no queries, and count nowhere.
        timing: how long it took.
        model: fingerprint, descriptor size, configuration, where it came from.
        data: counts and fingerprints of the database and the queries.
        config: the options of the evaluation.
        by: what says where photos were taken; distances and thresholds of frames are in frames.
        notes: path and what, alike, of what the readers left out or did not believe.
    """

    name: str
    recalls: list[Recall]
    predictions: pl.DataFrame
    query_table: pl.DataFrame
    queries: int
    database: int
    without_positive: dict[float | None, list[str]]
    without_position: list[str]
    unreadable: dict[str, list[tuple[str, str]]]
    unusable: dict[str, list[tuple[str, str]]]
    timing: Timing
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    by: Kind = "position"
    notes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def recall(
        self, at: int = 1, threshold: float | None = None, condition: str | None = None
    ) -> float:
        """Recall@N in percent, as :meth:`measured` finds it."""
        return self.measured(at, threshold, condition).percent

    def measured(
        self, at: int = 1, threshold: float | None = None, condition: str | None = None
    ) -> Recall:
        """Recall@N with its intervals; at the first threshold and over all queries unless said.

        Raises:
            DataError: it was not measured.
        """
        if threshold is None:
            threshold = self.recalls[0].threshold
        for one in self.recalls:
            if (one.at, one.threshold, one.condition) == (at, threshold, condition):
                return one
        n, metres, conditions = (
            ", ".join(dict.fromkeys(str(getattr(one, name)) for one in self.recalls))
            for name in ("at", "threshold", "condition")
        )
        raise DataError(
            f"Recall@{at}, {rule_in_words(threshold, self.by)}, condition {condition}, was not "
            f"measured; there are N {n}, metres {metres}, conditions {conditions}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the predictions, in types of strict JSON."""
        return {
            "format": FORMAT_VERSION,
            "beenhere": __version__,
            "name": self.name,
            "by": self.by,
            "data": self.data,
            "model": self.model,
            "queries": self.queries,
            "database": self.database,
            "recalls": [asdict(one) for one in self.recalls],
            "without_positive": {
                "listed" if threshold is None else f"{threshold:g}": paths
                for threshold, paths in self.without_positive.items()
            },
            "without_position": self.without_position,
            "unreadable": _with_reasons(self.unreadable),
            "unusable": _with_reasons(self.unusable),
            "timing": {**asdict(self.timing), "images_per_second": self.timing.images_per_second},
            "config": self.config,
        }

    def write(self, out: Path) -> None:
        """Write the three files of :data:`FILES` into a folder, ``results.json`` last."""
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in zip(FILES[1:], (self.predictions, self.query_table), strict=True):
            with replacing(out / name) as new:
                frame.write_parquet(new)
        # Whoever finds results.json finds the other two whole.
        write_file(out / FILES[0], json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")


def _with_reasons(sides: dict[str, list[tuple[str, str]]]) -> dict[str, list[dict[str, str]]]:
    return {
        side: [{"path": path, "reason": reason} for path, reason in photos]
        for side, photos in sides.items()
    }


@dataclass(frozen=True)
class SavedEvaluation:
    """An evaluation read again from its folder; no descriptor is needed any more.

    Attributes:
        folder: where it lies.
        results: ``results.json``.
        predictions: those of :class:`Evaluation`.
        queries: its ``query_table``: every query, the denominator of every recall.
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
        try:
            results: dict[str, Any] = read_json(folder / FILES[0])
            predictions, queries = (pl.read_parquet(regular(folder / name)) for name in FILES[1:])
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise DataError(
                f"{folder} holds a damaged evaluation ({one_line(error, 100)}); evaluate again"
            ) from error
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
    def by(self) -> Kind:
        """What says where photos were taken; see :class:`Evaluation`."""
        kind: Kind = self.results.get("by", "position")
        return kind

    @property
    def threshold(self) -> float:
        """The first of those it was measured at; where lists say what is right, of no meaning."""
        return float(self.results["config"]["thresholds"][0])

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

    def members(self, condition: str | None) -> NDArray[np.bool_]:
        """Which of the ``queries`` are of a condition, ``(queries,)``; None: all.

        Raises:
            DataError: none is.
        """
        if condition is None:
            return np.ones(self.queries.height, np.bool_)
        if condition not in self.conditions:
            raise DataError(
                f"{self.folder} has no queries of condition {condition!r}; it has "
                f"{', '.join(self.conditions) or 'no conditions'}"
            )
        return (self.queries["condition"] == condition).fill_null(False).to_numpy()

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
            threshold: as of :meth:`first_hits`.

        Returns:
            ``(queries,)``, in the order of ``queries``.

        Raises:
            DataError: fewer predictions were kept.
        """
        self.check_depth(at)
        return hits_within(self.first_hits(threshold), at)

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
