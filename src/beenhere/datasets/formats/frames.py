"""Nordland and SPED: folders ``ref/`` and ``query/`` whose photos are numbered alike.

Nordland (Suenderhauf et al., 2013) is one railway line filmed in four seasons, a frame a second.
VPR-Bench (Zaffar et al., 2021) takes every winter frame as the database and every tenth summer
frame as a query, and lists the frames next to it as right, in ``ground_truth_new.npy``. From
Patch-NetVLAD on (Hausler et al., 2021) others take all frames of both and ten frames either way.
SPED (Chen et al., 2017, as VPR-Bench has it) pairs pictures of outdoor cameras, one for one.
"""

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere.datasets.catalog.marker import is_set
from beenhere.datasets.evaluation_tables import EvaluationTables
from beenhere.datasets.formats.listed_truth import read_listed_truth, truth_file
from beenhere.datasets.formats.listing import TABLE_SUFFIXES, list_photos, sides
from beenhere.datasets.ground_truth import ListedTruth
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError

_BELOW = ("", "images/test", "test")
_TOLERANCE = {"1-frame": 1, "10-frames": 10}
_AT_NAME_FRAME = 7
"""The field of a name with ``@`` that holds the frame, in trees with made-up positions."""


def fits_nordland(folder: Path) -> bool:
    """Whether a folder with two sides is called Nordland."""
    return is_set(folder, "nordland") and _sides(folder) is not None


def nordland_protocols(folder: Path) -> list[str]:
    """What the file of lists serves, and what the numbers of the frames do.

    Raises:
        DataError: neither is there, or lists that do not fit the frames.
    """
    listed = _truth(folder) is not None
    database, queries = _tables(folder)
    by_number = _same_line(database, queries)
    if not listed and not by_number:
        raise DataError(
            f"{folder}: has no ground_truth_new.npy, and names do not number the frames of both "
            "sides alike; expected either"
        )
    if listed and by_number:
        # Lists tell whether a number means the same frame on both sides.
        by_number = _agree(_listed(folder, database, queries), database, queries)
    return [
        name for name, tolerance in _TOLERANCE.items() if by_number or (listed and tolerance == 1)
    ]


def read_nordland(folder: Path, protocol: str) -> EvaluationTables:
    """Frames of two seasons; right are those on the list, or within the tolerance.

    Raises:
        DataError: lists that do not fit the frames.
    """
    database, queries = _tables(folder)
    if protocol == "1-frame" and _truth(folder) is not None:
        listed = _listed(folder, database, queries)
    else:
        listed = _within(database, queries, _TOLERANCE[protocol])
    return EvaluationTables(database, queries, f"nordland-{protocol}", listed)


def fits_sped(folder: Path) -> bool:
    """Whether a folder with two sides is called SPED."""
    return is_set(folder, "sped") and _sides(folder) is not None


def sped_protocols(folder: Path) -> list[str]:
    """There is one."""
    return ["test"]


def read_sped(folder: Path, protocol: str) -> EvaluationTables:
    """Pairs by the file of lists, else by equal numbers.

    Raises:
        DataError: lists that do not fit the photos, or names without numbers.
    """
    database, queries = _tables(folder)
    if _truth(folder) is not None:
        listed = _listed(folder, database, queries)
    else:
        listed = _within(database, queries, 0)
    return EvaluationTables(database, queries, f"sped-{protocol}", listed)


def _sides(folder: Path) -> tuple[Path, Path] | None:
    """Two folders of frames; tables of photos, as a conversion writes them, are no frames."""
    found = (sides(folder / below) for below in _BELOW)
    return next((pair for pair in found if pair is not None and not _has_table(pair)), None)


def _has_table(both: tuple[Path, Path]) -> bool:
    return any(
        side.suffix in TABLE_SUFFIXES or (side / f"photos{suffix}").is_file()
        for side in both
        for suffix in TABLE_SUFFIXES
    )


def _truth(folder: Path) -> Path | None:
    both = _sides(folder)
    return None if both is None else truth_file(both[0].parent)


def _tables(folder: Path) -> tuple[PhotoTable, PhotoTable]:
    both = _sides(folder)
    assert both is not None  # who asks has looked
    database, queries = (_table(side) for side in both)
    return database, queries


def _table(side: Path) -> PhotoTable:
    listing = list_photos(side)
    paths = listing.paths(listing.photos)
    source = "photos, known by the numbers in their names"
    return PhotoTable.from_columns({"path": paths}, unusable=listing.unusable, source=source)


def _listed(folder: Path, database: PhotoTable, queries: PhotoTable) -> ListedTruth:
    file = _truth(folder)
    assert file is not None  # who asks has looked
    return read_listed_truth(file, database, queries)


def _within(database: PhotoTable, queries: PhotoTable, tolerance: int) -> ListedTruth:
    frames = _frames(database)
    order = np.argsort(frames, kind="stable")
    asked = _frames(queries)
    first = np.searchsorted(frames[order], asked - tolerance, side="left")
    end = np.searchsorted(frames[order], asked + tolerance, side="right")
    rows = [order[a:b] for a, b in zip(first, end, strict=True)]
    return ListedTruth(rows, len(database))


def _same_line(database: PhotoTable, queries: PhotoTable) -> bool:
    """Whether every photo is numbered, and no query beyond the database."""
    try:
        frames, asked = _frames(database), _frames(queries)
    except DataError:
        return False
    farthest = max(_TOLERANCE.values())
    return bool(len(frames) and len(asked) and asked.max() <= frames.max() + farthest)


def _agree(listed: ListedTruth, database: PhotoTable, queries: PhotoTable) -> bool:
    frames, asked = _frames(database), _frames(queries)
    return all(
        (np.abs(frames[rows] - frame) <= 1).all()
        for frame, rows in zip(asked, listed.positives(None), strict=True)
    )


def _frames(table: PhotoTable) -> NDArray[np.int64]:
    return np.array([_frame(path) for path in table.paths], np.int64)


def _frame(path: str) -> int:
    name = os.path.basename(path)  # noqa: PTH119 - 27,592 Paths take a while
    if name.startswith("@"):
        fields = name.split("@")
        numbers = fields[_AT_NAME_FRAME : _AT_NAME_FRAME + 1]
    else:
        numbers = re.findall(r"\d+", name.rpartition(".")[0])[-1:]
    if not numbers or not re.fullmatch(r"\d{1,12}", numbers[0]):
        raise DataError(f"{path}: its name has no number; expected a frame's, such as 0000017.jpg")
    return int(numbers[0])
