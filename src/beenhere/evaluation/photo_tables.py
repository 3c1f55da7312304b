"""The photo tables of an evaluation: found where a caller says, and read once.

A repeated evaluation opens no photo, not even its header.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import polars as pl

from beenhere import __version__
from beenhere.config.training import EvaluationData
from beenhere.errors import ConfigError
from beenhere.files.atomic import replacing, write_json
from beenhere.files.regular import named, read_json, regular
from beenhere.photos.formats import EvaluationTables, read_evaluation, read_photos
from beenhere.photos.formats.listed_truth import TRUTH_FILES
from beenhere.photos.formats.listing import CONDITIONS
from beenhere.photos.ground_truth import ListedTruth
from beenhere.photos.table import PhotoTable

Photos = PhotoTable | str | Path

_KEPT = ("unusable", "notes", "source")
"""Of a table, without its rows."""


def tables_of(
    data: str | Path | None,
    protocol: str | None,
    database: Photos | None,
    queries: Photos | None,
    photos: Photos | None,
    keep: Path | None,
) -> EvaluationTables:
    """The tables of photos that are given as to :func:`beenhere.evaluate`.

    Raises:
        ConfigError: photos given in no way or in two.
        DataError: photos that cannot be found or understood.
    """
    if protocol is not None and data is None:
        raise ConfigError(f"protocol {protocol!r} is one of a published set; give its folder too")
    match (data, database, queries, photos):
        case (tree, None, None, None) if tree is not None:
            return read_tables(EvaluationData(tree=named(tree), protocol=protocol), keep)
        case (None, None, None, PhotoTable() as table):
            return leave_one_out(table, "photos")
        case (None, None, None, path) if path is not None:
            return read_tables(named(path), keep)
        case (None, str() | Path() as found, str() | Path() as asked, None):
            paths = EvaluationData(database=named(found), queries=named(asked))
            return read_tables(paths, keep)
        case (None, found, asked, None) if found is not None and asked is not None:
            one, two = (
                side if isinstance(side, PhotoTable) else read_photos(side)
                for side in (found, asked)
            )
            return EvaluationTables(one, two, "database and queries")
    given = {"data": data, "database": database, "queries": queries, "photos": photos}
    names = [name for name, value in given.items() if value is not None]
    raise ConfigError(
        f"photos are given by {' and '.join(names) or 'nothing'}; expected data (a folder with "
        "database/ and queries/), or both database and queries, or photos (each is searched in "
        "the rest)"
    )


def leave_one_out(photos: PhotoTable, name: str) -> EvaluationTables:
    """Each photo as a query against the rest: the queries are the database."""
    return EvaluationTables(photos, photos, name)


def read_tables(data: EvaluationData | Path, keep: Path | None) -> EvaluationTables:
    """The tables of a database and queries, or of one folder of photos for leave-one-out.

    Args:
        data: where the photos are; a path alone is evaluated by leave-one-out.
        keep: a folder to keep the tables in; the next call takes them from there as long as no
            file below ``data`` was added, removed, resized or touched. None: read them anew. A
            CSV or Parquet file is read anew too: the photos that it names lie anywhere.

    Raises:
        DataError: as :func:`beenhere.photos.formats.read_photos`.
    """
    roots = [data] if isinstance(data, Path) else [data.tree, data.database, data.queries]
    if keep is None or any(root is not None and root.is_file() for root in roots):
        return _read(data)
    stamp = _stamp(data)
    description = keep / "tables.json"
    if description.exists():
        found = read_json(description)
        if found["stamp"] == stamp:
            database = _load(keep, "database", found)
            if isinstance(data, Path):
                return leave_one_out(database, found["name"])
            queries = _load(keep, "queries", found)
            listed = None
            if found["listed"]:
                rows = pl.read_parquet(regular(keep / "positives.parquet"))["rows"].to_list()
                listed = ListedTruth(rows, len(database))
            return EvaluationTables(database, queries, found["name"], listed)
    tables = _read(data)
    keep.mkdir(parents=True, exist_ok=True)
    description.unlink(missing_ok=True)
    tables.database.write(keep / "database.parquet")
    tables.queries.write(keep / "queries.parquet")
    if tables.listed is not None:
        lists = pl.DataFrame({"rows": tables.listed.positives(None)}, {"rows": pl.List(pl.Int64)})
        with replacing(keep / "positives.parquet") as new:
            lists.write_parquet(new)
    # Last, and unlinked first: whoever finds it finds whole tables of this stamp.
    written = {"stamp": stamp, "name": tables.name, "listed": tables.listed is not None}
    sides = {"database": tables.database, "queries": tables.queries}
    about = {side: {name: getattr(one, name) for name in _KEPT} for side, one in sides.items()}
    write_json(description, written | about)
    return tables


def _read(data: EvaluationData | Path) -> EvaluationTables:
    if isinstance(data, Path):
        return leave_one_out(read_photos(data), data.resolve().name)
    return read_evaluation(data)


def _load(keep: Path, side: str, description: dict[str, Any]) -> PhotoTable:
    about = description[side]
    unusable, notes = ([(path, why) for path, why in about[key]] for key in ("unusable", "notes"))
    return PhotoTable(
        pl.read_parquet(regular(keep / f"{side}.parquet")), unusable, notes, about["source"]
    )


def _stamp(data: EvaluationData | Path) -> str:
    """Changes when a file below the data does; looks at names, sizes and times alone."""
    roots = [data] if isinstance(data, Path) else [data.tree, data.database, data.queries]
    digest = hashlib.sha256(f"{__version__} {data}".encode(errors="surrogateescape"))
    for root in [root.expanduser() for root in roots if root is not None]:
        # May belong to a database and queries that are given one by one.
        around = [root.parent / name for name in (CONDITIONS, *TRUTH_FILES)]
        for file in [*around, root] if root.is_file() else [*around, *_files(root)]:
            digest.update(f"{file} ".encode(errors="surrogateescape"))
            if file.exists():  # a link may lead nowhere
                now = file.stat()
                times = f"{now.st_mtime_ns} {now.st_ctime_ns}"
                digest.update(f"{now.st_size} {times}\n".encode())
    return digest.hexdigest()


def _files(root: Path) -> list[Path]:
    """Every file below a folder; links to folders are followed, each folder once."""
    found: list[Path] = []
    seen: set[str] = set()
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        found += [Path(folder) / name for name in names]
    return sorted(found)
