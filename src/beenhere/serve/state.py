"""One state of an index that is served, and what it says of its photos without any being read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import BeenhereError
from beenhere.photos.summary import summarise
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.decision import verifies
from beenhere.retrieval.search.filters import Filter

Values = dict[str, Any]


class Outdated(BeenhereError):
    """A row of a state of the index that is not kept any more."""


class Missing(BeenhereError):
    """There is no such index, photo or tile."""


@dataclass(frozen=True, eq=False)
class State:
    """One state of an index, with what its answers need.

    Attributes:
        name: by which it is asked for.
        index: opened. photos: every row of it. allowed: those that count.
    """

    name: str
    index: Index
    photos: PhotoTable
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, name: str, index: Index) -> "State":
        """Read what the index knows of its photos."""
        photos = index.photos
        return cls(name, index, photos, np.resize(index.allowed, len(photos)))

    @property
    def generation(self) -> int:
        """Which state it is; each change of an index counts one on."""
        return self.index.manifest.generation

    @cached_property
    def values(self) -> Values:
        """What the index holds, by :class:`beenhere.serve.schemas.IndexValues`."""
        manifest, summary = self.index.manifest, summarise(self.photos.rows(self.rows(None)))
        calibration = self.index.calibration
        part = (calibration or {}).get("verified" if verifies(calibration) else "plain")
        extent, first, last = summary.extent, summary.first, summary.last
        search = self.index.store.search_line()
        return {
            "name": self.name,
            "photos": len(self.index),
            "rows": len(self.photos),
            "generation": self.generation,
            "model": manifest.model.name or Path(str(manifest.model.provenance.get("model"))).name,
            "dim": manifest.dim,
            # Of Milvus it says where that is, too.
            "search": search if manifest.store is None else search.partition(",")[0],
            "calibrated": bool(part),
            "threshold": part["threshold"] if part else None,
            "reference": self.index.reference().kind,
            "bounds": extent and [extent.west, extent.south, extent.east, extent.north],
            "captured": [first, last] if first and last else None,
            "has_heading": bool(summary.with_heading),
            "conditions": list(summary.conditions),
        }

    def path(self, row: int) -> str:
        """Of a photo, by its row. Raises Missing."""
        if not (0 <= row < len(self.photos) and self.allowed[row]):
            raise Missing(f"index {self.name} has no photo in row {row}")
        return str(self.photos.frame["path"][row])

    def rows(self, where: Filter | None, condition: str | None = None) -> NDArray[np.int64]:
        """Of the photos that meet some conditions."""
        allowed = self.allowed if where is None else self.allowed & where.rows(self.photos)
        if condition is not None:
            same = (self.photos.frame["condition"] == condition).fill_null(False)
            allowed = allowed & same.to_numpy()
        return np.flatnonzero(allowed)

    def page(self, rows: NDArray[np.int64], after: int, limit: int) -> Values:
        """Some photos from behind a row on, as GeoJSON."""
        rows = rows[np.searchsorted(rows, after, "right") :]
        following = int(rows[limit - 1]) if len(rows) > limit else None
        return {
            "type": "FeatureCollection",
            "features": self.features(rows[:limit]),
            "next": following,
            "generation": self.generation,
        }

    def features(self, rows: NDArray[np.int64]) -> list[Values]:
        """Photos as GeoJSON."""
        names = ("captured", "heading", "condition", "x", "y", "frame", "map", "place")
        columns = self.photos.frame[rows].select("path", "lat", "lon", *names)
        found = []
        for row, (path, lat, lon, *rest) in zip(rows.tolist(), columns.iter_rows(), strict=True):
            point = {"type": "Point", "coordinates": [lon, lat]} if lat is not None else None
            facts = dict(zip(names, rest, strict=True))
            properties = {"row": row, "name": Path(path).name, **facts}
            found.append(
                {"type": "Feature", "id": row, "geometry": point, "properties": properties}
            )
        return found

    def points(self, rows: NDArray[np.int64]) -> Values:
        """Some photos, in columns."""
        columns = self.photos.frame[rows].select("lat", "lon", "heading")
        rounded = columns.select(pl.col("lat", "lon").round(7), pl.col("heading").round(1))
        return {
            "generation": self.generation,
            "rows": rows.tolist(),
            **rounded.to_dict(as_series=False),
        }

    def rows_of(self, paths: Sequence[str]) -> dict[str, int]:
        """Rows of photos that count, by their paths."""
        wanted = self.photos.frame.select("path").with_row_index("row")
        found = wanted.filter(pl.Series(self.allowed) & pl.col("path").is_in(list(set(paths))))
        return {path: row for row, path in found.iter_rows()}
