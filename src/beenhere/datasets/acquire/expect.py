"""How many photos a set's folder holds, and how many it should."""

import os
from dataclasses import dataclass
from pathlib import Path

from beenhere.datasets.catalog.entry import NamedSet
from beenhere.datasets.catalog.marker import SideCounts, difference, without_empty_files
from beenhere.datasets.formats import read_photos, sets_in
from beenhere.datasets.formats.published import published_at, read_published
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError


@dataclass(frozen=True)
class Held:
    """What a set's folder holds.

    Attributes:
        photos: tables by the path below the folder, ``"."`` for itself.
        protocols: database and queries by protocol, where the set is more than folders of photos.
    """

    photos: dict[str, PhotoTable]
    protocols: dict[str, tuple[PhotoTable, PhotoTable]]


def check_counts(entry: NamedSet, folder: Path) -> None:
    """See that a folder holds the photos that the catalogue says it does.

    A protocol whose photos are not there (the night queries, say) is passed over, as long as there
    is one that can be served.

    Args:
        folder: the set's root, as :func:`~beenhere.datasets.acquire.find_root.find_root` has it.

    Raises:
        DataError: a count differs; the message explains it.
    """
    compare_counts(entry, folder, counted(entry, folder))


def compare_counts(entry: NamedSet, folder: Path, held: Held) -> None:
    """As :func:`check_counts`, of what has been counted.

    Raises:
        DataError: a count differs; the message explains it.
    """
    photos, protocols = held.photos, held.protocols
    if entry.protocols and not protocols and not set(_sides(entry)) & set(photos):
        raise DataError(
            f"{folder}: serves no protocol of {entry.name}; expected {' or '.join(entry.protocols)}"
        )
    for name, count in _sides(entry).items():
        if name in photos:
            _refuse(entry, folder, name, photos[name], count)
    for name, (database, queries) in protocols.items():
        expected = entry.protocols[name]
        _refuse(entry, folder, f"{name}: database", database, expected.database)
        _refuse(entry, folder, f"{name}: queries", queries, expected.queries)
    if not entry.protocols:
        _refuse(entry, folder, "photos", photos["."], entry.photos)


def counted(entry: NamedSet, folder: Path) -> Held:
    """Read a set's folder; files without content are among what cannot be used.

    Args:
        folder: its name must hold the set's where another set has the same layout.

    Raises:
        DataError: something cannot be read.
    """
    found = published_at(folder)
    if found is not None:
        protocols = {}
        for name in found.protocols(folder):
            if name in entry.protocols:
                tables = read_published(found, folder, name)
                protocols[name] = (
                    without_empty_files(tables.database),
                    without_empty_files(tables.queries),
                )
        return Held({}, protocols)
    photos = {}
    for one in sets_in(folder):
        parts = [one.path / "database", one.path / "queries"] if one.evaluation else [one.path]
        for part in parts:
            photos[part.relative_to(folder).as_posix()] = without_empty_files(read_photos(part))
    return Held(photos, {})


def photo_counts(photos: dict[str, PhotoTable], folder: Path) -> dict[str, int]:
    """Counts by folder, with every folder between a part and the one that holds all its photos."""
    counts = {}
    for name, table in photos.items():
        counts[name] = len(table)
        holder = Path(os.path.commonpath([Path(path).parent for path in table.paths]))
        while holder != folder / name and holder.is_relative_to(folder / name):
            counts[holder.relative_to(folder).as_posix()] = len(table)
            holder = holder.parent
    return counts


def protocol_counts(
    protocols: dict[str, tuple[PhotoTable, PhotoTable]],
) -> dict[str, SideCounts]:
    """Counts of database and queries by protocol."""
    return {
        name: SideCounts(database=len(database), queries=len(queries))
        for name, (database, queries) in protocols.items()
    }


def _sides(entry: NamedSet) -> dict[str, int | None]:
    """The expected counts by folder."""
    sides = {}
    for protocol in entry.protocols.values():
        start = f"{protocol.split}/" if protocol.split else ""
        sides[f"{start}database"] = protocol.database
        sides[f"{start}queries"] = protocol.queries
    return sides


def _refuse(
    entry: NamedSet, folder: Path, what: str, table: PhotoTable, expected: int | None
) -> None:
    # Where nobody knows how many there should be, one is enough; what is unusable is told.
    found = difference(table, max(1, len(table)) if expected is None else expected)
    if found is not None:
        raise DataError(
            f"{folder}: not {entry.name} as published: {what}: {found}; get it whole and try again"
        )
