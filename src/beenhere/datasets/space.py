"""Whether something fits a disk, before it is begun; and sizes as a person reads them."""

import shutil
from pathlib import Path

from beenhere.errors import DataError


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
            f"{what} takes {size_text(bytes)}, and {folder} has {size_text(free)} left; "
            "make room, or give a folder on another disk"
        )


def size_text(bytes: int) -> str:
    """Such as ``"12.3 GB"``; powers of 1000, as disks are sold."""
    size = float(bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
