"""The photos of a study, each set read once: their fingerprints, and whether streets are shared."""

from pathlib import Path
from typing import Any

import numpy as np

from beenhere import geo
from beenhere.config import DataConfig, EvaluationData
from beenhere.datasets.formats import EvaluationTables, read_evaluation, read_photos
from beenhere.datasets.summary import table_fingerprint
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

    def check_apart(self, data: DataConfig, metres: float, allowed: float) -> None:
        """See that nothing is tested, or the best epoch chosen, on what was trained on.

        Args:
            data: training photos, validation and test sets.
            metres: a photo so near to a training photo is on its street.
            allowed: share of a side's photos that may be.

        Raises:
            DataError: more of them are, and how many; or a test set is the validation set.
        """
        sets = {f"test set {name!r}": path for name, path in data.tests.items()}
        if data.validation is not None:
            for name, path in sets.items():
                if self.evaluation(path) == self.evaluation(data.validation):
                    raise DataError(
                        f"{name} is the validation set, by which the best epoch is chosen: such a "
                        "test is too kind; validate on other photos, or leave this test out"
                    )
            sets["the validation set"] = data.validation
        train = self._table(Path(data.train))
        for name, path in sets.items():
            tables = self._evaluation(path)
            for what, side in (("queries", tables.queries), ("database photos", tables.database)):
                nobody = [np.empty(0, np.intp)] * len(side)
                near = geo.nearest(train.positions, side.positions, nobody)
                shared = np.flatnonzero(near <= metres)
                if len(shared) > allowed * len(side):
                    raise DataError(
                        f"{len(shared)} of the {len(side)} {what} of {name} lie within "
                        f"{metres:g} m of a training photo ({side.paths[shared[0]]}): figures from "
                        "streets that were trained on prove nothing. Leave them out of "
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
