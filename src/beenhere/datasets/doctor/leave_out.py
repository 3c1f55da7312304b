"""Apply a fix list: tables of the same sets without the photos that it leaves out."""

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import LEAVE_OUT
from beenhere.datasets.doctor.fixes import COLUMNS
from beenhere.datasets.staging import staged
from beenhere.errors import DataError


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


def read_fixes(file: Path) -> pl.DataFrame:
    """A fix list, as it was written or as a person has shortened it.

    Raises:
        DataError: no CSV file with the columns of one.
    """
    try:
        return pl.read_csv(file, infer_schema=False, glob=False).select(COLUMNS)
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = " ".join(str(error).split())[:200]
        raise DataError(
            f"{file}: expected a fix list with the columns {','.join(COLUMNS)} ({problem})"
        ) from error


def without(collection: Collection, fix_list: pl.DataFrame, out: Path) -> list[Kept]:
    """Write a collection's tables without the photos that a fix list leaves out.

    Sets keep their folders: ``OUT/sf_xs/test/queries/photos.parquet`` is read as
    ``sf_xs/test/queries`` is. Photos stay where they are; tables hold their whole paths.

    Args:
        fix_list: see :func:`read_fixes`. Rows whose suggestion starts with ``mend`` count for
            nothing.
        out: a new folder.

    Raises:
        DataError: ``out`` exists; the list is of other photos; a set's positives are listed by
            photo, which a table cannot hold; nothing would be left of a table.
    """
    listed = [pair for pair in collection.pairs if pair.truth.listed]
    if listed:
        raise DataError(
            f"{collection.parts[listed[0].database].name}: lists say which photos are right, and "
            "a table cannot hold them; move the photos away instead"
        )
    leave = fix_list.filter(pl.col("suggestion").str.starts_with(LEAVE_OUT))["path"]
    known = [pl.Series(path for path, _ in part.table.unusable) for part in collection.parts]
    strange = ~leave.is_in(collection.frame["path"].implode())
    for paths in known:
        strange &= ~leave.is_in(paths.cast(pl.String).implode())
    if strange.any():
        raise DataError(
            f"the fix list names {leave.filter(strange)[0]!r}, which is no photo of "
            f"{collection.root}; give the path that was checked, as it was written then"
        )
    done = []
    with staged(out) as folder:
        for part in collection.parts:
            frame = part.table.frame
            kept = frame.filter(~pl.col("path").is_in(leave.implode()))
            if kept.height == 0:
                raise DataError(f"{part.name}: the fix list leaves out all {frame.height} photos")
            below = Path(part.folder) / (part.side or "")
            (folder / below).mkdir(parents=True, exist_ok=True)
            whole = pl.Series(map(os.path.abspath, kept["path"]), dtype=pl.String)
            kept.with_columns(path=whole).write_parquet(folder / below / "photos.parquet")
            done.append(Kept(below.as_posix(), kept.height, frame.height - kept.height))
    return done
