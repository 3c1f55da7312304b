"""One process at a time; the system takes a lock back when its process ends, however it ends."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from beenhere.errors import BeenhereError, DataError
from beenhere.files.regular import read_json, regular

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 0.3
"""A look at who holds a lock holds it for a moment, for which nobody shall be refused."""


@contextmanager
def locked(
    file: Path,
    busy: str,
    wait: float = 0.0,
    *,
    keep: bool = True,
    error: type[BeenhereError] = DataError,
) -> Iterator[None]:
    """Do something while no other process, and no other thread, does it.

    Args:
        file: beside what is worked on. It says who holds the lock.
        busy: the message where another holds it for longer than that: what is going on, and what
            to do. ``{holder}`` in it becomes ``process 71 on desk, since 2026-01-31 12:00:00``.
        wait: seconds to wait for the other; what is waited for is said on standard error.
        keep: whether the file stays afterwards.
        error: the class of the error.

    Raises:
        BeenhereError: ``error``: another one holds it.
        OSError: the file cannot be written, or is a link or a pipe.
    """
    with suppress(FileNotFoundError):
        regular(file, follow=False)  # who holds it is written into it
    lock = FileLock(file)
    deadline = time.monotonic() + max(wait, _GRACE_SECONDS)
    told = wait <= 0
    while True:
        with suppress(Timeout):
            lock.acquire(blocking=False)
            break
        left = deadline - time.monotonic()
        if left <= 0:
            raise error(busy.replace("{holder}", holder(file) or "another process"))
        if not told:
            other = holder(file)
            told = other is not None
            if other is not None:
                print(f"waiting for {other} to end", file=sys.stderr, flush=True)
        time.sleep(min(_POLL_SECONDS, left))
    try:
        _sign(file)
        yield
    finally:
        if not keep:
            # While it is held: who takes the same file later would not know of this one.
            with suppress(OSError):
                file.unlink()
        lock.release()


def holder(file: Path) -> str | None:
    """Who holds a lock, such as ``process 71 on desk, since 2026-01-31 12:00:00+00:00``.

    None where nobody does, or that cannot be told.
    """
    try:
        regular(file, follow=False)
        with FileLock(file).acquire(blocking=False):
            return None
    except Timeout:
        pass
    except OSError:
        return None
    try:
        found = read_json(file)
        return f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _sign(file: Path) -> None:
    """Say who holds it; where the disk is full the holder stays unknown."""
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    signature = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):
        file.write_text(json.dumps(signature))
