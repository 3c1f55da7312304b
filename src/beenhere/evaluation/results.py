"""What an evaluation found, and its files.

``results.json``, ``predictions.parquet`` and ``queries.parquet``;
:mod:`beenhere.evaluation.saved` reads them again.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from beenhere import __version__
from beenhere.errors import DataError
from beenhere.evaluation.right import rule_in_words

FORMAT_VERSION = 1
"""Of ``results.json``; raised when the meaning of a field changes."""

RANKS = 20
"""Predictions that are kept at least of each query, where the database has them."""


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

    Attributes:
        name: of the data.
        recalls: for every threshold, N and condition; all queries (condition None) first.
        predictions: ``query``, ``rank`` (from 1), ``database`` (paths), ``similarity`` (cosine),
            ``distance_m`` (null where a position is unknown), ``positive`` (whether a list says
            it is right; null where positions do), ``query_condition``.
        sought: every query, readable or not: ``query`` (path), ``condition``, ``lat``, ``lon``
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
    """

    name: str
    recalls: list[Recall]
    predictions: pl.DataFrame
    sought: pl.DataFrame
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

    def recall(
        self, at: int = 1, threshold: float | None = None, condition: str | None = None
    ) -> float:
        """Recall@N in percent; at the first threshold and over all queries unless said.

        Raises:
            DataError: it was not measured.
        """
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
        raise DataError(
            f"Recall@{at}, {rule_in_words(threshold)}, condition {condition}, was not measured; "
            f"there are N {_values(self.recalls, 'at')}, metres "
            f"{_values(self.recalls, 'threshold')}, conditions "
            f"{_values(self.recalls, 'condition')}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the predictions, in types of strict JSON."""
        return {
            "format": FORMAT_VERSION,
            "beenhere": __version__,
            "name": self.name,
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
        """Write the three files into a folder, ``results.json`` last."""
        out.mkdir(parents=True, exist_ok=True)
        frames = {"predictions.parquet": self.predictions, "queries.parquet": self.sought}
        for name, frame in frames.items():
            frame.write_parquet(out / f"{name}.new")
            (out / f"{name}.new").replace(out / name)
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        (out / "results.json.new").write_text(text + "\n", encoding="utf-8")
        (out / "results.json.new").replace(out / "results.json")


def _with_reasons(
    sides: dict[str, list[tuple[str, str]]],
) -> dict[str, list[dict[str, str]]]:
    return {
        side: [{"path": path, "reason": reason} for path, reason in photos]
        for side, photos in sides.items()
    }


def _values(recalls: list[Recall], name: str) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(getattr(r, name) for r in recalls))
