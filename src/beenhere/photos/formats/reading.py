"""The photos at a path, and the database and queries of an evaluation, in whatever format."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from beenhere.config.training import EvaluationData
from beenhere.errors import ConfigError, DataError, PhotoError
from beenhere.files.regular import named
from beenhere.photos.catalog.marker import assert_photos
from beenhere.photos.exif import PhotoFacts, read_facts
from beenhere.photos.formats.at_names import is_at_name, read_at_names
from beenhere.photos.formats.csv_file import read_csv_columns
from beenhere.photos.formats.gsv_cities import is_gsv_cities, read_gsv_cities
from beenhere.photos.formats.listed_truth import read_listed_truth, truth_file
from beenhere.photos.formats.listing import (
    CONDITIONS,
    TABLE_SUFFIXES,
    Listing,
    composed,
    is_photo,
    list_photos,
    sides,
)
from beenhere.photos.formats.msls import msls_training_cities, read_msls_cities
from beenhere.photos.formats.photo_list import photo_list_in, read_photo_list
from beenhere.photos.formats.published_layouts import published_at, read_published
from beenhere.photos.formats.sets import SPLITS, sets_in, sets_of
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.photo_file import HEADER_READERS, Photo
from beenhere.photos.photo_input import photo_input, photo_inputs
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.wording import count, shortened

FROM_EXIF = "photos; what is known of them comes from their EXIF headers"
"""The source of a table of photos as cameras and phones make them."""
ANOTHER_NAME = "only another name of a photo that is taken already"
"""The note of a file that is there under two names."""
SHARDS_MANIFEST = "shards.yaml"
"""The file that makes a folder one of tar shards; see :mod:`beenhere.training.shards`."""


def read_photos(path: str | Path, strict: bool = True) -> PhotoTable:
    """The photos at a path, in a known order, whatever format they come in.

    A CSV or Parquet file, a photo, or a folder: GSV-Cities; cities of MSLS; a published set, whose
    training photos these are; photos most of whose names hold ``@`` fields; one table of photos;
    photos with EXIF. In a folder the first that fits is taken, and everything below it counts. In a
    set that was got by name its counts are asserted.

    Args:
        strict: whether a cell of a table that cannot be what its column needs is an error; else
            its row is listed as unusable, with the reason.

    Raises:
        DataError: nothing there, no photos in it, or several sets in it: the message names them;
            a set that is not whole: the message explains it.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("home.jpg", "away.jpg"):
    ...         Path(folder, name).touch()
    ...     file = Path(folder, "photos.csv")
    ...     _ = file.write_text("path,lat,lon\\nhome.jpg,52.5163,13.3777\\naway.jpg,,\\n")
    ...     read_photos(file)
    PhotoTable(2 photos, 1 with a position)
    """
    path = named(path).expanduser()
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise DataError(f"{shown}: its whole name is not UTF-8: rename it") from error
    table = _read(path, strict)
    if not len(table):
        raise DataError(_nothing_of_use(path, table))
    assert_photos(path, table)
    return table


def read_given(
    photos: object, table: PhotoTable | Mapping[str, Any] | None = None
) -> tuple[PhotoTable, list[Photo] | None]:
    """Photos as a caller of Python gives them: a table and, where they are no files, themselves.

    Args:
        photos: a table; a path of any format that :func:`read_photos` knows; or a list of photos,
            each as :func:`beenhere.photos.photo_input.photo_input` takes it.
        table: for a list: what is known of its photos, row by row; a table, or columns of one. Of
            photos that are no files its ``path`` holds their names.

    Raises:
        DataError: something else; rows of another number; photos without names, or a photo that
            cannot be read as it is given.

    >>> import numpy as np
    >>> frames = [np.zeros((120, 160, 3), np.uint8)]
    >>> read_given(frames, {"path": ["cam/1"], "place": ["kitchen"]})[0].paths
    ['cam/1']
    """
    if not isinstance(table, PhotoTable | Mapping | None):
        raise DataError(
            f"the table is a {type(table).__name__}; expected a PhotoTable, or columns by their "
            "names such as {'path': [...], 'place': [...]}; a model goes by its name, model=..."
        )
    if isinstance(photos, PhotoTable | str | Path):
        if table is not None:
            raise DataError("a table is given beside photos that bring their own; leave one out")
        return (photos if isinstance(photos, PhotoTable) else read_photos(photos)), None
    given = photo_inputs(photos)
    if not given:
        raise DataError("the list of photos is empty; expected at least one")
    files = [str(each) for each in given if isinstance(each, str | Path)]
    if files and len(files) < len(given):
        raise DataError(
            f"{len(files)} of {len(given)} photos are paths; expected all or none: open the others "
            "as bytes, or write them to files"
        )
    if table is None:
        if files:
            return _read_exif(files, []), None
        table = {}
    columns: dict[str, Any]
    columns = table.frame.to_dict(as_series=False) if isinstance(table, PhotoTable) else dict(table)
    if files:
        named = [str(path) for path in columns.setdefault("path", files)]
        if named != files:
            raise DataError("the table's paths are not those of the photos; leave out its paths")
    elif "path" not in columns:
        raise DataError(
            f"{count(len(given), 'photo')} that are no files have no names; give a table beside "
            "them, with a path for each, such as {'path': ['cam/000001', ...], 'place': [...]}"
        )
    names = columns["path"] = [str(path) for path in columns["path"]]
    if len(names) != len(given):
        raise DataError(f"{len(given)} photos and {len(names)} rows are given; expected a row each")
    whole = table if isinstance(table, PhotoTable) else PhotoTable.from_columns(columns)
    if files:
        return whole, None
    return whole, [photo_input(each, name).photo for each, name in zip(given, names, strict=True)]


def read_evaluation(data: EvaluationData, strict: bool = True) -> EvaluationTables:
    """A published set, or database and queries, each of a format that :func:`read_photos` knows.

    Where ``conditions.csv`` (``path,condition``, paths relative to its folder) lies beside them,
    it fills the column ``condition``; where ``ground_truth.csv`` or ``.npy`` does, it says what is
    right (see :mod:`beenhere.photos.formats.listed_truth`), else positions do.

    Args:
        strict: see :func:`read_photos`.

    Raises:
        DataError: a folder that is not there or holds no photos; for the root of several sets the
            message names those that would work.
        ConfigError: a protocol that the folder cannot serve.
    """
    if data.tree is not None:
        tree = data.tree.expanduser()
        published = published_at(tree)
        if published is not None:
            return read_published(published, tree, data.protocol)
        if data.protocol is not None:
            raise ConfigError(
                f"{tree}: is not laid out as a published set that has protocols, so there is no "
                f"{data.protocol!r}; leave the protocol out"
            )
        both = sides(tree)
        if both is None:
            raise DataError(_what_would_work(tree))
        database, queries = both
        together, name = True, _name(tree)
    else:
        assert data.database is not None and data.queries is not None  # EvaluationData sees to it
        database, queries = data.database.expanduser(), data.queries.expanduser()
        together = database.absolute().parent == queries.absolute().parent
        name = _name(database.parent) if together else f"{_name(database)}-{_name(queries)}"
    tables = read_photos(database, strict), read_photos(queries, strict)
    for folder in dict.fromkeys((database.parent, queries.parent)):
        if (folder / CONDITIONS).is_file():
            tables = _with_conditions(*tables, folder / CONDITIONS)
    truth = truth_file(database.parent) if together else None
    listed = read_listed_truth(truth, *tables) if truth is not None else None
    return EvaluationTables(*tables, name, listed)


def _read(path: Path, strict: bool) -> PhotoTable:
    if holds_shards(path):
        raise DataError(
            f"{path}: holds tar shards, which are trained on (data.train={path}) and shown by "
            "beenhere data show; give the photos themselves"
        )
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix in TABLE_SUFFIXES:
            return read_photo_list(path, strict)
        if is_photo(str(path)):
            return _read_exif([str(path)], [])
        raise DataError(
            f"{path}: ends in {suffix!r}; expected a folder of photos, a photo, or a table that "
            f"ends in {', '.join(sorted(TABLE_SUFFIXES))}"
        )
    if not path.is_dir():
        there = "not a regular file" if path.exists() else "no such file or folder"
        raise DataError(f"{path}: {there}")
    if is_gsv_cities(path):
        return read_gsv_cities(path)
    cities = msls_training_cities(path)
    if cities:
        return read_msls_cities(cities)
    published = published_at(path)
    if published is not None:
        training = published.training(path)
        if training is not None:
            return training
        raise DataError(
            f"{path}: holds a database and queries ({published.name}); evaluate the whole, or name "
            "one folder of photos in it"
        )
    listing = list_photos(path)
    _refuse_several(listing)
    named = sum(map(is_at_name, listing.photos))
    if 2 * named > len(listing.photos):
        return read_at_names(listing)
    table = photo_list_in(listing)
    if table is not None:
        return read_photo_list(table, strict)
    if not listing.photos and not listing.unusable:
        raise DataError(_nothing(listing))
    paths, again = _each_file_once(listing.paths(listing.photos))
    return _read_exif(paths, listing.unusable, [*listing.notes(), *again])


def _each_file_once(paths: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The first name of each file; a note of each other one, be it a hard link or a soft one."""
    first: dict[tuple[int, int], str] = {}
    others: list[tuple[str, str]] = []
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - half a million Paths take seconds
        except OSError:
            continue
        if status.st_ino and first.setdefault((status.st_dev, status.st_ino), path) != path:
            others.append((path, ANOTHER_NAME))
    left_out = {path for path, _ in others}
    return [path for path in paths if path not in left_out], others


def holds_shards(path: Path) -> bool:
    """Whether a path is a folder of tar shards, or the manifest of one."""
    return (path if path.name == SHARDS_MANIFEST else path / SHARDS_MANIFEST).is_file()


def _refuse_several(listing: Listing) -> None:
    """Photos to train on, to search and to find are never thrown together."""
    names: list[Path] = []
    for each in sets_of(listing).sets:
        names += (each.evaluation and sides(each.path)) or [each.path]
    if names:
        several = ", ".join(map(str, names))
        raise DataError(f"{listing.root}: holds several sets of photos; name one of {several}")


def _read_exif(
    paths: list[str], left_out: list[tuple[str, str]], notes: Sequence[tuple[str, str]] = ()
) -> PhotoTable:
    """One row for each photo whose header can be read, with or without a position."""

    def facts_of(path: str) -> PhotoFacts | PhotoError:
        try:
            return read_facts(path)
        except PhotoError as error:
            return error

    facts: list[tuple[str, PhotoFacts]] = []
    unusable = list(left_out)
    with (
        ThreadPoolExecutor(HEADER_READERS) as pool,
        progress("photo headers", len(paths)) as advance,
    ):
        for path, found in zip(paths, pool.map(facts_of, paths), strict=True):
            if isinstance(found, PhotoError):
                unusable.append((path, found.reason))
            else:
                facts.append((path, found))
            advance(1)
    return PhotoTable.from_columns(
        {"path": [path for path, _ in facts]}
        | {
            name: [getattr(fact, name) for _, fact in facts]
            for name in ("lat", "lon", "heading", "captured")
        },
        unusable=sorted(unusable),
        notes=[
            *notes,
            *((path, fact.unread) for path, fact in facts if fact.unread),
            *((path, fact.note) for path, fact in facts if fact.note),
        ],
        source=FROM_EXIF,
    )


def _nothing_of_use(path: Path, table: PhotoTable) -> str:
    some = [f"{shortened(name)} ({shortened(why)})" for name, why in table.unusable[:3]]
    more = ["..."] if len(table.unusable) > 3 else []
    found = f"none of {count(len(table.unusable), 'photo')} can be used"
    return f"{path}: {found}: {', '.join([*some, *more])}" if some else f"{path}: holds no photos"


def _nothing(listing: Listing) -> str:
    if not listing.others:
        return f"{listing.root}: is empty; expected photos in it"
    named = [shortened(name) for name in listing.others[:3]]
    some = ", ".join([*named, *(["..."] if len(listing.others) > 3 else [])])
    return f"{listing.root}: holds no photos; found {some}, expected files such as .jpg or .png"


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
    missing = [name for name in ("database", "queries") if not (tree / name).exists()]
    return (
        f"{tree}: has no {'/ and no '.join(missing)}/; expected a folder with database/ and "
        "queries/, or give database and queries by their own paths"
    )


def _with_conditions(
    database: PhotoTable, queries: PhotoTable, file: Path
) -> tuple[PhotoTable, PhotoTable]:
    """Both tables with the conditions that a file gives; what it names in vain is noted."""
    columns = ("path", "condition")
    given = read_csv_columns(file, columns, "a table of conditions").select(columns)
    given = given.filter(pl.any_horizontal(pl.all().is_not_null()))
    twice = given.filter(given["path"].is_duplicated())
    if twice.height:
        raise DataError(f"{file}: names {shortened(twice['path'][0])!r} more than once")
    here = os.path.join(file.parent, "")  # noqa: PTH118 - pathlib drops the end slash
    paths = [here + composed(path) for path in given["path"].fill_null("")]
    given = given.with_columns(path=pl.Series(paths, dtype=pl.String))
    known = {*database.paths, *queries.paths, *dict(database.unusable), *dict(queries.unusable)}
    known = set(map(composed, known))
    strange = [path for path in given["path"] if path not in known]
    database, queries = _joined(database, given), _joined(queries, given)
    if strange:
        such = shortened(strange[0])
        note = f"{len(strange)} of {given.height} paths are no photos here, such as {such}"
        queries.notes.append((str(file), note))
    return database, queries


def _joined(table: PhotoTable, given: pl.DataFrame) -> PhotoTable:
    given = given.rename({"path": "name", "condition": "given"})
    names = pl.Series("name", list(map(composed, table.paths)), pl.String)
    joined = table.frame.with_columns(names).join(
        given, on="name", how="left", maintain_order="left"
    )
    frame = joined.with_columns(condition=pl.coalesce("given", "condition"))
    found = (table.unusable, list(table.notes), table.source, table.headings_outside)
    return PhotoTable(frame.drop("name", "given"), *found)
