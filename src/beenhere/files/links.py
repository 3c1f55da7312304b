"""Files under new names: hard links where the file system has them, else copies, byte by byte."""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from beenhere.errors import DataError
from beenhere.files.atomic import need_space
from beenhere.progress import progress

_THREADS = 8
"""A network folder answers several in the time of one."""
_QUIET = 1000
"""Fewer are done before a bar is read."""


def link_or_copy(sources: Sequence[str], targets: Sequence[Path]) -> int:
    """Give files new names, in folders that are there; the old ones stay.

    Args:
        sources: files, or links to files.
        targets: names that are not taken, one for each.

    Returns:
        How many are hard links: what is done to such a file is done under both names.

    Raises:
        DataError: a file that cannot be read, or no room for copies.
    """
    if targets:
        _need_room(sources, targets[0].parent)
    linked = 0
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        progress("files", len(targets), least=_QUIET) as advance,
    ):
        try:
            for one in pool.map(_place, sources, targets):
                linked += one
                advance(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return linked


def _need_room(sources: Sequence[str], folder: Path) -> None:
    """See that files that have to be copied fit: from other disks, or where links do not work."""
    disk = folder.stat().st_dev
    found = {path: _status(path) for path in sources}
    here = next((path for path, status in found.items() if status.st_dev == disk), None)
    links = here is not None and _links_work(here, folder)
    copied = sum(s.st_size for s in found.values() if not links or s.st_dev != disk)
    if copied:
        need_space(folder, copied, "a copy of the files")


def _links_work(source: str, folder: Path) -> bool:
    probe = folder / ".link"
    try:
        os.link(os.path.realpath(source), probe)
    except OSError:
        return False
    probe.unlink()
    return True


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116 - half a million Paths take seconds
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _place(source: str, target: Path) -> bool:
    """Whether it was linked."""
    real = os.path.realpath(source)  # a link to a link would be one to nothing elsewhere
    try:
        os.link(real, target)
    except OSError:  # another disk, or a file system without hard links
        try:
            shutil.copyfile(real, target)
        except OSError as error:
            raise DataError(f"{source}: cannot be copied ({error.strerror})") from error
        with suppress(OSError):  # times and modes that the file system does not know
            shutil.copystat(real, target)
        return False
    return True
