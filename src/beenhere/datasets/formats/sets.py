"""Which sets of photos lie below a folder: training photos, databases with queries."""

from dataclasses import dataclass
from pathlib import Path

from beenhere.datasets.formats.gsv_cities import is_gsv_cities
from beenhere.datasets.formats.listing import TABLE_SUFFIXES, Listing, list_photos

SPLITS = frozenset({"train", "val", "test"})
"""Folders of these names are sets of their own, where there are several."""


@dataclass(frozen=True)
class PhotoSet:
    """A folder or file that can be read by itself.

    Attributes:
        evaluation: whether it has a database and queries.
    """

    path: Path
    evaluation: bool


def side(tree: Path, name: str) -> Path | None:
    """``database`` or ``queries`` of a folder: a folder, or a table of that name."""
    candidates = [tree / name, *(tree / f"{name}{suffix}" for suffix in sorted(TABLE_SUFFIXES))]
    return next((path for path in candidates if path.exists()), None)


def is_evaluation(folder: Path) -> bool:
    """Whether a folder has a database and queries."""
    return side(folder, "database") is not None and side(folder, "queries") is not None


def sets_in(path: Path) -> list[PhotoSet]:
    """The sets below a folder that holds several, else the path itself."""
    if is_evaluation(path):
        return [PhotoSet(path, True)]
    if not path.is_dir() or is_gsv_cities(path):
        return [PhotoSet(path, False)]
    return sets_of(list_photos(path)) or [PhotoSet(path, False)]


def sets_of(listing: Listing) -> list[PhotoSet]:
    """The sets below the root of a listing, by path; empty where the root is all there is.

    Where there is a set, photos in other folders of the root are sets too.
    """
    folders = frozenset(listing.folders)
    trees = [
        folder
        for folder in ("", *listing.folders)
        if {_inside(folder, "database"), _inside(folder, "queries")} <= folders
    ]
    splits = [
        folder
        for folder in listing.folders
        if folder.rpartition("/")[2] in SPLITS
        and not any(tree == folder or tree.startswith(f"{folder}/") for tree in trees)
        and not any(folder.startswith(_inside(tree, "")) for tree in trees)
    ]
    if not trees and len({folder.rpartition("/")[2] for folder in splits}) < 2:
        return []  # one folder called "test" is no reason to take a person's photos apart
    taken = {folder.partition("/")[0] for folder in trees + splits}
    tops = {photo.partition("/")[0] for photo in listing.photos if "/" in photo}
    return [
        PhotoSet(listing.root / folder, folder in trees)
        for folder in sorted({*trees, *splits, *(tops - taken if "" not in taken else ())})
    ]


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
