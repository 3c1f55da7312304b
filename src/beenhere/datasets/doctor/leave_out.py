"""Apply a fix list: tables of the same sets without the photos that it leaves out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.datasets.doctor.collection import Collection, Pair, Part
from beenhere.datasets.doctor.findings import MEND
from beenhere.datasets.doctor.fixes import leaves_out
from beenhere.datasets.formats.listed_truth import write_truth
from beenhere.datasets.relative_paths import paths_from, with_paths_from
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError
from beenhere.files.atomic import new_folder


@dataclass(frozen=True)
class Kept:
    """A table that was written.

    Attributes:
        folder: of the table, below the new folder.
        kept, left_out: photos.
    """

    folder: str
    kept: int
    left_out: int


@dataclass(frozen=True)
class Choice:
    """What a fix list says of the ``n`` photos of a collection.

    Attributes:
        leave: ``(n,)`` whether each is left out.
        mend: ``(n,)`` whether each is to be mended, and stays in.
        unusable: files that are left out, and could not be used anyway: they are in no table.
    """

    leave: NDArray[np.bool_]
    mend: NDArray[np.bool_]
    unusable: int


@dataclass(frozen=True)
class Applied:
    """What became of a fix list.

    Attributes:
        tables: that were written.
        choice: what the list said.
        pairs: by set, how many listed right answers went with a photo of theirs.
    """

    tables: tuple[Kept, ...]
    choice: Choice
    pairs: dict[str, int]


def without(collection: Collection, fix_list: pl.DataFrame, out: Path) -> Applied:
    """Write a collection's tables without the photos that a fix list leaves out.

    Sets keep their folders: ``OUT/sf_xs/test/queries/photos.parquet`` is read as
    ``sf_xs/test/queries`` is. Photos stay where they are; tables hold their paths from there. Where
    lists say what is right, ``ground_truth.csv`` holds them.

    Args:
        fix_list: see :func:`beenhere.datasets.doctor.fixes.read_fixes`. However its paths are
            spelled, they name the files that they lead to.
        out: a new or empty folder, outside of what was checked.

    Raises:
        DataError: ``out`` is taken or in the source; the list is of other photos; nothing would be
            left of a table.
    """
    with new_folder(out, collection.root) as folder:
        choice = chosen(collection, fix_list)
        leave = choice.leave
        tables, pairs = [], {}
        for part in collection.parts:
            kept = ~leave[part.rows]
            if not kept.any():
                raise DataError(f"{part.name}: the fix list leaves out all {len(kept)} photos")
            below = Path(part.folder) / (part.side or "")
            (folder / below).mkdir(parents=True, exist_ok=True)
            _table(part, kept, out).write(folder / below / "photos.parquet")
            tables.append(Kept(below.as_posix(), int(kept.sum()), int((~kept).sum())))
        for pair in collection.pairs:
            if pair.truth.listed:
                below = Path(collection.parts[pair.database].folder)
                pairs[below.as_posix()] = _write_pairs(collection, pair, leave, folder, out)
    return Applied(tuple(tables), choice, pairs)


def chosen(collection: Collection, fix_list: pl.DataFrame) -> Choice:
    """What a fix list says of each photo of a collection.

    Raises:
        DataError: it leaves out what is no photo there.
    """
    rows = fix_list.with_columns(
        _same(fix_list["path"].to_list(), collection.root).alias("path"), written="path"
    )
    photos = _same(collection.frame["path"].to_list(), collection.root)
    useless = [path for part in collection.parts for path, _ in part.table.unusable]
    useless += [path for path, _ in collection.loose]
    leave = rows.filter(leaves_out())["path"].unique(maintain_order=True)
    mend = rows.filter(pl.col("suggestion").str.starts_with(MEND))["path"]
    absent = leave.filter(~leave.is_in(photos.implode()))
    strange = absent.filter(~absent.is_in(_same(useless, collection.root).implode()))
    if len(strange):
        name = rows.row(by_predicate=pl.col("path") == strange[0], named=True)["written"]
        raise DataError(
            f"the fix list names {name!r}, which is no photo of {collection.root}; check that "
            "again, or give what was checked and its own list"
        )
    left, mended = (photos.is_in(each.implode()).to_numpy() for each in (leave, mend))
    return Choice(left, mended & ~left, len(absent))


def _same(paths: list[str], root: Path) -> pl.Series:
    """Paths in one spelling, whatever they were called when they were checked."""
    return pl.Series(paths_from(paths, root), dtype=pl.String)


def _table(part: Part, kept: NDArray[np.bool_], out: Path) -> PhotoTable:
    chosen = PhotoTable(part.table.frame.filter(pl.Series(kept)), source=part.table.source)
    return with_paths_from(chosen, out / part.folder / (part.side or ""))


def _write_pairs(
    collection: Collection, pair: Pair, leave: NDArray[np.bool_], folder: Path, out: Path
) -> int:
    """Write the lists of what is right, of photos that stay; how many pairs go."""
    database, queries = collection.parts[pair.database], collection.parts[pair.queries]
    stays, asked = ~leave[database.rows], ~leave[queries.rows]
    number = np.cumsum(stays) - 1
    before = pair.truth.positives(None)
    after = [number[rows[stays[rows]]] for rows, asks in zip(before, asked, strict=True) if asks]
    write_truth(
        folder / database.folder,
        after,
        _table(database, stays, out).paths,
        _table(queries, asked, out).paths,
    )
    return sum(map(len, before)) - sum(map(len, after))
