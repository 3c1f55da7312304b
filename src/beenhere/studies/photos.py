"""The photos of a study, each set read once: their fingerprints, and whether streets are shared."""

from pathlib import Path
from typing import Any

import numpy as np

from beenhere import geo
from beenhere.config import DataConfig, EvaluationData
from beenhere.datasets.fingerprint import table_fingerprint
from beenhere.datasets.formats import EvaluationTables, read_evaluation, read_photos
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError
from beenhere.evaluation.evaluate import evaluation_fingerprint


class StudyPhotos:
    """Reads names and positions, never pixels (but headers, where positions are in EXIF)."""

    def __init__(self) -> None:
        self._tables: dict[Path, PhotoTable] = {}
        self._evaluations: dict[EvaluationData, EvaluationTables] = {}
        self._fingerprints: dict[Path | EvaluationData, dict[str, Any]] = {}

    def training(self, path: Path) -> dict[str, Any]:
        """Fingerprint of training photos."""
        if path not in self._fingerprints:
            self._fingerprints[path] = table_fingerprint(self._table(path), path)
        return self._fingerprints[path]

    def evaluation(self, data: EvaluationData) -> dict[str, Any]:
        """Fingerprints of a database and queries."""
        if data not in self._fingerprints:
            self._fingerprints[data] = evaluation_fingerprint(self._evaluation(data))
        return self._fingerprints[data]

    def check_streets(self, data: DataConfig, metres: float, allowed: float) -> None:
        """See that no test is taken on streets that were trained on.

        Args:
            data: training photos and test sets.
            metres: a test photo so near to a training photo is on its street.
            allowed: share of a test set's photos that may be.

        Raises:
            DataError: more of them are; says how many, and names one.
        """
        train = self._table(data.train)
        for name, path in data.tests.items():
            tables = self._evaluation(path)
            for side in (tables.queries, tables.database):
                near = geo.nearest(
                    train.positions, side.positions, [np.empty(0, np.intp)] * len(side)
                )
                shared = np.flatnonzero(near <= metres)
                if len(shared) > allowed * len(side):
                    what = "queries" if side is tables.queries else "database photos"
                    raise DataError(
                        f"{len(shared)} of the {len(side)} {what} of test set {name!r} lie within "
                        f"{metres:g} m of a training photo ({side.paths[shared[0]]}): a test on "
                        "streets that were trained on proves nothing. Leave these photos out of "
                        f"{data.train}, or say how large a share is meant by allowed_overlap in "
                        "the data profile"
                    )

    def _table(self, path: Path) -> PhotoTable:
        if path not in self._tables:
            self._tables[path] = read_photos(path)
        return self._tables[path]

    def _evaluation(self, data: EvaluationData) -> EvaluationTables:
        if data not in self._evaluations:
            self._evaluations[data] = read_evaluation(data)
        return self._evaluations[data]
