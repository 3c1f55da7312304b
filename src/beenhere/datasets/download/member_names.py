"""Names in archives, which anybody may have written."""

import re
from pathlib import PurePosixPath

LONGEST_PART = 255
"""Bytes of one name between slashes that common file systems take."""
LONGEST = 1024
"""Bytes of a whole name; with the folder it is unpacked to it must stay under the system's 4096."""

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class UnsafeName(ValueError):
    """A name that must not be written; the message says why, in a few words."""


def safe_path(name: str) -> PurePosixPath:
    """The path of a member below the folder it is unpacked to.

    Args:
        name: as the archive has it, with ``/`` between its parts; ``./`` and ``//`` are harmless.

    Raises:
        UnsafeName: it leads out of the folder, is absolute, or is odd: control characters,
            backslashes (a separator on one system, a letter on another), no valid Unicode, or
            longer than file systems take.
    """
    if name.startswith("/") or _DRIVE.match(name):
        raise UnsafeName("is absolute")
    if "\\" in name:
        raise UnsafeName("has a backslash")
    if _CONTROL.search(name):
        raise UnsafeName("has control characters")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeName("leads out of the folder")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise UnsafeName("is not UTF-8") from error
    if max(lengths, default=0) > LONGEST_PART or sum(lengths) + len(lengths) > LONGEST:
        raise UnsafeName("is too long")
    return PurePosixPath(*parts)


def is_litter(path: PurePosixPath) -> bool:
    """Whether a member is what macOS puts beside files, which is of no use to anybody."""
    return "__MACOSX" in path.parts[:1] or path.name.startswith("._") or path.name == ".DS_Store"
