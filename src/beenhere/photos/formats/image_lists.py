"""Images that a set names in lists of its own; sets that are three ``.npy`` files of such lists.

These are names of the database, names of the queries, and positives of each query.
GSV-Cities ships them with its code (``X_dbImages.npy``, ``X_qImages.npy``, ``X_gt.npy``), and
OpenVPRLab with its images (``X_ref_image_names.npy``, ``X_query_image_names.npy``,
``X_ground_truth*.npy``). Names are relative to the folder of the three.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.photos.formats.listing import as_on_disk
from beenhere.photos.formats.npy_lists import read_index_lists, read_names
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth
from beenhere.photos.table import PhotoTable

_WAYS = (
    ("_dbImages.npy", "_qImages.npy", "_gt*.npy"),
    ("_ref_image_names.npy", "_query_image_names.npy", "_ground_truth*.npy"),
)


@dataclass(frozen=True)
class NamedImages:
    """Images of a list: the path of every name, and ``(names,)``, whether such a file is there."""

    paths: list[str]
    there: NDArray[np.bool_]

    def rows_of(self, lists: Sequence[NDArray[np.int64]]) -> list[NDArray[np.intp]]:
        """Lists of places in the list, as lists of rows of the table; what is missing falls out."""
        row = np.cumsum(self.there) - 1
        return [row[places[self.there[places]]] for places in lists]

    def table(self, source: str, facts: pl.DataFrame | None = None) -> PhotoTable:
        """The photos that are there, with what is known of every name of the list."""
        paths, there = pl.Series(self.paths, dtype=pl.String), pl.Series(self.there)
        known = {} if facts is None else facts.filter(there).to_dict()
        unusable = [(path, "no such file") for path in paths.filter(~there)]
        columns = {"path": paths.filter(there), **known}
        return PhotoTable.from_columns(columns, unusable, source=source)


def find_named(folder: Path, names: Sequence[str]) -> NamedImages:
    """Look for every image of a list below a folder; one that is missing moves no other.

    Args:
        folder: where the names start from.
        names: with ``/``; each is one image, and none is taken for another.

    Raises:
        DataError: a name leads out of the folder.
    """
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise DataError(
                f"{folder}: a list of its images names {name[:100]!r}, which leads out of the "
                "folder; expected names below it"
            )
    start = os.path.join(folder, "")  # noqa: PTH118 - pathlib drops the end slash
    paths = [start + name for name in names]
    found = as_on_disk(paths)
    named = [path or lost for path, lost in zip(found, paths, strict=True)]
    return NamedImages(named, np.array([path is not None for path in found], bool))


class _Files(NamedTuple):
    database: Path
    queries: Path
    truth: Path


def fits_image_lists(folder: Path) -> bool:
    """Whether a folder has such a set."""
    return bool(_found(folder))


def image_list_protocols(folder: Path) -> list[str]:
    """The names of the sets: what the files' names begin with."""
    return list(_found(folder))


def read_image_lists(folder: Path, protocol: str) -> EvaluationTables:
    """The images of the lists; one that is not there moves no other.

    Raises:
        DataError: lists that do not fit each other.
    """
    files = _found(folder)[protocol]
    database, queries = (find_named(folder, read_names(file)) for file in files[:2])
    lists = read_index_lists(files.truth)
    if len(lists) != len(queries.paths):
        raise DataError(
            f"{files.truth}: has lists for {len(lists)} queries; expected {len(queries.paths)}, as "
            f"{files.queries.name} names them"
        )
    most = max((int(one.max()) for one in lists if len(one)), default=0)
    if most >= len(database.paths):
        raise DataError(
            f"{files.truth}: lists database photo {most}; {files.database.name} names "
            f"{len(database.paths)}, from 0"
        )
    lists = [lists[query] for query in np.flatnonzero(queries.there)]
    listed = ListedTruth(database.rows_of(lists), int(database.there.sum()))
    return EvaluationTables(
        database.table(f"photos that {files.database.name} names"),
        queries.table(f"photos that {files.queries.name} names"),
        protocol,
        listed,
    )


def _found(folder: Path) -> dict[str, _Files]:
    found = {}
    for database, queries, truth in _WAYS:
        for file in sorted(folder.glob(f"*{database}")):
            name = file.name.removesuffix(database)
            lists = sorted(folder.glob(f"{name}{truth}"))
            if (folder / f"{name}{queries}").is_file() and len(lists) == 1:
                found[name] = _Files(file, folder / f"{name}{queries}", lists[0])
    return found
