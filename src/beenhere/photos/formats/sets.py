"""Which sets of photos lie below a folder: training photos, databases with queries."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from beenhere.photos.formats.gsv_cities import is_gsv_cities
from beenhere.photos.formats.listing import SIDES, Listing, list_photos, sides
from beenhere.photos.formats.photo_list import is_photo_list, listed_folders
from beenhere.photos.formats.published_layouts import published_at

SPLITS = frozenset({"train", "val", "test"})
"""Folders of these names are sets of their own, where there are several."""

_DEPTH = 3
"""How many folders somebody may have put around a published set."""
_OWN_MAP = ("map.png", "places.yaml")
"""The picture that ``beenhere data places`` draws, and the record beside it: no photo of a set."""
_IN_NONE = "is next to sets, in none of them: move it into a folder of its own"


@dataclass(frozen=True)
class PhotoSet:
    """A folder or file that can be read by itself; for evaluation with a database and queries."""

    path: Path
    evaluation: bool


@dataclass(frozen=True)
class PhotoSets:
    """The sets below a folder, by path, and ``(path, reason)`` of photos that are in none."""

    sets: list[PhotoSet]
    loose: list[tuple[str, str]] = field(default_factory=list)


def is_evaluation(folder: Path) -> bool:
    """Whether a folder has a database and queries, or is a published set that has them."""
    return published_at(folder) is not None or sides(folder) is not None


def sets_in(path: Path) -> list[PhotoSet]:
    """The sets below a folder that holds several, else the path itself."""
    return find_sets(path).sets


def find_sets(path: Path) -> PhotoSets:
    """As :func:`sets_in`, with the photos that are in none of them."""
    if is_evaluation(path):
        return PhotoSets([PhotoSet(path, True)])
    if not path.is_dir() or is_gsv_cities(path):
        return PhotoSets([PhotoSet(path, False)])
    found = sets_of(list_photos(path))
    return found if found.sets else PhotoSets([PhotoSet(path, False)])


def sets_of(listing: Listing) -> PhotoSets:
    """The sets below the root of a listing; none where the root is all there is.

    Where there is a set, the other photos are sets too: those of a table, and those of each
    topmost folder that holds no other set.
    """
    trees = _trees(listing)
    tables = _tables(listing, trees)
    photos = defaultdict(list)
    for photo in listing.photos:
        photos[_parent(photo)].append(photo)
    full = {above for folder in (*photos, *tables) for above in (*_above(folder), folder)}
    around = {above for tree in trees for above in _above(tree)}
    splits = {
        folder
        for folder in full - around
        if folder.rpartition("/")[2] in SPLITS and not _within(folder, trees)
    }
    splits = {folder for folder in splits if not _within(_parent(folder), splits)}
    several = trees or len({folder.rpartition("/")[2] for folder in splits}) > 1
    if not several and (photos or "" in tables):
        return PhotoSets([])  # one folder called "test" is no reason to take photos apart
    taken = trees | splits
    taken |= {folder for folder in tables if folder and not _within(_parent(folder), tables)}
    holders = {above for one in taken for above in _above(one)}
    taken -= holders
    # Beside sets in its own folder, a table is a set by itself.
    files = [tables[folder] for folder in holders if folder in tables]
    listed = {folder for file in files for folder in listed_folders(listing.root, file)}
    others, loose = set(), []
    for folder in photos:
        if _within(folder, taken) or folder in listed:
            continue
        topmost = next((one for one in (*_above(folder), folder) if one not in holders), None)
        if topmost is not None:
            others.add(topmost)
        else:
            loose += [photo for photo in photos[folder] if not _is_own_map(listing.root / photo)]
    found = [PhotoSet(listing.root / folder, folder in trees) for folder in taken | others]
    found += [PhotoSet(listing.root / file, False) for file in files]
    if not found:
        return PhotoSets([])
    start = len(str(listing.root / "_")) - 1
    in_none = [
        (path, reason)
        for path, reason in listing.unusable
        if not _within(_parent(path[start:].replace(os.sep, "/")), taken | others)
    ]
    return PhotoSets(
        sorted(found, key=lambda each: str(each.path)),
        sorted([*in_none, *((path, _IN_NONE) for path in listing.paths(loose))]),
    )


def _trees(listing: Listing) -> set[str]:
    """Folders with a database and queries, and published sets, but none inside another."""
    sided = {*listing.folders, *(table.rpartition(".")[0] for table in listing.inner_tables)}
    plain = {
        folder
        for folder in ("", *listing.folders)
        if any({f"{folder}/{name}".lstrip("/") for name in pair} <= sided for pair in SIDES)
    }
    published: set[str] = set()
    for folder in listing.folders:  # those around others come first
        if (
            folder.count("/") < _DEPTH
            and not _within(folder, published)
            and not _within(_parent(folder), plain)
            and published_at(listing.root / folder) is not None
        ):
            published.add(folder)
    return published | {folder for folder in plain if not _within(folder, published)}


def _tables(listing: Listing, taken: set[str]) -> dict[str, str]:
    """The tables of photos that are in no set, by their folders."""
    return {
        _parent(name): name
        for name in (*listing.tables, *listing.inner_tables)
        if not _within(_parent(name), taken) and is_photo_list(listing.root / name)
    }


def _above(folder: str) -> Iterator[str]:
    """The folders around one, the root first."""
    if folder:
        yield ""
        yield from (folder[:at] for at, letter in enumerate(folder) if letter == "/")


def _within(folder: str, others: Iterable[str]) -> bool:
    """Whether a folder is one of the others, or lies in one."""
    return not {folder, *_above(folder)}.isdisjoint(others)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _is_own_map(photo: Path) -> bool:
    picture, record = _OWN_MAP
    return photo.name == picture and photo.with_name(record).is_file()
