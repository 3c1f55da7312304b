"""A set's folder, out of what was unpacked or copied: its root, its photos, and how many there are.

Only names are looked at, and the headers of tables.
"""

import datetime
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beenhere.errors import DataError
from beenhere.photos.catalog import NamedSet, plain
from beenhere.photos.catalog.marker import (
    MARKER,
    SetMarker,
    SideCounts,
    difference,
    without_empty_files,
    write_marker,
)
from beenhere.photos.formats import read_photos, sets_in
from beenhere.photos.formats.published_layouts import published_at, read_published
from beenhere.photos.table import PhotoTable

_DEPTH = 3
"""How many folders somebody, or an archive, may have put around a set."""
_ASIDE = ".moving-up"


@dataclass(frozen=True)
class SetContents:
    """The photos of a set's folder.

    Attributes:
        photos: tables by the path below the folder, ``"."`` for itself.
        protocols: database and queries by protocol, where the set is more than folders of photos.
    """

    photos: dict[str, PhotoTable]
    protocols: dict[str, tuple[PhotoTable, PhotoTable]]

    @property
    def tables(self) -> dict[str, PhotoTable]:
        """Tables as a person counts them: by folder, or by protocol and side."""
        tables = dict(self.photos)
        for name, (database, queries) in self.protocols.items():
            tables |= {f"{name} database": database, f"{name} queries": queries}
        return tables


def lay_out(entry: NamedSet, folder: Path, files: Mapping[str, str]) -> SetContents:
    """Make a folder the set's own: without folders around it, checked, and with its marker.

    Args:
        folder: what was unpacked or copied.
        files: what it came in, by name: the checksum, such as ``"sha256:..."``.

    Raises:
        DataError: it does not hold the set, or not all of it.
    """
    move_up(find_root(entry, folder), folder)
    (folder / MARKER).unlink(missing_ok=True)  # of what somebody else laid out
    contents = read_contents(entry, folder)
    check_contents(entry, folder, contents)
    marker = SetMarker(
        set=entry.name,
        laid_out=datetime.date.today(),
        files=dict(files),
        photos=_photo_counts(contents.photos, folder),
        protocols={
            name: SideCounts(database=len(database), queries=len(queries))
            for name, (database, queries) in contents.protocols.items()
        },
    )
    write_marker(folder, marker)
    return contents


def find_root(entry: NamedSet, folder: Path) -> Path:
    """The folder that has one of the set's layouts: the given one, or one at most 3 below it.

    Raises:
        DataError: none has; the message names what was looked for and what was there.
    """
    nearest: tuple[int, Path, list[str]] = (0, folder, [])
    for candidate in _folders(folder, entry.name):
        for layout in entry.layouts:
            missing = [path for path in layout if not _has(candidate, path)]
            if not missing:
                return candidate
            if len(layout) - len(missing) > nearest[0]:
                nearest = (len(layout) - len(missing), candidate, missing)
    found, candidate, missing = nearest
    if found:
        raise DataError(
            f"{candidate}: is a part of {entry.name}, without {', '.join(missing)}; add that "
            f"and try again (beenhere data list {entry.name})"
        )
    try:
        names = ", ".join(sorted(os.listdir(folder))[:5])  # noqa: PTH208 - names alone
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({(error.strerror or '').lower()})") from error
    expected = ", or ".join(" and ".join(layout) for layout in entry.layouts)
    raise DataError(
        f"{folder}: does not hold {entry.name}; expected {expected}, found {names or 'nothing'} "
        f"(beenhere data list {entry.name})"
    )


def move_up(root: Path, folder: Path) -> None:
    """Make a set's root, found somewhere below a folder, the folder itself.

    All that the root holds moves up. What lies around it (a licence, say) moves up too, where no
    file of the set has its name.

    Args:
        root: the folder or one below it.
        folder: what has been unpacked.
    """
    if root == folder:
        return
    aside = folder / _ASIDE  # a set's folder may hold one of its own name
    first, *inner = root.relative_to(folder).parts
    (folder / first).rename(aside)
    for depth in range(len(inner), -1, -1):
        for child in sorted(aside.joinpath(*inner[:depth]).iterdir()):
            emptied = inner[depth : depth + 1] == [child.name]
            if not emptied and not (folder / child.name).exists():
                child.rename(folder / child.name)
    shutil.rmtree(aside)


def read_contents(entry: NamedSet, folder: Path) -> SetContents:
    """Read a set's folder; files without content are among what cannot be used.

    Args:
        folder: its name must hold the set's where another set has the same layout.

    Raises:
        DataError: something cannot be read.
    """
    contents = SetContents({}, {})
    layout = published_at(folder)
    if layout is not None:
        for name in layout.protocols(folder):
            if name in entry.protocols:
                read = read_published(layout, folder, name)
                both = without_empty_files(read.database), without_empty_files(read.queries)
                contents.protocols[name] = both
        return contents
    for one in sets_in(folder):
        for part in [one.path / "database", one.path / "queries"] if one.evaluation else [one.path]:
            name = part.relative_to(folder).as_posix()
            contents.photos[name] = without_empty_files(read_photos(part))
    return contents


def check_contents(entry: NamedSet, folder: Path, contents: SetContents) -> None:
    """See that a folder holds the photos that the catalogue says it does.

    A protocol whose photos are not there (the night queries, say) is passed over, as long as there
    is one that can be served.

    Raises:
        DataError: a count differs; the message explains it.
    """
    tables, expected = dict(contents.photos), dict[str, int | None]()
    for name, (database, queries) in contents.protocols.items():
        tables |= {f"{name}: database": database, f"{name}: queries": queries}
    for name, protocol in entry.protocols.items():
        start = f"{protocol.split}/" if protocol.split else ""
        for side, count in (("database", protocol.database), ("queries", protocol.queries)):
            expected |= {f"{start}{side}": count, f"{name}: {side}": count}
    if not entry.protocols:
        tables, expected = {"photos": tables["."]}, {"photos": entry.photos}
    if not expected.keys() & tables.keys():
        raise DataError(
            f"{folder}: serves no protocol of {entry.name}; expected {' or '.join(entry.protocols)}"
        )
    for what, table in tables.items():
        if what not in expected:
            continue
        count = expected[what]
        # Where nobody knows how many there should be, one is enough; what is unusable is named.
        found = difference(table, max(1, len(table)) if count is None else count)
        if found is not None:
            raise DataError(
                f"{folder}: not {entry.name} as published: {what}: {found}; get it whole and try "
                "again"
            )


@contextmanager
def errors_about(source: str, folder: Path) -> Iterator[None]:
    """Have errors name the source instead of a staged folder, which is gone when they are read."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).replace(str(folder), source)) from error


def _has(folder: Path, path: str) -> bool:
    """Whether a folder has a path, in which ``*`` stands for any name and ``**`` for folders."""
    if "*" not in path:
        return (folder / path).exists()
    if path.startswith("**/"):  # a search through folders of photos would take long
        rest = path.removeprefix("**/")
        return _has(folder, rest) or any(_has(inner, rest) for inner in _inner(folder))
    return next(folder.glob(path), None) is not None


def _folders(folder: Path, name: str) -> Iterator[Path]:
    """The folder and those below it: nearest first, then those that are called as the set is."""
    level = [folder]
    for _ in range(_DEPTH + 1):
        yield from sorted(level, key=lambda one: plain(name) not in plain(one.name))
        level = [inner for outer in level for inner in _inner(outer)]


def _inner(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.is_dir() and not one.name.startswith(".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name != "__MACOSX"]


def _photo_counts(photos: Mapping[str, PhotoTable], folder: Path) -> dict[str, int]:
    """Counts by folder, with every folder between a part and the one that holds all its photos."""
    counts = {}
    for name, table in photos.items():
        counts[name] = len(table)
        holder = Path(os.path.commonpath([Path(path).parent for path in table.paths]))
        while holder != folder / name and holder.is_relative_to(folder / name):
            counts[holder.relative_to(folder).as_posix()] = len(table)
            holder = holder.parent
    return counts
