"""Where a file is fetched from, and what comes: a file, a part of one, or a web page instead."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from urllib.parse import urlsplit

import requests

from beenhere import __version__

DRIVE = "https://drive.google.com"

Timeout = tuple[float, float]
"""Seconds to wait for a connection, and for the next byte."""

_HEADERS = {
    "User-Agent": f"beenhere/{__version__}",
    "Accept-Encoding": "identity",  # ranges then count the bytes of the file, not of a packed one
}
_CHUNK = 1 << 18
_PAGE = 1 << 20
_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)")
_UNSATISFIED = re.compile(r"bytes\s+\*/(\d+)")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_BUSY = ("Quota exceeded", "Too many users")
"""Words on a page of Drive, in title or text, when too many people have fetched a file today."""


class PermanentFailure(Exception):
    """A file that is not given, however often it is asked for; says why in a few words."""


class FileResponse:
    """A server's response, of which the headers and the first bytes have come."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status, self.url = response.status_code, response.url
        self.headers: Mapping[str, str] = response.headers
        self.close = response.close
        try:
            self._first = self._read() if self.status in (200, 206) else b""
        except BaseException:
            self.close()
            raise

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they are on the wire, as soon as they come."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = self._read()

    @property
    def length(self) -> int | None:
        """Bytes that this response is said to bring, or None."""
        if "Transfer-Encoding" in self.headers:
            return None  # which counts, and not the length (RFC 9112, section 6.3)
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    @property
    def content_range(self) -> tuple[int, int, int | None] | None:
        """First byte, byte after the last, and size of the file (None: not said) of a 206.

        None where the response does not say it, or contradicts itself.
        """
        found = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if found is None:
            return None
        first, end = int(found[1]), int(found[2]) + 1
        size = None if found[3] == "*" else int(found[3])
        if end <= first or (size is not None and end > size):
            return None
        return (first, end, size) if self.length in (None, end - first) else None

    @property
    def size_without_rest(self) -> int | None:
        """Bytes of the whole file, by a 416, which has no bytes of the range; or None."""
        found = _UNSATISFIED.fullmatch(self.headers.get("Content-Range", ""))
        return int(found[1]) if found else None

    @property
    def is_page(self) -> bool:
        """Whether a web page came where a file was asked for."""
        start = self._first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith((b"<!doctype html", b"<html")):
            return True
        return "text/html" in self.headers.get("Content-Type", "") and start.startswith(b"<")

    def page(self) -> str:
        """The text of the web page, up to a megabyte; the connection is given up."""
        text = b""
        with closing(self):
            for chunk in self.chunks():
                text += chunk
                if len(text) > _PAGE:
                    break
        return text.decode(errors="replace")

    def _read(self) -> bytes:
        # Not `iter_content`: that waits until a chunk is full, and loses it when it never is.
        data: bytes = self._response.raw.read1(_CHUNK, decode_content=False)
        return data


class UrlSource:
    """A file at a URL.

    Attributes:
        key: unlike that of any other source, such as its URL.
        browser: the address at which a person gets the file in a browser.
    """

    def __init__(self, url: str) -> None:
        self.key = self.browser = self._link = url

    def ask(
        self, session: requests.Session, headers: Mapping[str, str], timeout: Timeout
    ) -> FileResponse:
        """The response to one request: the file, a part of it, or a status that says why not.

        Raises:
            PermanentFailure: a web page came instead, or the way leads over an open connection.
            requests.RequestException, urllib3.exceptions.HTTPError: the connection failed.
        """
        response = _get(session, self._link, headers, timeout)
        if response.is_page:
            title = _title(response.page())
            raise PermanentFailure(f"the server sent a web page ({title}) and not the file")
        return response


class DriveSource(UrlSource):
    """A file at Google Drive, which puts pages before large files and those much asked for.

    The link to the file itself changes from hour to hour, so each request starts at its id.
    ``gdown`` knows the forms that Drive's page has had; the transfer is ours, like any other.

    Args:
        id: of the file.
        base: where Drive is.
    """

    def __init__(self, id: str, base: str = DRIVE) -> None:
        super().__init__(f"{base}/uc?export=download&id={id}")
        self.key = f"drive:{id}"
        self.browser = f"{base}/file/d/{id}/view"

    def ask(
        self, session: requests.Session, headers: Mapping[str, str], timeout: Timeout
    ) -> FileResponse:
        """As :meth:`UrlSource.ask`, past the page that asks to go on without a virus scan."""
        response = _get(session, self._link, headers, timeout)
        if response.is_page:
            response = _get(session, _confirmed(response.page()), headers, timeout)
            if response.is_page:
                raise _refusal(response.page())
        return response


def _get(
    session: requests.Session, url: str, headers: Mapping[str, str], timeout: Timeout
) -> FileResponse:
    response = session.get(url, headers={**_HEADERS, **headers}, timeout=timeout, stream=True)
    if urlsplit(url).scheme == "https" and urlsplit(response.url).scheme != "https":
        response.close()
        raise PermanentFailure(f"it leads to {response.url}, which anybody on the way could alter")
    return FileResponse(response)


def _confirmed(page: str) -> str:
    """The link behind the button of Drive's page."""
    from gdown.download import get_url_from_gdrive_confirmation
    from gdown.exceptions import FileURLRetrievalError

    try:
        # Line breaks out: the form is looked for in each line by itself.
        return get_url_from_gdrive_confirmation(" ".join(page.split()))
    except FileURLRetrievalError as error:
        raise _refusal(page) from error


def _refusal(page: str) -> PermanentFailure:
    if any(words in page for words in _BUSY):
        return PermanentFailure(
            "Google Drive gives it to nobody for now, since too many have fetched it today "
            "(tomorrow it may)"
        )
    if "accounts.google.com" in page or "Sign in" in page:
        return PermanentFailure(
            "Google Drive asks to sign in: its owner does not share it with everybody"
        )
    return PermanentFailure(f"Google Drive sent a page ({_title(page)}) and not the file")


def _title(page: str) -> str:
    """The title of a web page, in quotes, or ``"without a title"``."""
    found = _TITLE.search(page)
    title = " ".join(found[1].split()) if found else ""
    return repr(title[:80]) if title else "without a title"
