"""One request for what is still missing of a file, and what becomes of each possible answer."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import requests
import urllib3

from beenhere.datasets.download.answer import Answer
from beenhere.datasets.download.meter import Meter, SlownessWatch
from beenhere.datasets.download.partial import Partial, Version
from beenhere.datasets.download.patience import Patience
from beenhere.datasets.download.sources import Refused, Source
from beenhere.errors import DataError
from beenhere.wording import file_size, one_line

_PASSING = frozenset({408, 425, 429})
"""Statuses of the 4xx that another try may change; all of the 5xx may, too."""
_REASONS = {
    401: "it asks for a password",
    403: "it forbids the download",
    404: "there is no such file any more",
    410: "the file has been taken away",
}


class Trouble(Exception):
    """An attempt that failed where another may do better.

    Attributes:
        wait: seconds that the server asks to wait, or None.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Attempts:
    """Attempts at one file, which go on from each other.

    Args:
        source: where it is.
        part: what there is of it.
        size: bytes that it must have, or None.
        patience: when a connection is taken for dead.
        space: is told how many bytes are to come, and of how many; raises if they do not fit.
        session: to ask with.
        meter: is told how far it is.
    """

    def __init__(
        self,
        source: Source,
        part: Partial,
        size: int | None,
        patience: Patience,
        space: Callable[[int, int], None],
        session: requests.Session,
        meter: Meter,
    ) -> None:
        self._source = source
        self._part = part
        self._size = size
        self._patience = patience
        self._space = space
        self._session = session
        self._meter = meter
        self._ranges = True  # until the server shows that it does not understand them

    def once(self) -> None:
        """Ask for what is missing, and take what comes; the part is whole then.

        Raises:
            Trouble: not all of it came.
            Refused: it never will.
            DataError: it cannot be written.
        """
        have = self._part.have if self._ranges else 0
        version = self._part.version
        headers = {}
        if have and version is not None:
            headers["Range"] = f"bytes={have}-"
            if version.validator is not None:
                headers["If-Range"] = version.validator
        timeout = (self._patience.connecting, self._patience.silence)
        try:
            with closing(self._source.ask(self._session, headers, timeout)) as answer:
                self._take(answer, have, version)
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            raise Refused(f"there is no safe connection ({_innermost(error)})") from error
        except requests.exceptions.TooManyRedirects as error:
            raise Refused("the server leads from address to address without end") from error
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise Trouble(f"nothing came for {self._patience.silence:g} s") from error
        except urllib3.exceptions.ProtocolError as error:
            came = file_size(self._part.have)
            raise Trouble(f"the connection was cut when {came} had come") from error
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise Trouble(f"the connection failed ({_innermost(error)})") from error
        except requests.exceptions.RequestException as error:
            raise Refused(_innermost(error)) from error

    def _take(self, answer: Answer, have: int, version: Version | None) -> None:
        if answer.status == 200:
            self._take_all(answer)
        elif answer.status == 206 and have and version is not None:
            self._take_rest(answer, have, version)
        elif answer.status == 416 and have:
            self._take_nothing(answer, have)
        elif answer.status in _PASSING or answer.status >= 500:
            raise Trouble(f"the server is busy or broken (status {answer.status})", answer.wait)
        else:
            reason = _REASONS.get(answer.status, "the server answers what makes no sense here")
            raise Refused(f"{reason} (status {answer.status} from {answer.url})")

    def _take_all(self, answer: Answer) -> None:
        """The file from its start: nothing was there, or what was there is of no use."""
        size = answer.length
        self._agree(size)
        self._part.begin(
            Version(self._source.key, answer.header("ETag"), answer.header("Last-Modified"), size)
        )
        end = size if size is not None else self._size
        if end is not None:
            self._space(end, end)
        self._append(answer, 0, end)

    def _take_rest(self, answer: Answer, have: int, version: Version) -> None:
        """What comes after the part."""
        found = answer.content_range
        if found is None or found.first != have:
            self._ranges = False
            raise Trouble("the server sent another range than it was asked for")
        resized = version.size is not None and found.total not in (None, version.size)
        if resized or answer.header("ETag") not in (None, version.etag):
            self._part.forget()
            raise Trouble("the file at the server has changed, so it is fetched from its start")
        whole = version.size if version.size is not None else found.total
        self._agree(whole)
        whole = whole if whole is not None else self._size
        if whole is not None:
            self._space(whole - have, whole)
        self._append(answer, have, found.last + 1)
        if whole is not None and found.last + 1 < whole:
            raise Trouble(f"the server sent {found.last + 1} of {whole} bytes")

    def _take_nothing(self, answer: Answer, have: int) -> None:
        """The server says that the file ends where the part ends, or before."""
        if have not in (answer.size_told, self._size):
            self._part.forget()
            raise Trouble("the file at the server has changed, so it is fetched from its start")

    def _agree(self, size: int | None) -> None:
        if None not in (size, self._size) and size != self._size:
            self._part.forget()
            raise Refused(
                f"the server has a file of {size} bytes where {self._size} are expected; "
                "it has been changed"
            )

    def _append(self, answer: Answer, have: int, end: int | None) -> None:
        """Write what comes, up to ``end`` bytes in all."""
        self._meter.begin(have, end)
        watch = SlownessWatch(self._patience)
        try:
            with self._part.appending() as file:
                for chunk in answer.chunks():
                    if end is not None and have + len(chunk) > end:
                        raise Trouble(f"the server sent more than {end} bytes")
                    file.write(chunk)
                    have += len(chunk)
                    self._meter.reached(have)
                    if watch.is_too_slow(len(chunk)) and have != end:
                        raise Trouble("the connection brought next to nothing for a while")
        except OSError as error:
            raise unwritable(self._part.file, error) from error
        if end is not None and have < end:
            raise Trouble(f"the connection ended after {have} of {end} bytes")


def unwritable(file: Path, error: OSError) -> DataError:
    """What to say where a file cannot be written."""
    reason = (error.strerror or str(error)).lower()
    return DataError(
        f"{file} cannot be written ({reason}); mend that and type the same again: "
        "what has been fetched is kept"
    )


def _innermost(error: BaseException) -> str:
    """The cause of an error of the network, in one line without the objects it went through."""
    while True:
        inner = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = one_line(error, None)
    return text.rsplit("): ", 1)[-1].removeprefix("Failed to establish a new connection: ")
