"""One process at a time; the system takes the lock back when its process ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from beenhere.errors import DataError


@contextmanager
def only_one(lock: Path, busy: str) -> Iterator[None]:
    """Do something while no other process, and no other thread, does it.

    Args:
        lock: a file beside what is worked on; it is gone at the end.
        busy: what to say where another process is at it: who, and what to do.

    Raises:
        DataError: another one is at it.
        OSError: the file cannot be written.
    """
    try:
        with FileLock(lock, blocking=False):
            try:
                yield
            finally:
                # While it is held: who takes the same file later would not know of this one.
                with suppress(OSError):
                    lock.unlink()
    except Timeout as error:
        raise DataError(busy) from error
