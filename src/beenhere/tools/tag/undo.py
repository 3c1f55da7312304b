"""What positions were written over, so that each file can be brought back byte for byte.

``beenhere-undo.jsonl`` in the folder of the photos has a line for each file, which reaches the disk
before the file is changed: how it was, and how to tell that nobody else has changed it since.
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from beenhere.errors import DataError
from beenhere.files.atomic import sync_folder, write_file
from beenhere.files.locks import locked
from beenhere.tools.tag.exif_gps import Splice

UNDO_FILE = "beenhere-undo.jsonl"
_LOCK = ".beenhere-tag.lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Change the photos of a folder while no other process does.

    Raises:
        DataError: another one does.
    """
    busy = f"positions are being written in {folder} by {{holder}}; wait until that has ended"
    with locked(folder / _LOCK, busy, keep=False):
        yield


def change(file: Path, old: bytes | None, splice: Splice) -> None:
    """Change a file, whole or not at all, so that :func:`undo` can bring it back.

    Args:
        file: whose mode and owner stay.
        old: what it holds; None: it is not there.
        splice: what is to become of it.

    Raises:
        OSError: it or its folder cannot be written; the file is as it was then.
    """
    content = splice.of(old or b"")
    entry = {
        "file": file.name,
        "before": None if old is None else _digest(old),
        "after": _digest(content),
        "start": splice.start,
        "length": len(splice.new),
        "old": base64.b64encode((old or b"")[splice.start : splice.end]).decode(),
    }
    with (file.parent / UNDO_FILE).open("ab+") as lines:
        if lines.tell() and lines.seek(-1, os.SEEK_END) >= 0 and lines.read() != b"\n":
            lines.seek(0)  # a process was killed as it wrote a line, before it changed a file
            lines.truncate(lines.read().rfind(b"\n") + 1)
        lines.write(json.dumps(entry).encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())
    sync_folder(file.parent)
    _write_alike(file, content)


def undo(
    folder: Path, names: Collection[str] | None = None
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Bring back files of a folder as they were before positions were written.

    Args:
        folder: with an undo file.
        names: of the files that are meant; None: all.

    Returns:
        The files that are as they were, and path and reason of those that were left as they are,
        which stay in the undo file.

    Raises:
        DataError: the undo file is damaged.
        OSError: it cannot be read or written.
    """
    record = folder / UNDO_FILE
    entries = _read(record)
    done: dict[Path, None] = {}
    left: dict[Path, str] = {}
    kept = []
    for entry in reversed(entries):  # the last change first
        file = folder / entry["file"]
        if names is not None and entry["file"] not in names:
            kept.append(entry)
            continue
        try:
            reason = None if file in left else _bring_back(file, entry)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        if reason is not None:
            left[file] = reason
        if file in left:
            kept.append(entry)
        else:
            done[file] = None
    if kept:
        write_file(record, "".join(json.dumps(entry) + "\n" for entry in reversed(kept)))
    else:
        record.unlink()
    return [file for file in done if file not in left], list(left.items())


def _bring_back(file: Path, entry: dict[str, Any]) -> str | None:
    """None where the file is as it was; else why it is left."""
    now = file.read_bytes() if file.exists() else None
    found = None if now is None else _digest(now)
    if found == entry["before"]:
        return None  # the process was killed before it changed the file
    if now is None:
        return "is gone"
    if found != entry["after"]:
        return "has been changed since, and is left as it is"
    if entry["before"] is None:
        file.unlink()
        return None
    start = entry["start"]
    old = Splice(start, start + entry["length"], base64.b64decode(entry["old"])).of(now)
    if _digest(old) != entry["before"]:
        return "does not become what it was by the undo file, and is left as it is"
    _write_alike(file, old)
    return None


def _read(record: Path) -> list[dict[str, Any]]:
    entries = []
    lines = record.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            name, before, after = entry["file"], entry["before"], entry["after"]
            good = isinstance(name, str) and name not in ("", ".", "..") and "/" not in name
            good &= isinstance(before, str | None) and isinstance(after, str)
            good &= all(isinstance(entry[key], int) and entry[key] >= 0 for key in _NUMBERS)
            base64.b64decode(entry["old"], validate=True)
        except (ValueError, KeyError, TypeError):
            good = False
        if not good and number == len(lines):
            break  # of a process that was killed as it wrote the line, before it changed the file
        if not good:
            raise DataError(f"{record} is damaged in line {number}; nothing was changed")
        entries.append(entry)
    return entries


_NUMBERS = ("start", "length")


def _write_alike(file: Path, content: bytes) -> None:
    """Write a file whole; mode and owner are those of the one before."""
    before = file.stat() if file.exists() else None
    write_file(file, content)
    if before is not None:
        with suppress(OSError):
            file.chmod(stat.S_IMODE(before.st_mode))
            os.chown(file, before.st_uid, before.st_gid)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
