"""Nordland, SPED and AmsterTime: photos of two sides that are numbered alike, without positions.

The sides are ``ref/`` and ``query/``, or ``new/`` and ``old/``.

Nordland (Suenderhauf et al., 2013) is one railway line filmed in four seasons, a frame a second.
VPR-Bench (Zaffar et al., 2021) takes every winter frame as the database and every tenth summer
frame as a query, and lists the frames next to it as right, in ``ground_truth_new.npy``. From
Patch-NetVLAD on (Hausler et al., 2021) others take all frames of both and ten frames either way.
SPED (Chen et al., 2017, as VPR-Bench has it) pairs pictures of outdoor cameras, one for one.
AmsterTime (Yildiz et al., 2022) pairs an archive picture, ``old/0000.jpg``, with a street view of
the same place, ``new/0000.png``.
"""

import os
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.photos.catalog.marker import is_set
from beenhere.photos.formats.listed_truth import read_listed_truth, truth_file
from beenhere.photos.formats.listing import TABLE_SUFFIXES, list_photos, sides
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth
from beenhere.photos.table import PhotoTable

TOLERANCE = {"1-frame": 1, "10-frames": 10, "test": 0}
"""Frames either side that are right, by protocol: two of Nordland, one of SPED."""

_BELOW = ("", "images/test", "test")
_NUMBERED = re.compile(r"\d+\.(png|jpe?g)", re.IGNORECASE)
_AT_NAME_FRAME = 7
"""The field of a name with ``@`` that holds the frame, in trees with made-up positions."""


def fits_frames(name: str, folder: Path) -> bool:
    """Whether a folder with two sides is called as the set is: ``"nordland"`` or ``"sped"``."""
    return is_set(folder, name) and _sides(folder) is not None


def nordland_protocols(folder: Path) -> list[str]:
    """Those that the file of lists serves, and those that the numbers of the frames do.

    Raises:
        DataError: neither is there, or lists that do not fit the frames.
    """
    database, queries, truth = _read(folder)
    if _numbered_alike(database, queries, truth):
        return ["1-frame", "10-frames"]
    if truth is None:
        raise DataError(
            f"{folder}: has no ground_truth_new.npy, and names do not number the frames of both "
            "sides alike; expected either"
        )
    return ["1-frame"]


def read_frames(name: str, folder: Path, protocol: str) -> EvaluationTables:
    """Frames of two sides; right are those on the list, else those within the tolerance.

    Raises:
        DataError: lists that do not fit the frames, or names without numbers.
    """
    database, queries, truth = _read(folder)
    tolerance = TOLERANCE[protocol]
    if truth is not None and tolerance <= 1:
        listed = read_listed_truth(truth, database, queries)
    else:
        listed = _within(database, queries, tolerance)
    return EvaluationTables(database, queries, f"{name}-{protocol}", listed)


def is_amstertime(folder: Path) -> bool:
    """Whether ``new/`` and ``old/`` are there, and begin with numbered photos."""
    for name in ("new", "old"):
        try:
            first = next((folder / name).iterdir(), None)
        except OSError:
            return False
        if first is None or _NUMBERED.fullmatch(first.name) is None:
            return False
    return True


def read_amstertime(folder: Path, protocol: str) -> EvaluationTables:
    """Archive pictures as queries, street views as the database, pairs as the positives."""
    source = "photos of AmsterTime; pairs have the same number"
    database, queries = (_table(folder / name, source, "Amsterdam") for name in ("new", "old"))
    rows = defaultdict(list)
    for row, path in enumerate(database.paths):
        rows[Path(path).stem].append(row)
    pairs = [np.array(rows[Path(path).stem], np.intp) for path in queries.paths]
    name = f"{folder.absolute().name}-{protocol}"
    return EvaluationTables(database, queries, name, ListedTruth(pairs, len(database)))


def _sides(folder: Path) -> tuple[Path, Path] | None:
    """Two folders of frames; tables of photos, as a conversion writes them, are no frames."""
    for below in _BELOW:
        both = sides(folder / below)
        if both is not None and not any(
            side.suffix in TABLE_SUFFIXES or (side / f"photos{suffix}").is_file()
            for side in both
            for suffix in TABLE_SUFFIXES
        ):
            return both
    return None


def _read(folder: Path) -> tuple[PhotoTable, PhotoTable, Path | None]:
    """Database, queries, and the file of lists, if there is one."""
    both = _sides(folder)
    assert both is not None  # fits_frames has seen them
    return _table(both[0]), _table(both[1]), truth_file(both[0].parent)


def _table(
    side: Path,
    source: str = "photos, known by the numbers in their names",
    city: str | None = None,
) -> PhotoTable:
    listing = list_photos(side)
    paths = listing.paths(listing.photos)
    columns = {"path": paths, "city": [city] * len(paths)}
    return PhotoTable.from_columns(columns, unusable=listing.unusable, source=source)


def _within(database: PhotoTable, queries: PhotoTable, tolerance: int) -> ListedTruth:
    frames, asked = _frames(database), _frames(queries)
    order = np.argsort(frames, kind="stable")
    first = np.searchsorted(frames[order], asked - tolerance, side="left")
    end = np.searchsorted(frames[order], asked + tolerance, side="right")
    return ListedTruth([order[a:b] for a, b in zip(first, end, strict=True)], len(database))


def _numbered_alike(database: PhotoTable, queries: PhotoTable, truth: Path | None) -> bool:
    """Whether every photo is numbered, and a number means the same frame on both sides."""
    try:
        frames, asked = _frames(database), _frames(queries)
    except DataError:
        return False
    farthest = max(TOLERANCE.values())
    if not len(frames) or not len(asked) or asked.max() > frames.max() + farthest:
        return False
    if truth is None:
        return True
    lists = read_listed_truth(truth, database, queries).positives(None)
    return all(
        (np.abs(frames[rows] - frame) <= 1).all() for frame, rows in zip(asked, lists, strict=True)
    )


def _frames(table: PhotoTable) -> NDArray[np.int64]:
    """``(photos,)``, the number of each photo's frame.

    Raises:
        DataError: a name without one.
    """
    return np.array([_frame(path) for path in table.paths], np.int64)


def _frame(path: str) -> int:
    name = os.path.basename(path)  # noqa: PTH119 - 27,592 Paths take a while
    if name.startswith("@"):
        numbers = name.split("@")[_AT_NAME_FRAME : _AT_NAME_FRAME + 1]
    else:
        numbers = re.findall(r"\d+", name.rpartition(".")[0])[-1:]
    if not numbers or not re.fullmatch(r"\d{1,12}", numbers[0]):
        raise DataError(f"{path}: its name has no number; expected a frame's, such as 0000017.jpg")
    return int(numbers[0])
