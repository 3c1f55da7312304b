"""One writer at a time: a lock that the system takes back when its process ends, however it ends.

Readers never lock.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import FileIO
from pathlib import Path

from beenhere.errors import DataError

try:
    import fcntl
except ImportError:  # Windows: two writers at once are then not noticed
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"

_POLL_SECONDS = 0.1


@contextmanager
def writing(folder: Path, wait: float) -> Iterator[None]:
    """Be the one writer of an index.

    Args:
        folder: of the index; it exists.
        wait: seconds to wait for another writer to end; what is waited for is said on standard
            error.

    Raises:
        DataError: another process writes, and goes on for longer than that; it is named.
        OSError: the folder cannot be written.
    """
    # Unbuffered: what a full disk refuses shall not be tried again when the file is closed.
    with (folder / LOCK).open("a+b", buffering=0) as lock:
        if fcntl is not None:
            _take(lock, folder, wait)
            _sign(lock)
        yield


def writer_of(folder: Path) -> str | None:
    """Who writes an index now, such as ``process 71 on desk, since 2026-01-31 12:00:00+00:00``.

    None where nobody does, or that cannot be told.
    """
    if fcntl is None:
        return None
    try:
        with (folder / LOCK).open("rb", buffering=0) as lock:
            try:
                # Shared, and given back at once: a writer who comes meanwhile may be refused.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(lock)
    except OSError:
        return None
    return None


def _take(lock: FileIO, folder: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DataError(
                    f"{folder} is being written by {_holder(lock)}; try again when it has ended, "
                    "or wait for it by --wait SECONDS"
                ) from error
            if not told:
                print(f"waiting for {_holder(lock)} to end", file=sys.stderr, flush=True)
                told = True
            time.sleep(min(_POLL_SECONDS, left))


def _sign(lock: FileIO) -> None:
    """Say who writes; where the disk is full the writer stays unknown."""
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    signature = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):
        lock.truncate(0)
        lock.write(json.dumps(signature).encode())


def _holder(lock: FileIO) -> str:
    lock.seek(0)
    try:
        found = json.loads(lock.read())
        return f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
