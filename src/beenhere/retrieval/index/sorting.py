"""Which of the photos that are given an index knows, under whatever name, and which are new."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError, PhotoError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.index.contents import hash_files
from beenhere.retrieval.index.photos import COLUMNS, FILE_COLUMNS


class Known(Protocol):
    """Photos that an index holds; a snapshot is one."""

    @property
    def frame(self) -> pl.DataFrame:
        """``n`` rows with :data:`~beenhere.retrieval.index.photos.COLUMNS`."""

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """``(n,)``: whether each counts."""


@dataclass
class Sorted:
    """Photos that are given, by what is to be done about them.

    Attributes:
        given: a row each that has a file, with the columns of
            :data:`~beenhere.retrieval.index.photos.COLUMNS`; SHA-256 is null where the file was not
            read, because the index holds it unchanged.
        same: rows of the index by rows of ``given``: the file is where it was.
        moved: alike: its content is known from a row whose file is gone, or holds something else.
        restored: alike: its content is known from a row that is removed.
        new: rows of ``given`` to describe.
        replaced: rows of the index whose files hold something else now, and that were not found
            under another name.
        unreadable: path and reason of the others.
    """

    given: pl.DataFrame
    same: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    restored: dict[int, int] = field(default_factory=dict)
    new: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def sort_photos(table: PhotoTable, index: Known | None, journal: Path, what: str | None) -> Sorted:
    """Compare photos with those of an index; files are read only if they are new or changed.

    Args:
        table: the photos.
        index: what it holds, or those of its photos that share a path or content with one of the
            table; None if it is a new one.
        journal: see :func:`beenhere.retrieval.index.contents.hash_files`.
        what: what the progress bar says; None: be silent.

    Raises:
        DataError: a photo in two rows, or the index is damaged.
        OSError: the journal cannot be written.
    """
    known = _numbered(index)
    keys, unreadable = _keys(table)
    paths = pl.DataFrame({"path": [key.path for key in keys.values()]}, {"path": pl.String})
    at_path = {row.path: row for row in _rows(known.filter("allowed"), paths)}
    look_into = [
        key for key in keys.values() if key.path not in at_path or at_path[key.path][1:4] != key
    ]
    contents = hash_files(look_into, journal, what)
    for key, content in contents.items():
        if isinstance(content, PhotoError):
            unreadable[key.path] = content.reason
    rows = [row for row, key in keys.items() if key.path not in unreadable]
    found = Sorted(_given(table, rows, keys, contents), unreadable=unreadable)

    changed: dict[int, bytes] = {}
    overwritten: set[int] = set()
    digests = found.given["sha256"].to_list()
    for number, row in enumerate(rows):
        before = at_path.get(keys[row].path)
        if before is not None and digests[number] in (None, before.sha256):
            found.same[number] = before.number
            continue
        changed[number] = digests[number]
        if before is not None:
            overwritten.add(before.number)
    _match(found, changed, overwritten, known)
    return found


class _Row(NamedTuple):
    """A row of the index; the three in the middle are a :class:`PhotoKey`."""

    number: int
    path: str
    size: int
    mtime_ns: int
    sha256: bytes
    allowed: bool


def _numbered(index: Known | None) -> pl.DataFrame:
    """Every row of an index with the columns of :class:`_Row`."""
    known = index.frame if index is not None else pl.DataFrame(schema=COLUMNS)
    allowed = index.allowed if index is not None else np.empty(0, np.bool_)
    columns = known.select("path", "size", "mtime_ns", "sha256")
    return columns.with_row_index("number").with_columns(allowed=pl.Series(allowed))


def _rows(known: pl.DataFrame, wanted: pl.DataFrame) -> list[_Row]:
    """The rows that have one of the wanted values, ascending."""
    (column,) = wanted.columns
    found = known.join(wanted, on=column, how="semi").sort("number")
    return [_Row(*row) for row in found.iter_rows()]


def _match(
    found: Sorted, changed: dict[int, bytes], overwritten: set[int], known: pl.DataFrame
) -> None:
    """Find photos of changed or new files in the index by their content.

    Args:
        found: to fill in.
        changed: content by rows of ``found.given``.
        overwritten: rows of the index whose files hold something else now.
        known: every row of the index.
    """
    wanted = pl.DataFrame({"sha256": list(changed.values())}, {"sha256": pl.Binary})
    held: dict[bytes, list[_Row]] = defaultdict(list)
    for row in _rows(known, wanted):
        held[row.sha256].append(row)
    taken = set(found.same.values())
    for number, content in changed.items():
        left = [row for row in held[content] if row.number not in taken]
        # A row is free for a photo if its own file does not hold that any more.
        free = (row for row in left if not row.allowed or row.number in overwritten)
        match = next(free, None) or next((row for row in left if _gone(row.path)), None)
        if match is None:
            found.new.append(number)
        else:
            taken.add(match.number)
            (found.moved if match.allowed else found.restored)[number] = match.number
    found.replaced = sorted(overwritten - taken)


def _keys(table: PhotoTable) -> tuple[dict[int, PhotoKey], dict[str, str]]:
    """The key of each row's file, and the reason for each path without one."""
    unreadable = {os.path.abspath(path): reason for path, reason in table.unusable}  # noqa: PTH100
    keys: dict[int, PhotoKey] = {}
    for row, path in enumerate(table.paths):
        try:
            keys[row] = PhotoKey.of(path)
        except PhotoError as error:
            unreadable[os.path.abspath(path)] = error.reason  # noqa: PTH100
    twice = [path for path, n in Counter(key.path for key in keys.values()).items() if n > 1]
    if twice:
        raise DataError(
            f"{twice[0]} stands in more than one row ({len(twice)} such photos); expected each "
            "photo once"
        )
    return keys, unreadable


def _given(
    table: PhotoTable,
    rows: list[int],
    keys: dict[int, PhotoKey],
    contents: dict[PhotoKey, bytes | PhotoError],
) -> pl.DataFrame:
    files = [keys[row] for row in rows]
    digests = [contents.get(key) for key in files]
    columns: dict[str, list[Any]] = {
        "path": [key.path for key in files],
        "sha256": [digest if isinstance(digest, bytes) else None for digest in digests],
        "size": [key.size for key in files],
        "mtime_ns": [key.mtime_ns for key in files],
    }
    series = [
        pl.Series(name, values, FILE_COLUMNS.get(name, pl.String))
        for name, values in columns.items()
    ]
    return table.frame[np.asarray(rows, np.int64)].with_columns(series).select(list(COLUMNS))


def _gone(path: str) -> bool:
    return not Path(path).exists()
