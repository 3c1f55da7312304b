"""AmsterTime (Yildiz et al., 2022): ``old/0000.jpg`` shows the place of ``new/0000.png``.

No positions are known; a street view (new) is right for the archive picture (old) of its number.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from beenhere.datasets.formats.listing import list_photos
from beenhere.datasets.ground_truth import EvaluationTables, ListedTruth
from beenhere.datasets.table import PhotoTable

SOURCE = "photos of AmsterTime; pairs have the same number"

_NUMBERED = re.compile(r"\d+\.(png|jpe?g)", re.IGNORECASE)


def is_amstertime(folder: Path) -> bool:
    """Whether ``new/`` and ``old/`` are there, and hold numbered photos."""
    return all(_numbered(folder / name) for name in ("new", "old"))


def amstertime_protocols(folder: Path) -> list[str]:
    """The pairs are the only protocol."""
    return ["test"] if is_amstertime(folder) else []


def read_amstertime(folder: Path, protocol: str) -> EvaluationTables:
    """Archive pictures as queries, street views as the database, pairs as what is right."""
    database, queries = _table(folder / "new"), _table(folder / "old")
    rows = defaultdict(list)
    for row, path in enumerate(database.paths):
        rows[Path(path).stem].append(row)
    pairs = [np.array(rows[Path(path).stem], np.intp) for path in queries.paths]
    listed = ListedTruth(pairs, len(database))
    name = f"{folder.absolute().name}-{protocol}"
    return EvaluationTables(database, queries, name=name, listed=listed)


def _numbered(folder: Path) -> bool:
    try:
        first = next(folder.iterdir(), None)
    except OSError:
        return False
    return first is not None and _NUMBERED.fullmatch(first.name) is not None


def _table(folder: Path) -> PhotoTable:
    listing = list_photos(folder)
    paths = listing.paths(listing.photos)
    columns = {"path": paths, "city": ["Amsterdam"] * len(paths)}
    return PhotoTable.from_columns(columns, unusable=listing.unusable, source=SOURCE)
