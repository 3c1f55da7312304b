"""Evaluation sets: a folder with ``database/`` and ``queries/``, or one path each."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from beenhere.config import EvaluationData
from beenhere.datasets.formats.listing import CONDITIONS, TABLE_SUFFIXES
from beenhere.datasets.formats.recognise import read_photos
from beenhere.datasets.formats.sets import SPLITS, sets_in, side
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError


@dataclass(frozen=True)
class EvaluationTables:
    """What can be found, and what to find.

    Attributes:
        name: such as ``"sf_xs-test"``; fit for a file's name.
    """

    database: PhotoTable
    queries: PhotoTable
    name: str


def read_evaluation(data: EvaluationData) -> EvaluationTables:
    """Database and queries, each of any format that :func:`read_photos` knows.

    Where ``conditions.csv`` (``path,condition``, paths relative to its folder) lies beside them,
    it fills the column ``condition``.

    Raises:
        DataError: a folder that is not there or holds no photos; for the root of several sets the
            message names those that would work.
    """
    if data.tree is not None:
        tree = data.tree.expanduser()
        database, queries = side(tree, "database"), side(tree, "queries")
        if database is None or queries is None:
            raise DataError(_what_would_work(tree))
        name = _name(tree)
    else:
        assert data.database is not None and data.queries is not None  # EvaluationData sees to it
        database, queries = data.database.expanduser(), data.queries.expanduser()
        same = database.absolute().parent == queries.absolute().parent
        name = _name(database.parent) if same else f"{_name(database)}-{_name(queries)}"
    tables = _with_conditions(
        read_photos(database), read_photos(queries), [database.parent, queries.parent]
    )
    return EvaluationTables(*tables, name=name)


def _name(path: Path) -> str:
    whole = path.absolute()
    if whole.name in SPLITS:
        return f"{whole.parent.name}-{whole.name}"
    return whole.stem if whole.suffix in TABLE_SUFFIXES else whole.name


def _what_would_work(tree: Path) -> str:
    if not tree.exists():
        return f"{tree}: no such folder"
    if not tree.is_dir():
        return f"{tree}: is a file; expected a folder with database/ and queries/"
    below = [str(each.path) for each in sets_in(tree) if each.evaluation]
    if below:
        return f"{tree}: has no database/ and queries/ itself; name one of {', '.join(below)}"
    missing = [name for name in ("database", "queries") if side(tree, name) is None]
    return (
        f"{tree}: has no {'/ and no '.join(missing)}/; expected a folder with database/ and "
        "queries/, or give database and queries by their own paths"
    )


def _with_conditions(
    database: PhotoTable, queries: PhotoTable, folders: list[Path]
) -> tuple[PhotoTable, PhotoTable]:
    """Both tables with conditions from the files in these folders, where there are any."""
    for folder in dict.fromkeys(folders):
        file = folder / CONDITIONS
        if not file.is_file():
            continue
        given = _conditions(file)
        known = {*database.paths, *queries.paths, *dict(database.unusable), *dict(queries.unusable)}
        strange = [path for path in given["path"] if path not in known]
        database, queries = _joined(database, given), _joined(queries, given)
        if strange:
            note = (
                f"{len(strange)} of {given.height} paths are no photos here, such as {strange[0]}"
            )
            queries.notes.append((str(file), note))
    return database, queries


def _conditions(file: Path) -> pl.DataFrame:
    """``path`` as photos have it, and ``condition``."""
    try:
        rows = pl.read_csv(file, infer_schema=False, glob=False).select("path", "condition")
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = " ".join(str(error).split())[:200]
        raise DataError(f"{file}: expected the columns path,condition ({problem})") from error
    twice = rows.filter(rows["path"].is_duplicated())
    if twice.height:
        raise DataError(f"{file}: names {twice['path'][0]!r} more than once")
    here = pl.lit(str(file.parent / "_")[:-1])
    return rows.with_columns((here + pl.col("path")).alias("path"))


def _joined(table: PhotoTable, given: pl.DataFrame) -> PhotoTable:
    joined = table.frame.join(given, on="path", how="left", maintain_order="left")
    frame = joined.with_columns(pl.coalesce("condition_right", "condition").alias("condition"))
    return PhotoTable(
        frame.drop("condition_right"), table.unusable, list(table.notes), table.source
    )
