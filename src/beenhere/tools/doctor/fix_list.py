"""The fix list: a row for each photo that needs something done; and sets without those left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.files.atomic import new_folder
from beenhere.photos.formats.csv_file import read_csv
from beenhere.photos.formats.listed_truth import write_truth
from beenhere.photos.table import PhotoTable, paths_from
from beenhere.tools.doctor.findings import LEAVE_OUT, MEND, Finding
from beenhere.tools.doctor.photo_collection import CollectionPart, PhotoCollection
from beenhere.wording import one_line

COLUMNS = ("path", "problem", "detail", "suggestion")


def fixes(findings: Sequence[Finding], folder: Path) -> pl.DataFrame:
    """``path, problem, detail, suggestion``, sorted by path.

    A photo with several problems has them in one row, separated by ``; ``; its suggestion is to
    leave it out if that of any of them is.

    Args:
        folder: where the list will lie: its paths are from there, as in every table of photos.
    """
    rows = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String)),
            *(_rows(each, folder) for each in findings),
        ]
    )
    # Those that leave a photo out come first, so that the first suggestion of a photo is theirs.
    return (
        rows.sort(~leaves_out(), maintain_order=True)
        .group_by("path", maintain_order=True)
        .agg(
            pl.col("problem").unique(maintain_order=True).str.join("; "),
            pl.col("detail").unique(maintain_order=True).str.join("; "),
            pl.col("suggestion").first(),
        )
        .sort("path")
    )


def read_fixes(file: Path) -> pl.DataFrame:
    """A fix list, as it was written or as a person has shortened it; paths with its folder's.

    Raises:
        DataError: no CSV file with the columns of one.
    """
    try:
        rows = read_csv(file)[0].select(COLUMNS)
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = one_line(error)
        raise DataError(
            f"{file}: expected a fix list with the columns {','.join(COLUMNS)} ({problem})"
        ) from error
    rows = rows.filter(pl.col("path").is_not_null())
    whole = [str(file.parent / path) for path in rows["path"]]
    return rows.with_columns(path=pl.Series(whole, dtype=pl.String))


def leaves_out() -> pl.Expr:
    """Whether a row leaves its photo out: the one rule, by how its suggestion starts."""
    return pl.col("suggestion").str.starts_with(LEAVE_OUT).fill_null(value=False)


def _rows(finding: Finding, folder: Path) -> pl.DataFrame:
    cases = finding.cases.filter(pl.col("suggestion").is_not_null())
    other = cases["other"].drop_nulls().to_list()
    named = dict(zip(other, paths_from(other, folder), strict=True))
    return cases.select(
        path=pl.Series(paths_from(cases["path"].to_list(), folder), dtype=pl.String),
        problem=pl.lit(finding.name),
        detail=pl.when(pl.col("other").is_null())
        .then("detail")
        .otherwise(pl.format("{} ({})", "detail", pl.col("other").replace(named))),
        suggestion="suggestion",
    )


@dataclass(frozen=True)
class CleanedTable:
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
    """The ``n`` photos of a collection, as a fix list has them.

    Attributes:
        leave: ``(n,)`` whether each is left out.
        mend: ``(n,)`` whether each is to be mended, and stays in.
        unusable: files that are left out, and could not be used anyway: they are in no table.
    """

    leave: NDArray[np.bool_]
    mend: NDArray[np.bool_]
    unusable: int


@dataclass(frozen=True)
class CleanedSets:
    """The tables that are left of a collection, by a fix list.

    Attributes:
        tables: that were written.
        choice: what the list said.
        pairs: by set, how many listed right answers went with a photo of theirs.
    """

    tables: tuple[CleanedTable, ...]
    choice: Choice
    pairs: dict[str, int]


def without(collection: PhotoCollection, fix_list: pl.DataFrame, out: Path) -> CleanedSets:
    """Write a collection's tables without the photos that a fix list leaves out.

    Sets keep their folders: ``OUT/sf_xs/test/queries/photos.parquet`` is read as
    ``sf_xs/test/queries`` is. Photos stay where they are; tables hold their paths from there. Where
    lists say what is right, ``ground_truth.csv`` holds them.

    Args:
        fix_list: see :func:`read_fixes`. However its paths are spelled, they name the files that
            they lead to.
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
            tables.append(CleanedTable(below.as_posix(), int(kept.sum()), int((~kept).sum())))
        for pair in collection.pairs:
            if pair.truth.listed:
                database, queries = (collection.parts[at] for at in (pair.database, pair.queries))
                stays, asked = ~leave[database.rows], ~leave[queries.rows]
                number = np.cumsum(stays) - 1  # of each database photo in the table that is left
                before = pair.truth.positives(None)
                after = [number[rows[stays[rows]]] for rows in compress(before, asked)]
                sides = _table(database, stays, out).paths, _table(queries, asked, out).paths
                write_truth(folder / database.folder, after, *sides)
                pairs[database.folder] = sum(map(len, before)) - sum(map(len, after))
    return CleanedSets(tuple(tables), choice, pairs)


def chosen(collection: PhotoCollection, fix_list: pl.DataFrame) -> Choice:
    """Look up each photo of a collection in a fix list.

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


def _table(part: CollectionPart, kept: NDArray[np.bool_], out: Path) -> PhotoTable:
    frame = part.table.frame.filter(pl.Series(kept))
    return PhotoTable(frame, source=part.table.source).with_paths_from(
        out / part.folder / (part.side or "")
    )
