"""``beenhere-set.yaml``: what a set's folder held when it was laid out, asserted on each read."""

import datetime
import os
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from beenhere.errors import DataError
from beenhere.files.atomic import write_file
from beenhere.files.bounded_yaml import load_yaml
from beenhere.files.regular import read_regular
from beenhere.photos.catalog.named_sets import plain
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.table import PhotoTable
from beenhere.wording import count, one_line

MARKER = "beenhere-set.yaml"
"""The file's name, in the folder of the set itself."""

_LEVELS = 4
"""A set's photos lie at most so many folders below it; no more parents are looked at."""


class SideCounts(BaseModel):
    """How many photos a protocol has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    database: int
    queries: int


class SetMarker(BaseModel):
    """The contents of a set's folder.

    Attributes:
        set: its name in the catalogue.
        laid_out: when.
        files: what it was unpacked from, by name: the checksum, such as ``"sha256:..."``.
        photos: how many there are below a folder; ``"."`` is the set's own.
        protocols: how many a protocol searches and looks for, where the set has more than folders
            of a database and queries.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    set: str
    laid_out: datetime.date
    files: dict[str, str] = {}
    photos: dict[str, int] = {}
    protocols: dict[str, SideCounts] = {}


def read_marker(folder: Path) -> SetMarker | None:
    """The marker in a folder; None without one.

    Raises:
        DataError: it is no such file.
    """
    file = folder / MARKER
    try:
        return SetMarker(**load_yaml(read_regular(file)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValidationError) as error:
        raise DataError(
            f"{file}: not a set's marker ({one_line(error, 120)}); delete it, and "
            "the folder is read without its counts"
        ) from error


def write_marker(folder: Path, marker: SetMarker) -> None:
    """Leave word in a set's folder of what it holds; from then on each read asserts its counts."""
    text = yaml.safe_dump(marker.model_dump(mode="python"), sort_keys=False, allow_unicode=True)
    write_file(
        folder / MARKER,
        f"# What this folder held when it was laid out; 'beenhere' asserts it.\n{text}",
    )


def is_set(folder: Path, name: str) -> bool:
    """Whether a folder's marker says that it holds a set; without one, whether its name does.

    For sets whose layout could be another's as well.

    Args:
        folder: that of the set.
        name: as the catalogue has it; letters and digits count, in any case.
    """
    marker = read_marker(folder)
    return name in plain(folder.absolute().name) if marker is None else marker.set == name


def assert_photos(path: Path, table: PhotoTable) -> None:
    """See that a set's folder, or one in it, still holds the photos it did.

    Args:
        path: the folder that was read.
        table: the photos that were found.

    Raises:
        DataError: there are fewer or more; the message says which and what to do.
    """
    root, marker = _above(path)
    if marker is None:
        return
    below = path.expanduser().absolute().relative_to(root).as_posix()
    if below in marker.photos:
        side = below.rpartition("/")[2]
        what = side if side in ("database", "queries") else "photos"
        _compare(path, marker, root, what, table, marker.photos[below])


def assert_evaluation(folder: Path, protocol: str, tables: EvaluationTables) -> None:
    """See that a set still serves a protocol with the photos it had.

    Args:
        folder: the set's own.
        protocol: by name.
        tables: the photos that were found.

    Raises:
        DataError: there are fewer or more; the message says which and what to do.
    """
    root, marker = _above(folder)
    if marker is not None and protocol in marker.protocols:
        expected = marker.protocols[protocol]
        _compare(folder, marker, root, "database", tables.database, expected.database)
        _compare(folder, marker, root, "queries", tables.queries, expected.queries)


def difference(table: PhotoTable, expected: int) -> str | None:
    """In words, why a table does not have as many photos as it should; None if it has.

    A query's file without a byte counts as missing: it would be a query that nothing finds.
    """
    got, unusable = len(table), table.unusable
    if got == expected:
        return None
    parts = []
    if unusable:
        some = [f"{Path(path).name} ({reason})" for path, reason in unusable[:3]]
        more = ", ..." if len(unusable) > len(some) else ""
        parts.append(f"{count(len(unusable), 'file')} cannot be used: {', '.join(some)}{more}")
    missing = expected - got - len(unusable)
    if missing > 0:
        parts.append(f"{missing:,} {'is' if missing == 1 else 'are'} not there")
    if got > expected:
        parts.append(f"{got - expected:,} too many")
    return f"{got:,} of {expected:,}; {'; '.join(parts)}"


def without_empty_files(table: PhotoTable) -> PhotoTable:
    """The table without photos whose file has no byte; these are listed as unusable."""
    empty = pl.Series([_is_empty(path) for path in table.paths], dtype=pl.Boolean)
    if not empty.any():
        return table
    unusable = [(path, "empty file") for path in table.frame.filter(empty)["path"]]
    kept = table.frame.filter(~empty)
    return PhotoTable(kept, [*table.unusable, *unusable], table.notes, table.source)


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0  # noqa: PTH116 - half a million Paths take seconds
    except OSError:
        return False  # whoever opens it says why


def _compare(
    path: Path, marker: SetMarker, root: Path, what: str, table: PhotoTable, expected: int
) -> None:
    # Thousands of queries are looked at in no time; millions of other photos are not.
    found = difference(without_empty_files(table) if what == "queries" else table, expected)
    if found is not None:
        # The set's folder as the path has it: relative if that is and reaches up to it.
        given = (path.expanduser(), *path.expanduser().parents)
        shown = next((one for one in given if one.absolute() == root), root)
        raise DataError(
            f"{path} ({marker.set}): {what}: {found}; get the set again, or delete "
            f"{shown / MARKER} if this is how you want it"
        )


def _above(path: Path) -> tuple[Path, SetMarker | None]:
    """The nearest folder with a marker, at the path or above it."""
    start = path.expanduser().absolute()
    for folder in (start, *start.parents[:_LEVELS]):
        marker = read_marker(folder)
        if marker is not None:
            return folder, marker
    return start, None
