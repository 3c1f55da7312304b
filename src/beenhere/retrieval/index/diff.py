"""Photos that are given, compared with those that an index holds; a photo is known by its content.

Files are read only where path, size or modification time are new, or where the file was touched in
any way since (its ctime) and so may hold something else under the same time.
"""

import hashlib
import json
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.devices import cores
from beenhere.errors import DataError, PhotoError
from beenhere.files.regular import open_regular
from beenhere.photos.photo_file import Photo, decoding
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.descriptor_store import PhotoKey, photo_keys
from beenhere.retrieval.index.manifest import COLUMNS

_CHUNK = 256
_FLUSH_SECONDS = 2.0
NO_FILE = -1
"""The modification time of a photo that came without a file."""
_OF_ONE = dict.fromkeys(("lat", "lon", "easting", "northing", "zone"), "lat")
"""Columns that change together, with the one that says whether they are given."""


@dataclass(frozen=True, eq=False)
class KnownPhotos:
    """Photos that an index holds: all, or those that given ones may be.

    Attributes:
        frame: ``n`` rows with :data:`~beenhere.retrieval.index.manifest.COLUMNS`.
        allowed: ``(n,)``: whether each counts; removed ones do not.
        ids: ``n``, what Milvus calls them; empty of an index in a folder, where rows have numbers.
    """

    frame: pl.DataFrame
    allowed: NDArray[np.bool_]
    ids: Sequence[str] = ()


class GivenPhotos:
    """Photos that are given to an index: files, or photos in memory that have names alone.

    Args:
        table: one row a photo; the paths of photos in memory are their names.
        journal, what: see :func:`hash_files`.
        in_memory: the photos themselves, by row; None: they are files.
        known_at: when the index was written, in seconds since 1970 UTC; None: there is none.

    Attributes:
        keys: of each row whose photo is there. unreadable: path and reason of the others.

    Raises:
        DataError: a photo in two rows.
    """

    def __init__(
        self,
        table: PhotoTable,
        journal: Path,
        what: str | None,
        in_memory: Sequence[Photo] | None = None,
        known_at: float | None = None,
    ) -> None:
        self.table, self.in_memory = table, in_memory
        self._known_at = known_at
        self._journal, self._what = journal, what
        self._contents: dict[PhotoKey, bytes | PhotoError] = {}
        self.keys: dict[int, PhotoKey] = {}
        self.unreadable: dict[str, str] = {}
        if in_memory is None:
            by_path, gone = photo_keys(table.paths, PhotoKey)
            self.keys = {
                row: by_path[path] for row, path in enumerate(table.paths) if path in by_path
            }
            left_out = [*table.unusable, *gone.items()]
            self.unreadable = {os.path.abspath(path): why for path, why in left_out}  # noqa: PTH100
        else:
            for row, (path, photo) in enumerate(zip(table.paths, in_memory, strict=True)):
                name = os.path.abspath(path)  # noqa: PTH100
                try:
                    with decoding(name):
                        content = photo if isinstance(photo, bytes) else np.asarray(photo).tobytes()
                except PhotoError as error:
                    self.unreadable[name] = error.reason
                    continue
                self.keys[row] = PhotoKey(name, len(content), NO_FILE)
                self._contents[self.keys[row]] = hashlib.sha256(content).digest()
        twice = [
            path for path, n in Counter(key.path for key in self.keys.values()).items() if n > 1
        ]
        if twice:
            raise DataError(
                f"{twice[0]} stands in more than one row ({len(twice)} such photos); expected each "
                "photo once"
            )

    def contents(self, keys: Sequence[PhotoKey]) -> dict[PhotoKey, bytes | PhotoError]:
        """The SHA-256 of each (32 bytes), or why it cannot be read; raises OSError: the journal."""
        if self.in_memory is not None:
            return {key: self._contents[key] for key in keys}
        return hash_files(keys, self._journal, self._what)

    def by_path(self) -> dict[str, Photo]:
        """The photos in memory by the paths that the index has for them."""
        photos = self.in_memory or ()
        return {key.path: photos[row] for row, key in self.keys.items()}

    def unknown(self, held: Mapping[str, PhotoKey]) -> list[PhotoKey]:
        """Those to look into: not held as they are, by their paths. Photos in memory always."""
        return [
            key for key in self.keys.values() if held.get(key.path) != key or self._touched(key)
        ]

    def _touched(self, key: PhotoKey) -> bool:
        """Whether a file may hold something else than when the index was written."""
        if key.mtime_ns == NO_FILE or self._known_at is None:
            return True
        try:
            return Path(key.path).stat().st_ctime >= self._known_at
        except OSError:
            return True


@dataclass
class PhotoDiff:
    """Photos that are given, by what is to be done about them.

    Attributes:
        given: a row each that has a file, with the columns of
            :data:`~beenhere.retrieval.index.manifest.COLUMNS`; SHA-256 is null where the file was
            not read, because the index holds it unchanged.
        known: photos of the index that they were compared with.
        same: rows of the known photos by rows of ``given``: the file is where it was.
        moved: alike: its content is known from a row whose file is gone, or holds something else.
        restored: alike: its content is known from a row that is removed.
        new: rows of ``given`` to describe.
        replaced: rows of the known photos whose files hold something else now, and that were not
            found under another name.
        unreadable: path and reason of the others.
    """

    given: pl.DataFrame
    known: KnownPhotos
    same: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    restored: dict[int, int] = field(default_factory=dict)
    new: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> set[str]:
        """Of all that were given and have a file that was read, or is known."""
        return set(self.given["path"])

    def updates(self) -> tuple[NDArray[np.int64], pl.DataFrame]:
        """Known photos of which more is known now, and those that count again.

        A position is one thing: none of its numbers is kept if another one is given.

        Returns:
            Their rows ``(n,)``, and ``n`` rows to replace them; what is not given stays.
        """
        pairs = self.same | self.moved | self.restored
        rows = np.fromiter(pairs.values(), np.int64, len(pairs))
        old, given = self.known.frame[rows], self.given[np.fromiter(pairs, np.int64, len(pairs))]
        new = pl.DataFrame(
            [
                given[name].zip_with(given[_OF_ONE.get(name, name)].is_not_null(), old[name])
                for name in COLUMNS
            ]
        )
        unequal = [old[name].ne_missing(new[name]) for name in COLUMNS]
        differs = pl.select(pl.any_horizontal(unequal)).to_series().to_numpy()
        wanted = differs | ~self.known.allowed[rows]
        return rows[wanted], new.filter(pl.Series(wanted))


def compare_photos(photos: GivenPhotos, known: KnownPhotos) -> PhotoDiff:
    """Compare photos with those of an index; files are read only if they are new or changed.

    Args:
        photos: that are given.
        known: all that the index holds, or what shares a path or content with one of them.

    Raises:
        DataError: the index is damaged.
        OSError: the journal cannot be written.
    """
    held = known.frame.select("path", "size", "mtime_ns", "sha256").with_row_index("number")
    held = held.with_columns(allowed=pl.Series(known.allowed))  # the columns of _Row
    keys, unreadable = photos.keys, dict(photos.unreadable)
    paths = (key.path for key in keys.values())
    at_path = {row.path: row for row in _rows(held.filter("allowed"), "path", paths)}
    contents = photos.contents(
        photos.unknown({path: PhotoKey(*row[1:4]) for path, row in at_path.items()})
    )
    for key, content in contents.items():
        if isinstance(content, PhotoError):
            unreadable[key.path] = content.reason
    rows = [row for row, key in keys.items() if key.path not in unreadable]
    found = PhotoDiff(_given(photos.table, rows, keys, contents), known, unreadable=unreadable)

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
    _match(found, changed, overwritten, held)
    return found


class _Row(NamedTuple):
    """A row of the index; the three in the middle are a :class:`PhotoKey`."""

    number: int
    path: str
    size: int
    mtime_ns: int
    sha256: bytes
    allowed: bool


def _rows(known: pl.DataFrame, column: str, values: Iterable[object]) -> list[_Row]:
    """The rows that have one of some values, ascending."""
    wanted = pl.DataFrame({column: list(values)}, {column: known.schema[column]})
    found = known.join(wanted, on=column, how="semi").sort("number")
    return [_Row(*row) for row in found.iter_rows()]


def _match(
    found: PhotoDiff, changed: dict[int, bytes], overwritten: set[int], known: pl.DataFrame
) -> None:
    """Find photos of changed or new files in the index by their content, and note them.

    ``changed``: contents by rows of ``found.given``; ``overwritten``: rows of the index whose files
    hold something else now.
    """
    held: dict[bytes, list[_Row]] = defaultdict(list)
    for row in _rows(known, "sha256", changed.values()):
        held[row.sha256].append(row)
    taken = set(found.same.values())
    for number, content in changed.items():
        left = [row for row in held[content] if row.number not in taken]
        # A row is free for a photo if its own file does not hold that any more.
        free = (row for row in left if not row.allowed or row.number in overwritten)
        match = next(free, None) or next((row for row in left if _is_gone(row)), None)
        if match is None:  # the same file, by way of a link to its folder
            real = os.path.realpath(found.given["path"][number])
            match = next((row for row in left if os.path.realpath(row.path) == real), None)
        if match is None:
            found.new.append(number)
        else:
            taken.add(match.number)
            (found.moved if match.allowed else found.restored)[number] = match.number
    found.replaced = sorted(overwritten - taken)


def _is_gone(row: _Row) -> bool:
    """Whether the file of a row is gone; a photo that never had one stays where it is."""
    return row.mtime_ns != NO_FILE and not Path(row.path).exists()


def _given(
    table: PhotoTable,
    rows: list[int],
    keys: dict[int, PhotoKey],
    contents: dict[PhotoKey, bytes | PhotoError],
) -> pl.DataFrame:
    files = [(*keys[row], contents.get(keys[row])) for row in rows]
    schema = {"path": pl.String, "size": pl.Int64, "mtime_ns": pl.Int64, "sha256": pl.Binary}
    columns = pl.DataFrame(files, schema, orient="row")
    given = table.frame[np.asarray(rows, np.int64)]
    return given.with_columns(columns.get_columns()).select(list(COLUMNS))


def stands_for(path: str, known: Sequence[str]) -> NDArray[np.bool_]:
    """``(n,)``: whether a path or pattern stands for each of the known paths."""
    absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay as they are
    below = os.path.join(absolute, "")  # noqa: PTH118 - pathlib drops the end slash
    found = [each == absolute or each.startswith(below) for each in known]
    if not any(found) and any(sign in path for sign in "*?["):
        matches = re.compile(translate(path if path.startswith("*") else absolute)).match
        found = [matches(each) is not None for each in known]
    return np.array(found, np.bool_)


def hash_files(
    keys: Sequence[PhotoKey], journal: Path, what: str | None
) -> dict[PhotoKey, bytes | PhotoError]:
    """The SHA-256 (32 bytes) of each file, or why it cannot be read.

    Args:
        keys: of the files.
        journal: a file that remembers what was read, so that an interrupted call goes on there.
        what: what the progress bar says; None: be silent.

    Raises:
        OSError: the journal cannot be written.
    """
    known = _read_journal(journal)
    found: dict[PhotoKey, bytes | PhotoError] = {key: known[key] for key in keys if key in known}
    todo = [key for key in keys if key not in found]
    if not todo:
        return found
    journal.parent.mkdir(parents=True, exist_ok=True)
    watched = progress(what, len(todo)) if what else nullcontext(lambda steps: None)
    with ThreadPoolExecutor(cores()) as pool, journal.open("ab") as file, watched as advance:
        file.write(b"\n")  # ends a line that was cut off
        flushed = time.monotonic()
        for start in range(0, len(todo), _CHUNK):
            chunk = todo[start : start + _CHUNK]
            for key, content in zip(chunk, pool.map(_hash, chunk), strict=True):
                found[key] = content
                if isinstance(content, bytes):
                    file.write(json.dumps([*key, content.hex()]).encode() + b"\n")
            if time.monotonic() - flushed > _FLUSH_SECONDS:
                file.flush()
                flushed = time.monotonic()
            advance(len(chunk))
    return found


def _hash(key: PhotoKey) -> bytes | PhotoError:
    try:
        with open_regular(Path(key.path)) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return PhotoError(key.path, (error.strerror or str(error)).lower())


def _read_journal(journal: Path) -> dict[PhotoKey, bytes]:
    """The contents of its whole lines; a killed process may have left a part of one."""
    known: dict[PhotoKey, bytes] = {}
    if not journal.exists():
        return known
    with journal.open("rb") as lines:
        for line in lines:
            try:
                path, size, mtime_ns, content = json.loads(line)
                digest = bytes.fromhex(content)
            except (ValueError, TypeError):
                continue
            if len(digest) == hashlib.sha256().digest_size:
                known[PhotoKey(path, size, mtime_ns)] = digest
    return known
