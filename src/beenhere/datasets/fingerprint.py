"""Which photos a table holds, as a few numbers that tell two sets apart."""

import hashlib
from pathlib import Path
from typing import Any

from beenhere.datasets.evaluation_tables import EvaluationTables
from beenhere.datasets.table import PhotoTable


def table_fingerprint(table: PhotoTable, root: Path) -> dict[str, Any]:
    """What a table holds, in short.

    Args:
        table: photos.
        root: the folder they were read from. Moved as a whole, they keep their fingerprint.

    Returns:
        ``photos`` and ``places``, counts, and ``sha256`` over every photo's path below ``root``,
        position and place, whatever their order.
    """
    columns = ("path", "easting", "northing", "zone", "city", "place")
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
