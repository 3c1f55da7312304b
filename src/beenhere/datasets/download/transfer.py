"""Fetching one file over a network that fails, from a server that may say what is not so."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from beenhere import __version__
from beenhere.datasets.download.attempt import Attempts, Trouble, unwritable
from beenhere.datasets.download.meter import Meter
from beenhere.datasets.download.partial import Partial
from beenhere.datasets.download.patience import PATIENT, Patience
from beenhere.datasets.download.sources import Refused, Source
from beenhere.errors import DataError

_HEADERS = {
    "User-Agent": f"beenhere/{__version__}",
    "Accept-Encoding": "identity",  # ranges then count the bytes of the file, not of a packed one
}


def fetch(
    source: Source,
    file: Path,
    by_hand: str,
    *,
    size: int | None = None,
    space: Callable[[int, int], None] = lambda coming, whole: None,
    patience: Patience = PATIENT,
) -> None:
    """Fetch a file whole, going on with the part of it that an earlier call has left.

    The part lies beside it, as ``NAME.part``. It is gone on with only while the file at the
    server is the same (``If-Range``, ETag, date, size); else the file is fetched from its start.

    Args:
        source: where it is.
        file: where it shall be.
        by_hand: what to do where it cannot be had; ends the message.
        size: bytes that it must have, where that is known.
        space: is told how many bytes are to come, and how many the file has, as soon as that
            shows; raises if they do not fit.
        patience: when to wait and when to give up.

    Raises:
        DataError: it cannot be had: why, and what to do.
    """
    try:
        part = Partial(file, source.key)
        with requests.Session() as session, Meter(file.name) as meter:
            session.headers.update(_HEADERS)
            attempts = Attempts(source, part, size, patience, space, session, meter)
            _persist(attempts, part, patience)
        part.finish()
    except Refused as error:
        raise DataError(f"{file.name} cannot be fetched: {error}; {by_hand}") from error
    except OSError as error:
        raise unwritable(file, error) from error


def _persist(attempts: Attempts, part: Partial, patience: Patience) -> None:
    farthest, failures = part.have, 0
    while not part.is_whole:
        try:
            attempts.once()
            return
        except Trouble as trouble:
            if part.have > farthest:
                farthest, failures = part.have, 0
            failures += 1
            wait = _wait(trouble, failures, patience)
            name = part.file.name
            print(f"{name}: {trouble}; trying again in {wait:.0f} s", file=sys.stderr, flush=True)
            time.sleep(wait)


def _wait(trouble: Trouble, failures: int, patience: Patience) -> float:
    """Seconds until the next attempt.

    Raises:
        Refused: there is to be none.
    """
    if failures >= patience.tries:
        raise Refused(f"{trouble}, {failures} times in a row") from trouble
    asked = trouble.wait or 0
    if asked > patience.longest_asked:
        raise Refused(f"{trouble}; it asks to come back in {asked / 60:,.0f} minutes") from trouble
    return max(patience.wait(failures), asked)
