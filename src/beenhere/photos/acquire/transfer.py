"""Fetching one file over a network that fails, from a server that may say what is not so."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
import urllib3

from beenhere.errors import DataError
from beenhere.files.atomic import sync_folder, write_json
from beenhere.files.regular import read_json
from beenhere.photos.acquire.sources import (
    Client,
    FileResponse,
    PermanentFailure,
    Timeout,
    TooSlow,
    UrlSource,
)
from beenhere.progress import progress
from beenhere.wording import file_size, one_line

RETRY = urllib3.Retry(total=6, backoff_factor=1, backoff_max=60, backoff_jitter=1)
"""Seven failures in a row end a transfer; one that brought bytes starts the count anew.

Seconds between them double, and are not all alike, so that many who were cut off together do not
come back together.
"""
TIMEOUT: Timeout = (20.0, 60.0)
LONGEST_WAIT = 600.0
"""Seconds to wait at most because the server asks for it."""

_MEGABYTE = 1_000_000
_PASSING = frozenset({408, 425, 429})
"""Statuses of the 4xx that another try may change; all of the 5xx may, too."""
_REASONS = {
    401: "it asks for a password",
    403: "it forbids the download",
    404: "there is no such file any more",
    410: "the file has been taken away",
}


class TemporaryFailure(Exception):
    """An attempt that failed where another may do better, after ``wait`` seconds at least."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def fetch(
    source: UrlSource,
    file: Path,
    by_hand: str,
    *,
    size: int | None = None,
    space: Callable[[int, int], None] = lambda coming, whole: None,
    retry: urllib3.Retry = RETRY,
    timeout: Timeout = TIMEOUT,
) -> None:
    """Fetch a file whole, going on with the part of it that an earlier call has left.

    The part is in the same folder, as ``NAME.part``. It is gone on with only while the file at the
    server is the same (``If-Range``, ETag, date, size); else the file is fetched from its start.

    Args:
        source: where it is.
        file: where it shall be.
        by_hand: what to do where it cannot be had; ends the message.
        size: bytes that it must have, where that is known.
        space: is called with how many bytes are to come, and how many the file has, as soon as
            that shows; raises if they do not fit.
        retry: how many failures in a row end it (``total`` and one), and the waits between them.
        timeout: seconds to wait for a connection, and for the next byte.

    Raises:
        DataError: it cannot be had: why, and what to do.
    """
    try:
        with Client() as client, ExitStack() as bar:
            download = _Download(source, file, size, space, timeout, client, bar)
            farthest, left = download.have, retry
            while not download.is_whole:
                try:
                    download.attempt()
                    break
                except TemporaryFailure as failure:
                    if download.have > farthest:
                        farthest, left = download.have, retry
                    left = _wait_after(failure, left, file.name)
        download.finish()
    except PermanentFailure as error:
        raise DataError(f"{file.name} cannot be fetched: {error}; {by_hand}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{file} cannot be written ({reason}); mend that and type the same again: "
            "what has been fetched is kept"
        ) from error


def _wait_after(failure: TemporaryFailure, left: urllib3.Retry, name: str) -> urllib3.Retry:
    """Sleep until the next attempt is due; returns how many are left after it.

    Raises:
        PermanentFailure: there is to be none.
    """
    try:
        left = left.increment("GET", name, error=failure)
    except urllib3.exceptions.MaxRetryError:
        times = len(left.history) + 1
        raise PermanentFailure(f"{failure}, {times} times in a row") from failure
    if failure.wait > LONGEST_WAIT:
        minutes = f"{failure.wait / 60:,.0f} minutes"
        raise PermanentFailure(f"{failure}; it asks to come back in {minutes}") from failure
    wait = max(left.get_backoff_time(), failure.wait)
    print(f"{name}: {failure}; trying again in {wait:.0f} s", file=sys.stderr, flush=True)
    time.sleep(wait)
    return left


@dataclass(frozen=True)
class _Version:
    """Facts in which one version of a file at a server differs from the next; None: not said."""

    source: str
    etag: str | None
    modified: str | None
    size: int | None

    @property
    def validator(self) -> str | None:
        """The value of ``If-Range``: a strong ETag, or the date (RFC 9110, section 13.1.5)."""
        weak = self.etag is None or self.etag.startswith("W/")
        return self.modified if weak else self.etag


@dataclass
class _Download:
    """Attempts at one file, which go on from each other; see :func:`fetch` for the arguments.

    All that has come is in ``NAME.part``; ``NAME.part.json`` says of which version it is a part.
    """

    source: UrlSource
    file: Path
    size: int | None
    space: Callable[[int, int], None]
    timeout: Timeout
    client: Client
    bar: ExitStack
    version: _Version | None = None
    advance: Callable[[int], None] | None = None
    shown: int = 0
    ranges: bool = True  # until the server shows that it does not understand them

    def __post_init__(self) -> None:
        self.part = self.file.with_name(f"{self.file.name}.part")
        self.about = self.file.with_name(f"{self.file.name}.part.json")
        with suppress(OSError, ValueError, TypeError):  # none, or what a person has put there
            version = _Version(**read_json(self.about))
            self.version = version if version.source == self.source.key else None

    @property
    def have(self) -> int:
        """Bytes from the start that can be gone on from."""
        return self.part.stat().st_size if self.version and self.part.exists() else 0

    @property
    def is_whole(self) -> bool:
        return self.version is not None and self.version.size == self.have

    def attempt(self) -> None:
        """Ask for what is missing, and take what comes; the part is whole then.

        Raises:
            TemporaryFailure: not all of it came.
            PermanentFailure: it never will.
            OSError: it cannot be written.
        """
        have, headers = self.have if self.ranges else 0, {}
        if have and self.version is not None:
            headers["Range"] = f"bytes={have}-"
            if self.version.validator is not None:
                headers["If-Range"] = self.version.validator
        try:
            with closing(self.source.ask(self.client, headers, self.timeout)) as response:
                self._take(response, have)
        except TooSlow as error:
            raise TemporaryFailure("the connection brought next to nothing for a while") from error
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            raise PermanentFailure(f"there is no safe connection ({_cause(error)})") from error
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TemporaryFailure(f"nothing came for {self.timeout[1]:g} s") from error
        except urllib3.exceptions.ProtocolError as error:
            came = file_size(self.have)
            raise TemporaryFailure(f"the connection was cut when {came} had come") from error
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise TemporaryFailure(f"the connection failed ({_cause(error)})") from error
        except requests.exceptions.RequestException as error:
            raise PermanentFailure(_cause(error)) from error

    def finish(self) -> None:
        """Give the file its name, after its bytes have reached the disk."""
        with self.part.open("ab") as part:
            os.fsync(part.fileno())
        self.part.replace(self.file)
        sync_folder(self.file.parent)
        self.about.unlink(missing_ok=True)

    def _take(self, response: FileResponse, have: int) -> None:
        version, etag = self.version, response.headers.get("ETag")
        if response.status == 200:
            # From the start: nothing was there, or what was there is of no use.
            have, size = 0, response.length
            self._refuse_other_size(size)
            self._forget()
            modified = response.headers.get("Last-Modified")
            self.version = _Version(self.source.key, etag, modified, size)
            write_json(self.about, asdict(self.version))
            whole = end = self.size if size is None else size
        elif response.status == 206 and have and version is not None:
            found = response.content_range
            if found is None or found[0] != have:
                self.ranges = False
                raise TemporaryFailure("the server sent another range than it was asked for")
            _, end, size = found
            resized = version.size is not None and size not in (None, version.size)
            if resized or etag not in (None, version.etag):
                raise self._changed()
            size = size if version.size is None else version.size
            self._refuse_other_size(size)
            whole = self.size if size is None else size
        elif response.status == 416 and have:
            # The file ends where the part ends, says the server, or before.
            if have != (response.size_without_rest if self.size is None else self.size):
                raise self._changed()
            return
        elif response.status in _PASSING or response.status >= 500:
            wait = _retry_after(response.headers.get("Retry-After", ""))
            raise TemporaryFailure(f"the server is busy or broken (status {response.status})", wait)
        else:
            reason = _REASONS.get(response.status, "the server answers what makes no sense here")
            raise PermanentFailure(f"{reason} (status {response.status} from {response.url})")
        if whole is not None:
            self.space(whole - have, whole)
        self._append(response, have, end)
        if whole is not None and end is not None and end < whole:
            raise TemporaryFailure(f"the server sent {end} of {whole} bytes")
        if whole is None and (response.status == 206 or not response.in_chunks):
            print(
                f"{self.file.name}: the server does not say how long it is; whether all of it came "
                "shows when it is opened",
                file=sys.stderr,
            )

    def _forget(self) -> None:
        # The bytes first: without them their version says nothing wrong.
        self.part.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)
        self.version = None

    def _changed(self) -> TemporaryFailure:
        self._forget()
        return TemporaryFailure(
            "the file at the server has changed, so it is fetched from its start"
        )

    def _refuse_other_size(self, size: int | None) -> None:
        if None not in (size, self.size) and size != self.size:
            self._forget()
            raise PermanentFailure(
                f"the server has a file of {size} bytes where {self.size} are expected; "
                "it has been changed"
            )

    def _append(self, response: FileResponse, have: int, end: int | None) -> None:
        """Write what comes, up to ``end`` bytes in all."""
        self._show(have, end)
        with self.part.open("ab") as part:
            for chunk in response.chunks():
                if end is not None and have + len(chunk) > end:
                    raise TemporaryFailure(f"the server sent more than {end} bytes")
                part.write(chunk)
                have += len(chunk)
                self._show(have, end)
        if end is not None and have < end:
            raise TemporaryFailure(f"the connection ended after {have} of {end} bytes")

    def _show(self, have: int, end: int | None) -> None:
        """Progress in megabytes, from where the first attempt that brought something began."""
        if self.advance is None:
            self.shown = have // _MEGABYTE
            after = f" after {file_size(have)}" if have else ""
            total = None if end is None else end // _MEGABYTE - self.shown
            bar = progress(f"{self.file.name}{after}, MB", total)
            self.advance = self.bar.enter_context(bar)
        steps = have // _MEGABYTE - self.shown
        if steps:  # below 0 where the file began anew
            self.shown += steps
            self.advance(steps)


def _retry_after(text: str) -> float:
    """Seconds that a server asks to wait; 0 where it says nothing, or nothing that makes sense."""
    try:
        return RETRY.parse_retry_after(text)
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0


def _cause(error: BaseException) -> str:
    """The cause of an error of the network, in one line without the objects it went through."""
    while True:
        inner = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = one_line(error, None)
    return text.rsplit("): ", 1)[-1].removeprefix("Failed to establish a new connection: ")
