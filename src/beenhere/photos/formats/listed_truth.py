"""``ground_truth.csv`` or ``.npy`` beside a database and queries: lists of what is right.

The CSV has the columns ``query,database``, a pair in each row: paths relative to the file's folder
(or absolute), or numbers; it may be written in the ways that a table of photos may. The ``.npy``
has the database numbers of each query, see
:func:`beenhere.photos.formats.npy_lists.read_index_lists`. A number means the photo whose
name is that number (``0000017.jpg``), counted from the lowest number, 0 or 1, that either side has;
where names are no numbers, for the place of the photo among the sorted names of its side.
"""

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.photos.formats.csv_file import read_csv_columns
from beenhere.photos.formats.listing import composed
from beenhere.photos.formats.npy_lists import read_index_lists
from beenhere.photos.formats.photo_list import with_slashes
from beenhere.photos.ground_truth import ListedTruth
from beenhere.photos.table import PhotoTable, paths_from
from beenhere.wording import shortened

TRUTH_FILES = ("ground_truth.csv", "ground_truth.npy", "ground_truth_new.npy")
"""Names of such files, the first that is there counts; the last is VPR-Bench's."""

_ALIASES = {
    **dict.fromkeys(("queries", "query_path", "query_image"), "query"),
    **dict.fromkeys(("db", "ref", "reference", "positive", "database_path"), "database"),
}

Lists = list[NDArray[np.int64]]


def truth_file(folder: Path) -> Path | None:
    """The ground truth in a folder, if it has one."""
    return next((folder / name for name in TRUTH_FILES if (folder / name).is_file()), None)


def read_listed_truth(file: Path, database: PhotoTable, queries: PhotoTable) -> ListedTruth:
    """The positives that a file lists.

    What it names and nobody finds is noted with the queries; a photo that is listed and cannot be
    used is no positive, and moves no other.

    Raises:
        DataError: not such a file, or numbers that may mean one photo or another.
    """
    if file.suffix == ".npy":
        return by_number(file, read_index_lists(file), database, queries)
    pairs = _pairs(file)
    lists = _lists(file, pairs)
    if lists is None:
        return _by_path(file, pairs, database, queries)
    return by_number(file, lists, database, queries)


def write_truth(
    folder: Path,
    positives: Sequence[NDArray[np.intp]],
    database: Sequence[str],
    queries: Sequence[str],
) -> Path:
    """Write which database photos are right for which query, a pair in each row.

    Args:
        folder: holds ``database/`` and ``queries/``.
        positives: for each query the numbers of its database photos.
        database, queries: paths, as a table in ``database/`` and one in ``queries/`` names them.

    Returns:
        The file.
    """
    # Neither side is a link, so ".." right behind it leads into the folder.
    found, asked = (
        [posixpath.normpath(posixpath.join(side, path)) for path in paths]
        for side, paths in (("database", database), ("queries", queries))
    )
    rows = {
        "query": [asked[query] for query, some in enumerate(positives) for _ in some],
        "database": [found[row] for some in positives for row in some.tolist()],
    }
    file = folder / TRUTH_FILES[0]
    pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String)).write_csv(file)
    return file


def by_number(file: Path, lists: Lists, database: PhotoTable, queries: PhotoTable) -> ListedTruth:
    """Positives by the numbers of photos, as this module counts them; ``file`` is for messages.

    Raises:
        DataError: numbers that may mean one photo or another.
    """
    row_of_query, row_of_photo = _numbered(file, database, queries, len(lists))
    found: list[list[int]] = [[] for _ in range(len(queries))]
    lost, absent = [], []
    for number, listed in enumerate(lists):
        positives = listed.tolist()
        lost += [one for one in positives if one not in row_of_photo]
        if number in row_of_query:
            there = [row_of_photo[one] for one in positives if one in row_of_photo]
            found[row_of_query[number]] = there
        else:
            absent.append(number)
    _note(queries, file, "database photos", lost)
    _note(queries, file, "queries", absent)
    return ListedTruth(found, len(database), file.name)


def _pairs(file: Path) -> pl.DataFrame:
    rows = read_csv_columns(file, ("query", "database"), "a list of pairs", _ALIASES)
    text = pl.all().str.strip_chars()
    rows = rows.select("query", "database").select(pl.when(text != "").then(text))
    empty = pl.all().is_null()
    whole = rows.with_row_index("line", 2).filter(~pl.all_horizontal(pl.exclude("line").is_null()))
    half = whole.filter(pl.any_horizontal(empty))
    if half.height:
        raise DataError(f"{file} line {half['line'][0]}: is not whole; expected query,database")
    return whole.drop("line")


def _lists(file: Path, pairs: pl.DataFrame) -> Lists | None:
    """For each query its numbers; None where the cells are paths."""
    numbers = pairs.with_columns(pl.all().str.strip_chars().str.extract(r"^(\d{1,9})$"))
    if pairs.is_empty() or numbers.null_count().row(0) != (0, 0):
        return None
    whole = numbers.cast(pl.Int64).to_numpy()
    count = int(whole[:, 0].max()) + 1
    if count > 100 * len(whole) + 1_000_000:
        raise DataError(
            f"{file}: has {len(whole)} pairs, and a query numbered {count - 1}; expected numbers "
            "from 0 on"
        )
    order = np.argsort(whole[:, 0], kind="stable")
    ends = np.searchsorted(whole[order, 0], np.arange(1, count))
    return np.split(whole[order, 1], ends)


def _by_path(
    file: Path, pairs: pl.DataFrame, database: PhotoTable, queries: PhotoTable
) -> ListedTruth:
    rows_of_query, rows_of_photo = (_rows(table, file.parent) for table in (queries, database))
    lists: list[list[int]] = [[] for _ in range(len(queries))]
    asked, answers = (
        # Written in one way: tables bring ".." into paths.
        _named([os.path.join(file.parent, with_slashes(name)) for name in pairs[side]], file.parent)  # noqa: PTH118
        for side in ("query", "database")
    )
    for query, photo in zip(asked, answers, strict=True):
        for row in rows_of_query.get(query, ()):
            lists[row] += rows_of_photo.get(photo, ())
    _note(queries, file, "queries", [name for name in asked if name not in rows_of_query])
    _note(queries, file, "database photos", [name for name in answers if name not in rows_of_photo])
    if pairs.height and not any(lists):
        query, photo = pairs.row(0)
        lost, side = f"database photo {photo}", database
        if not rows_of_query.get(asked[0]):
            lost, side = f"query {query}", queries
        expected = paths_from(side.paths[:1], file.parent)
        raise DataError(
            f"{file}: no line names two photos that can be used; the {shortened(lost)} of line 2 "
            "is not here or of no use; expected paths from its folder, such as "
            f"{', '.join(expected)}"
        )
    return ListedTruth(lists, len(database), file.name)


def _rows(table: PhotoTable, folder: Path) -> dict[str, list[int]]:
    """The rows of each photo; none of one that cannot be used."""
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(_named(table.paths, folder)):
        rows.setdefault(path, []).append(row)
    return {path: [] for path in _named([path for path, _ in table.unusable], folder)} | rows


def _named(paths: list[str], folder: Path) -> list[str]:
    """Paths from a folder, to be compared: as all machines spell them."""
    return [composed(path) for path in paths_from(paths, folder)]


def _numbered(
    file: Path, database: PhotoTable, queries: PhotoTable, count: int
) -> tuple[dict[int, int], dict[int, int]]:
    """The row of each query's and each database photo's number."""
    of_queries, of_photos = _numbers(queries), _numbers(database)
    if of_queries is None or of_photos is None:
        everyone = len(queries) + len(queries.unusable)
        if everyone != count:
            raise DataError(
                f"{file}: has lists for {count} queries, and there are {everyone} whose names are "
                "no numbers: which one is missing? Write a ground_truth.csv with paths"
            )
        return _ranked(queries), _ranked(database)
    lowest, highest = min([*of_queries, *of_photos], default=0), max(of_queries, default=0)
    if lowest > 1 or highest - lowest >= count:
        raise DataError(
            f"{file}: has lists for {count} queries, and names are numbers from {lowest} to "
            f"{highest}; expected 0 to {count - 1}, or 1 to {count}"
        )
    return (
        {number - lowest: row for number, row in of_queries.items()},
        {number - lowest: row for number, row in of_photos.items()},
    )


def _numbers(table: PhotoTable) -> dict[int, int] | None:
    """The row of the photo that each number names; None where names are no numbers."""
    stems = [Path(path).stem for path in table.paths]
    if not all(re.fullmatch(r"[0-9]{1,18}", stem) for stem in stems):
        return None
    rows = {int(stem): row for row, stem in enumerate(stems)}
    return rows if len(rows) == len(stems) else None


def _ranked(table: PhotoTable) -> dict[int, int]:
    """The row of each place among the sorted names; those of no use keep their places."""
    rows = {path: row for row, path in enumerate(table.paths)}
    everyone = sorted([*rows, *(path for path, _ in table.unusable)])
    return {place: rows[path] for place, path in enumerate(everyone) if path in rows}


def _note(queries: PhotoTable, file: Path, what: str, lost: list[int] | list[str]) -> None:
    different = sorted(set(map(str, lost)))
    if different:
        first = shortened(different[0])
        text = f"names {len(different)} {what} that are not here or of no use: {first}"
        queries.notes.append((str(file), text + (", ..." if len(different) > 1 else "")))
