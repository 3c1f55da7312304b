"""Which photos and tables lie in a folder: one walk, no file is opened."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from PIL import Image

from beenhere.errors import DataError

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)
"""Ends of file names, in lower case, that are taken for photos."""
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""Ends of file names, in lower case, that are taken for tables of photos."""
CONDITIONS = "conditions.csv"
"""The table beside ``database/`` and ``queries/`` that is not one of photos."""
SIDES = (("database", "queries"), ("ref", "query"))
"""Names of the two sides of an evaluation set; the second pair is VPR-Bench's."""

_BY_PLUGIN = frozenset({".heic", ".heif", ".avif"})
_RAW = frozenset({".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"})
_NOT_OURS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})


@dataclass
class Listing:
    """The content of a folder; paths are relative to it, with ``/``, sorted by their characters.

    Attributes:
        root: the folder.
        photos: files that look like photos by their names.
        folders: every folder below.
        tables: CSV and Parquet files directly in the root, but no ``conditions.csv``.
        inner_tables: those in folders below.
        others: names of a few of the files that are neither.
        unusable: ``(path, reason)`` of what looks like a photo and cannot be one here.
    """

    root: Path
    photos: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    inner_tables: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)

    def paths(self, photos: list[str]) -> list[str]:
        """Relative paths with the root in front."""
        start = os.path.join(self.root, "")  # noqa: PTH118 - pathlib drops the end slash
        return [start + photo for photo in photos]


def list_photos(root: Path) -> Listing:
    """Walk a folder and all below it.

    Hidden files and folders (macOS's ``._x.jpg`` too) and thumbnail folders are passed over. A
    link to a folder is followed once, and not at all if it points back into the walk.

    Raises:
        DataError: the folder itself cannot be read.
    """
    if not is_text(str(root)):
        raise DataError(f"{root}: the name of the folder is not UTF-8; rename it")
    found = Listing(root)
    followed = [Path(os.path.realpath(root))]
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as entries:
                inner = [
                    entry
                    for entry in entries
                    if not entry.name.startswith(".") and entry.name not in _NOT_OURS
                ]
        except OSError as error:
            if not folder:
                raise DataError(f"{root}: cannot be read ({error.strerror})") from error
            found.unusable.append((str(root / folder), f"folder not read: {error.strerror}"))
            continue
        for entry in inner:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_folder(entry):
                _add_file(found, entry, name)
            elif not entry.is_symlink() or _new_target(entry, followed):
                found.folders.append(name)
                pending.append(name)
    for names in (found.photos, found.folders, found.tables, found.inner_tables, found.others):
        names.sort()
    found.unusable.sort()
    return found


def sides(tree: Path) -> tuple[Path, Path] | None:
    """Database and queries of a folder: folders, or tables of these names; None without both."""
    ends = ("", *sorted(TABLE_SUFFIXES))
    for names in SIDES:
        found = [[tree / f"{name}{end}" for end in ends] for name in names]
        database, queries = ([path for path in paths if path.exists()] for paths in found)
        if database and queries:
            return database[0], queries[0]
    return None


def existing(paths: Sequence[str]) -> list[bool]:
    """Whether each file is there; one look at a folder is quicker than one at each file."""
    names: dict[str, set[str]] = {}
    there = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in names:
            try:
                names[folder] = set(os.listdir(folder or "."))  # noqa: PTH208 - names are wanted
            except (OSError, ValueError):  # no such folder; a name with a zero byte
                names[folder] = set()
        there.append(name in names[folder])
    return there


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _new_target(entry: "os.DirEntry[str]", followed: list[Path]) -> bool:
    """Whether a linked folder lies outside of all that is walked; remembers it then."""
    target = Path(os.path.realpath(entry.path))
    if any(target.is_relative_to(other) or other.is_relative_to(target) for other in followed):
        return False
    followed.append(target)
    return True


def _add_file(found: Listing, entry: "os.DirEntry[str]", name: str) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - 500,000 Paths take seconds
    if suffix in PHOTO_SUFFIXES or suffix in _BY_PLUGIN or suffix in _RAW:
        reason = _refusal(entry, name, suffix)
        if reason is None:
            found.photos.append(name)
        else:
            shown = os.fsencode(found.root / name).decode("utf-8", "replace")
            found.unusable.append((shown, reason))
    elif suffix in TABLE_SUFFIXES and entry.name != CONDITIONS:
        if not entry.is_file():
            found.unusable.append((str(found.root / name), "not a regular file"))
            return
        (found.inner_tables if "/" in name else found.tables).append(name)
    elif len(found.others) < 100:
        found.others.append(name)


def _refusal(entry: "os.DirEntry[str]", name: str, suffix: str) -> str | None:
    if suffix in _RAW:
        return "camera raw file: save it as JPEG"
    if suffix in _BY_PLUGIN and suffix not in _plugin_suffixes():
        return f"{suffix[1:].upper()} photo: save it as JPEG"
    if entry.is_symlink() and not os.path.isfile(entry.path):  # noqa: PTH113
        return "link to nothing"
    if not entry.is_file():
        return "not a regular file"
    return None if is_text(name) else "its name is not UTF-8: rename it"


def is_text(name: str) -> bool:
    """Whether a name is UTF-8; Python stands for other bytes by halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _plugin_suffixes() -> frozenset[str]:
    """Those of the suffixes that only some installations of Pillow can read."""
    return _BY_PLUGIN & Image.registered_extensions().keys()
