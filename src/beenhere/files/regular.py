"""Files that were given or received, opened as what they must be: regular files.

To open a pipe waits for whoever writes it, and to open a device may do anything; and a link in a
folder that came from elsewhere leads out of it. The kind is looked at first, whatever the name.
"""

import errno
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from beenhere.errors import DataError

MOST_BYTES = 1 << 30
"""That are read at once: what is larger is no text and no list that any of our formats needs."""

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
}


def named(path: object) -> Path:
    """A path that somebody gave to a function; an empty text would be the current folder.

    Raises:
        DataError: it is empty, or no path.

    >>> named(3)
    Traceback (most recent call last):
    beenhere.errors.DataError: expected a path or name, got int
    """
    if not isinstance(path, str | Path):
        raise DataError(f"expected a path or name, got {type(path).__name__}")
    if isinstance(path, str) and not path.strip():
        raise DataError("an empty name is given; expected a file or folder")
    return Path(path)


def regular(path: Path, follow: bool = True) -> Path:
    """The path, if a regular file is there; for readers that open files by their names.

    Args:
        follow: whether a link to one will do.

    Raises:
        OSError: there is none, or something else; it says what.
    """
    _check(path.stat(follow_symlinks=follow), path)
    return path


def open_regular(path: Path, follow: bool = True) -> BufferedReader:
    """A regular file, open for reading; arguments and errors as of :func:`regular`."""
    regular(path, follow)
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    # Should another thing have come in its place since: neither waited for nor followed.
    flags |= getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115 - of a number; the caller closes
    try:
        _check(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, most: int = MOST_BYTES, follow: bool = True) -> bytes:
    """All of a regular file of so many bytes at most; else as :func:`open_regular`."""
    with open_regular(path, follow) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than the {most:,} bytes that are expected", str(path))
    return data


def read_json(path: Path) -> Any:
    """The value of a JSON file in UTF-8.

    Raises:
        OSError: as :func:`read_regular`.
        ValueError: it is none, or nested deeper than anything that is written here.
    """
    return parse_json(read_regular(path))


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError as :func:`read_json` does."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _check(status: os.stat_result, path: Path) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        raise OSError(errno.EINVAL, f"is {what}, not a regular file", str(path))
