"""Files and folders that are there whole or not there, whenever the process is killed.

A file is written beside its name, brought to the disk, and renamed: a kill or a power cut leaves
the old one there, or the new. Its mode is that of any new file of the process (0666 less the
umask), whoever writes its content, so that others can read what is shared.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from beenhere.errors import DataError
from beenhere.files.locks import locked
from beenhere.wording import file_size

BESIDE = ".new-"
"""Before the name of a file while it is written; its end may tell a library the format."""


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Where to write what shall be a file, which gets its name at a clean end.

    An error leaves nothing behind, and what was there before as it was. A link is replaced, and
    never written through.

    Args:
        file: in a folder that is there. No two processes write the same one at once. A device or
            a pipe, such as ``/dev/stdout``, is written itself.

    Raises:
        OSError: the disk is full, say.
    """
    if is_stream(file):
        yield file
        return
    new = file.with_name(f"{BESIDE}{file.name}")
    with suppress(FileNotFoundError):
        new.unlink()  # of a process that was killed, or a link that leads elsewhere
    # Exclusive: whatever comes between is refused rather than followed.
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    mode = os.fstat(handle).st_mode & 0o777
    os.close(handle)
    try:
        yield new
        with new.open("rb+") as written:
            os.fsync(written.fileno())
        new.chmod(mode)  # safetensors, for one, makes files that only their owner can read
        new.replace(file)
        sync_folder(file.parent)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def write_file(file: Path, content: bytes | str) -> None:
    """Write a file as :func:`replacing` does; text is UTF-8.

    Raises:
        OSError: the disk is full, say; what was there before is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(file) as new:
        new.write_bytes(data)


def write_json(file: Path, values: Any) -> None:
    """Write values as indented JSON with a line's end, as :func:`write_file` does."""
    write_file(file, json.dumps(values, indent=1) + "\n")


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with suppress(OSError):  # Windows and some network disks cannot open or sync folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def new_folder(out: Path, source: Path | None = None) -> Iterator[Path]:
    """A new folder to fill, which gets its name at a clean end and else is removed.

    It lies beside that name, so that it gets it in one step, after all of it has reached the disk.
    What a killed process left is removed by the next one with the same name.

    Args:
        out: what it will be called; an empty folder may be there. Those above it are made, too.
        source: what it is made of, which is to stay as it is; None: nothing that could be in it.

    Raises:
        DataError: ``out`` is a file, a folder that holds something, in the source, or being made
            by another process.
        OSError: its place cannot be written.
    """
    if source is not None:
        refuse_inside(out, source)
    _refuse_taken(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.with_name(f".staging-{out.name}")
    busy = f"{out} is being made by another process; wait until that has ended"
    with locked(folder.with_name(f"{folder.name}.lock"), busy, keep=False):
        if folder.exists():
            shutil.rmtree(folder)
        _refuse_taken(out)
        folder.mkdir()
        try:
            yield folder
            # Once for all: a set has half a million files, and to wait for each takes the better
            # part of an hour on a hard disk. Windows lacks it, and renames over no folder.
            if hasattr(os, "sync"):
                os.sync()
            elif out.exists():
                out.rmdir()
            _refuse_taken(out)
            folder.rename(out)
            sync_folder(out.parent)
        finally:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)


def _refuse_taken(out: Path) -> None:
    if holds_something(out):
        what = "holds something already" if out.is_dir() else "is there already"
        raise DataError(f"{out} {what}, and nothing is overwritten; give a new or empty folder")


def refuse_inside(out: Path, source: Path) -> None:
    """Raise where a new folder would lie in the one it is made of.

    Raises:
        DataError: it does.
    """
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}, which is to stay as it is; give another folder")


def holds_something(folder: Path) -> bool:
    """Whether anything is there; an empty folder is nothing."""
    if not folder.is_dir() or folder.is_symlink():
        return folder.exists() or folder.is_symlink()
    return next(folder.iterdir(), None) is not None


def free_bytes(folder: Path) -> int:
    """Bytes that are free where a folder is, or would be."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def need_space(folder: Path, bytes: int, what: str) -> None:
    """See that something fits.

    Args:
        folder: where it is to lie; need not exist yet.
        bytes: what it takes.
        what: a few words for the message, such as ``"gsv_xs.zip and what is in it"``.

    Raises:
        DataError: it does not; both sizes are named.
    """
    free = free_bytes(folder)
    if bytes > free:
        raise DataError(
            f"{what} takes {file_size(bytes)}, and {folder} has {file_size(free)} left; "
            "make room, or give a folder on another disk"
        )


def is_stream(file: Path) -> bool:
    """Whether it is no plain file; a redirected ``/dev/stdout`` leads to one, but is none."""
    streams = (Path("/dev"), Path("/proc"))
    return any(file.absolute().is_relative_to(root) for root in streams) or (
        file.exists() and not file.is_file()
    )
