"""Which sets of photos lie below a folder: training photos, databases with queries."""

from dataclasses import dataclass
from pathlib import Path

from beenhere.datasets.formats.gsv_cities import is_gsv_cities
from beenhere.datasets.formats.listing import Listing, list_photos
from beenhere.datasets.formats.published import published_at
from beenhere.datasets.formats.sides import PAIRS, sides

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


def is_evaluation(folder: Path) -> bool:
    """Whether a folder has a database and queries, or is a published set that has them."""
    if published_at(folder) is not None:
        return True
    return sides(folder) is not None


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
    published = [
        folder
        for folder in listing.folders
        if "/" not in folder and published_at(listing.root / folder) is not None
    ]
    within = tuple(_inside(folder, "") for folder in published)
    others = [
        folder
        for folder in listing.folders
        if folder not in published and not folder.startswith(within)
    ]
    folders = frozenset(others)
    trees = published + [
        folder
        for folder in ("", *others)
        if any({_inside(folder, name) for name in pair} <= folders for pair in PAIRS)
    ]
    splits = [
        folder
        for folder in others
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
