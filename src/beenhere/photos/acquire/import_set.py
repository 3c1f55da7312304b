"""Take over a set that a person got by hand: check it, and lay it out where sets lie."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beenhere.errors import DataError, PhotoError
from beenhere.files.atomic import new_folder
from beenhere.files.links import link_or_copy
from beenhere.photos.acquire.set_folder import errors_about, find_root, lay_out
from beenhere.photos.acquire.unpack import Unpacker, is_archive
from beenhere.photos.catalog import NamedSet
from beenhere.photos.catalog.marker import MARKER
from beenhere.photos.photo_file import photo_size

_DEPTH = 2
"""How many folders below the given one archives are looked for."""


@dataclass(frozen=True)
class ImportResult:
    """A set that was laid out, and how.

    Attributes:
        folder: the set's own.
        photos: how many the protocols or folders hold, by their names.
        linked, copied, unpacked: files that take no room of their own, other files, archives.
        unusable: names and reasons of photos that cannot be used and that no count misses.
    """

    folder: Path
    photos: dict[str, int]
    linked: int
    copied: int
    unpacked: int
    unusable: list[str]


def import_set(entry: NamedSet, source: Path, to: Path) -> ImportResult:
    """Lay out a set in ``to/NAME``, whole or not at all; the source stays as it is.

    The source may be the set's folder, one around it, or a folder with its archives. Files get
    hard links where the file system allows it (they take no room; a change to one is a change to
    both), else they are copied.

    Args:
        source: a folder, or one archive.
        to: the folder that sets lie in.

    Raises:
        DataError: the source does not hold the set, or a part of it; a photo cannot be read; the
            target is there already; the disk has no room.
    """
    source = source.expanduser()
    if not source.exists():
        raise DataError(f"{source}: no such folder; give the one with what you got of {entry.name}")
    start, archives = _what_to_take(entry, source)
    target = to.expanduser() / entry.name
    if source.is_dir() and target.absolute().is_relative_to(start.absolute()):
        raise DataError(f"{target}: lies in what shall be imported; give another place by --to")
    files = list(_files(start)) if source.is_dir() else []
    with new_folder(target) as folder, errors_about(str(source), folder):
        targets = [folder / file.relative_to(start) for file in files]
        for parent in {one.parent for one in targets}:
            parent.mkdir(parents=True, exist_ok=True)
        linked = link_or_copy([str(file) for file in files], targets)
        unpacker = Unpacker(archives)
        for archive in archives:
            unpacker.unpack(archive, folder, archive.name)
        unpacked = len(archives) + (unpacker.unpack_inner(folder) if archives else 0)
        tables = lay_out(entry, folder, {}).tables
        for name, table in tables.items():
            _open_some(f"{entry.name}, {name}", table.paths)
    lost = {each for table in tables.values() for each in table.unusable}
    unusable = sorted({f"{Path(path).name} ({reason})" for path, reason in lost})
    photos = {name: len(table) for name, table in tables.items()}
    return ImportResult(target, photos, linked, len(files) - linked, unpacked, unusable)


def _what_to_take(entry: NamedSet, source: Path) -> tuple[Path, list[Path]]:
    """The folder whose files are taken over, and the archives that are unpacked over them."""
    if not source.is_dir():
        if not is_archive(source.name) or not source.is_file():
            raise DataError(f"{source}: is no folder and no archive (.zip, .tar, .tar.gz, ...)")
        return source.parent, [source]
    try:
        return find_root(entry, source), []  # archives that lie there too have been unpacked
    except DataError:
        archives = _archives(source)
        if not archives:
            raise
        return source, archives


def _archives(source: Path) -> list[Path]:
    found: list[Path] = []
    level = [source]
    for _ in range(_DEPTH):
        inner = [one for folder in level for one in sorted(folder.iterdir())]
        shown = [one for one in inner if not one.name.startswith(".")]
        found += [one for one in shown if is_archive(one.name) and one.is_file()]
        level = [one for one in shown if one.is_dir()]
    return found


def _files(root: Path) -> Iterator[Path]:
    """Every file below a folder but hidden ones and archives; links to folders are followed."""
    seen = set()
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inner.clear()  # a link back into what was walked
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(names):
            path = Path(folder, name)
            passed_over = name.startswith(".") or name == MARKER or is_archive(name)
            if not passed_over and path.is_file():
                yield path


def _open_some(what: str, paths: list[str]) -> None:
    """See that the first, middle and last photo of a table are photos."""
    for path in {paths[0], paths[len(paths) // 2], paths[-1]}:
        try:
            photo_size(path)
        except PhotoError as error:
            raise DataError(
                f"{what}: {Path(path).name} cannot be read ({error.reason}); "
                "what you got is damaged: get it again"
            ) from error
