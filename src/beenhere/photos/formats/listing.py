"""Which photos and tables lie in a folder: one walk, which opens no file that has a suffix."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from beenhere.errors import DataError
from beenhere.photos.photo_file import begins_as_photo, readable_suffixes
from beenhere.wording import count

_PHOTOS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".insp", ".mpo"),
        *(".png", ".apng", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
        *(".jp2", ".j2k", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""Ends of file names, in lower case, that are taken for tables of photos."""
CONDITIONS = "conditions.csv"
"""The table beside ``database/`` and ``queries/`` that is not one of photos."""
SIDES = (("database", "queries"), ("ref", "query"))
"""Names of the two sides of an evaluation set; the second pair is VPR-Bench's."""
_NAMED = 6

LEFT_OUT = "left out: "
"""How the note of a folder begins that says which of its files are not read."""

_BY_PLUGIN = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC photo: save it as JPEG"),
    ".avif": "AVIF photo: save it as JPEG",
    ".jxl": "JPEG XL photo: install pillow-jxl-plugin (beenhere[jxl]), or save it as JPEG",
}
"""Suffixes that only some installations can read, and what is said where one cannot."""
_RAW = frozenset({".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw"})
_NOT_OURS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
_BESIDE = frozenset({".aae", ".xmp", ".thm", ".lrv", ".ini", ".db", ".yaml", ".jsonl"})
"""Suffixes of what cameras, editors and we ourselves put beside photos: nobody expects a photo."""
_SUFFIX = re.compile(r"\.[a-z][a-z0-9_~-]{0,11}|\.[0-9][a-z]{2}")  # 3gp


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
        left_out: how many of these there are of each suffix; but for what lies beside photos as a
            matter of course.
        unusable: ``(path, reason)`` of what looks like a photo and cannot be one here.
    """

    root: Path
    photos: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    inner_tables: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unusable: list[tuple[str, str]] = field(default_factory=list)

    def paths(self, photos: list[str]) -> list[str]:
        """Relative paths with the root in front."""
        start = os.path.join(self.root, "")  # noqa: PTH118 - pathlib drops the end slash
        return [start + photo for photo in photos]

    def notes(self) -> list[tuple[str, str]]:
        """What a table of these photos has to say of the files that are none: a note, or none."""
        if not self.left_out:
            return []
        most = sorted(self.left_out.items(), key=lambda each: (-each[1], each[0]))[:_NAMED]
        some = [f"{suffix} {number:,}" for suffix, number in most]
        more = ["..."] if len(self.left_out) > _NAMED else []
        files = count(self.left_out.total(), "file that is", "files that are")
        return [
            (str(self.root), f"{LEFT_OUT}{files} not read as photos ({', '.join(some + more)})")
        ]


def list_photos(root: Path) -> Listing:
    """Walk a folder and all below it.

    Hidden files and folders (macOS's ``._x.jpg`` too) and thumbnail folders are passed over. No
    folder is walked twice, by whatever links: where it lies comes before a link to it. A link to a
    folder around the root is not followed.

    Raises:
        DataError: the folder itself cannot be read.
    """
    if not is_text(str(root)):
        raise DataError(f"{root}: the name of the folder is not UTF-8; rename it")
    found = Listing(root)
    seen: set[tuple[int, int]] = set()
    pending, links = [""], list[str]()
    while pending or links:
        folder = pending.pop() if pending else links.pop()
        if not _is_new(root / folder, root, seen):
            continue
        if folder:
            found.folders.append(folder)
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
            else:
                (links if entry.is_symlink() else pending).append(name)
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


def as_on_disk(paths: Sequence[str]) -> list[str | None]:
    """The path of each file as its folder spells it; None where there is no such file.

    A letter such as e with an accent is one character or two (Unicode's NFC and NFD), by the
    machine that wrote the name: both are the same name here.
    """
    names: dict[str, dict[str, str]] = {}  # one look at a folder is quicker than one at each file

    def listed(folder: str) -> dict[str, str]:
        if folder not in names:
            try:
                found = os.listdir(folder or ".")  # noqa: PTH208 - names are wanted
            except (OSError, ValueError):  # no such folder; a name with a zero byte
                found = []
            # As it is written first: two names may differ in this alone.
            names[folder] = {composed(name): name for name in found} | {
                name: name for name in found
            }
        return names[folder]

    def spelt(path: str) -> str | None:
        folder, name = os.path.split(path)
        if not folder.isascii() and not listed(folder):
            above = spelt(folder)
            folder = above if above is not None else folder
        inside = listed(folder)
        name = inside.get(name) or inside.get(composed(name), "")
        return os.path.join(folder, name) if name else None  # noqa: PTH118 - many paths

    return [spelt(path) for path in paths]


def composed(name: str) -> str:
    """A file's name with its accents in one way (NFC), to be compared with another."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _is_new(folder: Path, root: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was not walked yet; it counts as walked then."""
    try:
        status = folder.stat()
    except OSError:
        return True  # to be walked, and named as one that cannot be
    linked = folder != root and folder.is_symlink()
    if linked and Path(os.path.realpath(root)).is_relative_to(os.path.realpath(folder)):
        return False
    before = len(seen)
    seen.add((status.st_dev, status.st_ino))
    return len(seen) > before


def suffix_of(name: str) -> str:
    """What a file's name ends in, in lower case; empty where it ends in no suffix of letters."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - 500,000 Paths take seconds
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def is_photo(path: str) -> bool:
    """Whether a file is taken for a photo: by its suffix, or by its first bytes if it has none."""
    suffix = suffix_of(path)
    return suffix in _PHOTOS or suffix in _BY_PLUGIN or (not suffix and begins_as_photo(Path(path)))


def _add_file(found: Listing, entry: "os.DirEntry[str]", name: str) -> None:
    suffix = suffix_of(entry.name)
    if suffix in _RAW or is_photo(entry.path):
        reason = _refusal(entry, name, suffix)
        if reason is None:
            found.photos.append(name)
        else:
            shown = os.fsencode(found.root / name).decode("utf-8", "replace")
            found.unusable.append((shown, reason))
        return
    if suffix in TABLE_SUFFIXES and entry.name != CONDITIONS:
        if not entry.is_file():
            found.unusable.append((str(found.root / name), "not a regular file"))
            return
        (found.inner_tables if "/" in name else found.tables).append(name)
        return
    if suffix not in _BESIDE:
        found.left_out[suffix or "without a suffix"] += 1
    if len(found.others) < 100:
        found.others.append(name)


def _refusal(entry: "os.DirEntry[str]", name: str, suffix: str) -> str | None:
    if suffix in _RAW:
        return "camera raw file: save it as JPEG"
    if suffix in _BY_PLUGIN and suffix not in readable_suffixes():
        return _BY_PLUGIN[suffix]
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
