"""Photos of a table, counted; and a fingerprint that tells two tables apart."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from beenhere import geo
from beenhere.errors import PhotoError
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.photo_file import photo_size
from beenhere.photos.table import LATER, PhotoTable

SAMPLE = 2000
"""Headers that are read for the sizes of photos; of larger tables a sample."""


@dataclass(frozen=True)
class Summary:
    """Counts of a table.

    Attributes:
        photos: rows. with_position, with_heading, with_date: those of them that have one.
        first, last: the earliest and the latest of the dates.
        places: how many photos each place has, ascending; empty without places.
        cities, conditions: photos by name, the largest first.
        extent: where they lie; None without a position.
        with_xy, with_frame, with_place: rows with x and y, a frame number, a place's name.
        nowhere: rows with none of these, nor a position.
    """

    photos: int
    with_position: int
    with_heading: int
    with_date: int
    first: str | None
    last: str | None
    places: list[int]
    cities: dict[str, int]
    conditions: dict[str, int]
    extent: geo.Extent | None
    with_xy: int = 0
    with_frame: int = 0
    with_place: int = 0
    nowhere: int = 0

    def known_places(self) -> str:
        """How many photos have what says where they were taken, such as ``"all with a position"``.

        Of what is no position it is said where not all have one.
        """
        if self.with_position == self.photos:
            return "all with a position"
        others = {
            "x and y": self.with_xy,
            "a frame number": self.with_frame,
            "a place's name": self.with_place,
        }
        if not any(others.values()):
            missing = self.photos - self.with_position
            some = f"of which {missing:,} without a position"
            return some if self.with_position else "none with a position"
        said = [
            f"{'all' if number == self.photos else f'{number:,}'} with {what}"
            for what, number in ({"a position": self.with_position} | others).items()
            if number
        ]
        if self.nowhere:
            said.append(f"{self.nowhere:,} without any of these")
        return ", ".join(said)


def summarise(table: PhotoTable) -> Summary:
    """Count what the table knows; no file is opened."""
    frame, positions = table.frame, table.positions
    dates = sorted(frame["captured"].drop_nulls().to_list())  # ISO texts sort as dates do
    labelled = frame.filter(frame["place"].is_not_null())
    return Summary(
        photos=len(table),
        with_position=int(positions.known.sum()),
        with_heading=_known(frame["heading"]),
        with_date=len(dates),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        places=sorted(labelled.group_by("city", "place").len()["len"].to_list()),
        cities=_counted(frame["city"].drop_nulls().to_list()),
        conditions=_counted(frame["condition"].drop_nulls().to_list()),
        extent=geo.extent(positions),
        with_xy=_known(frame["x"]),
        with_frame=_known(frame["frame"]),
        with_place=_known(frame["place"]),
        nowhere=frame.filter(
            pl.all_horizontal(pl.col("lat", "x", "frame", "place").is_null())
        ).height,
    )


def _known(column: pl.Series) -> int:
    return len(column) - column.null_count()


def _counted(names: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Sizes:
    """Sizes of photos, from their headers.

    Attributes:
        files: whose headers were read; all of the table up to :data:`SAMPLE`.
        counts: photos by ``(width, height)``, the most frequent first.
        unusable: ``(path, reason)`` of those whose header cannot be read.
    """

    files: int
    counts: dict[tuple[int, int], int]
    unusable: list[tuple[str, str]]


def photo_sizes(table: PhotoTable) -> Sizes:
    """Read the headers of all photos, or of a sample evenly spread over a large table."""
    paths = table.paths
    rows = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), SAMPLE)).astype(int))
    counts: Counter[tuple[int, int]] = Counter()
    unusable = []
    for row in rows:
        try:
            height, width = photo_size(paths[row])
            counts[width, height] += 1
        except PhotoError as error:
            unusable.append((paths[row], error.reason))
    return Sizes(len(rows), dict(counts.most_common()), unusable)


def table_fingerprint(table: PhotoTable, root: Path) -> dict[str, Any]:
    """The content of a table in a few numbers.

    Args:
        table: photos.
        root: the folder they were read from. Moved as a whole, they keep their fingerprint.

    Returns:
        ``photos`` and ``places``, counts, and ``sha256`` over every photo's path below ``root``,
        position and place, whatever their order.
    """
    columns = ["path", "easting", "northing", "zone", "city", "place"]
    # Tables that have none of these keep the fingerprint that they had before there were any.
    columns += [name for name in LATER if _known(table.frame[name])]
    lines = [
        repr((_below(root, path), *rest)) for path, *rest in table.frame.select(columns).iter_rows()
    ]
    digest = hashlib.sha256("\n".join(sorted(lines)).encode())
    places = table.frame.drop_nulls("place").select("city", "place").n_unique()
    return {"photos": len(table), "places": places, "sha256": digest.hexdigest()}


def lists_fingerprint(tables: EvaluationTables, root: Path) -> str:
    """SHA-256 over which database photos are listed for which query, in whatever order."""
    names = [_below(root, path) for path in tables.database.paths]
    lines = [
        repr((_below(root, path), sorted(names[row] for row in rows)))
        for path, rows in zip(tables.queries.paths, tables.truth.positives(None), strict=True)
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _below(root: Path, path: str) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return Path(path).as_posix()
