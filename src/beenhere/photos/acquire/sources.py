"""Where a file is fetched from, and what comes: a file, a part of one, or a web page instead."""

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from ipaddress import ip_address
from threading import Timer
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import requote_uri

from beenhere import __version__

DRIVE = "https://drive.google.com"

Timeout = tuple[float, float]
"""Seconds to wait for a connection, and for the next byte."""
SLOWEST = 500.0
"""Bytes a second, over the time without a byte that ends a connection, below which it ends too."""

_HEADERS = {
    "User-Agent": f"beenhere/{__version__}",
    "Accept-Encoding": "identity",  # ranges then count the bytes of the file, not of a packed one
}
_CHUNK = 1 << 18
_PAGE = 1 << 20
_NUMBER = "([0-9]{1,18})"  # no file has more digits, and Python refuses thousands of them
_LENGTH = re.compile(_NUMBER)
_RANGE = re.compile(rf"bytes\s+{_NUMBER}-{_NUMBER}/(?:{_NUMBER}|\*)")
_UNSATISFIED = re.compile(rf"bytes\s+\*/{_NUMBER}")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_BUSY = ("Quota exceeded", "Too many users")
"""Words on a page of Drive, in title or text, when too many people have fetched a file today."""


class PermanentFailure(Exception):
    """A file that is not given, however often it is asked for; says why in a few words."""


class TooSlow(Exception):
    """A connection that brings a byte now and then, which the time-out of a socket does not see."""


class FileResponse:
    """A server's response, of which the headers and the first bytes have come.

    Args:
        response: of which nothing has been read.
        client: that has asked.
        patience: seconds to wait for the next byte.
    """

    def __init__(self, response: requests.Response, client: "Client", patience: float) -> None:
        self._response, self._client, self._patience = response, client, patience
        self.status, self.url = response.status_code, response.url
        self.headers: Mapping[str, str] = response.headers
        try:
            self._first = self._read() if self.status in (200, 206) else b""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection, whatever is still to come."""
        self._response.close()
        self._client.hang_up()

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they are on the wire, as soon as they come.

        Raises:
            TooSlow: next to nothing comes.
        """
        chunk, since, came = self._first, time.monotonic(), 0
        while chunk:
            yield chunk
            came += len(chunk)
            chunk = self._read()
            passed = time.monotonic() - since
            if chunk and passed >= self._patience:
                if came < SLOWEST * passed:
                    raise TooSlow
                since, came = since + passed, 0

    @property
    def length(self) -> int | None:
        """Bytes that this response is said to bring, or None."""
        if self.in_chunks:
            return None  # which counts, and not the length (RFC 9112, section 6.3)
        found = _LENGTH.fullmatch(self.headers.get("Content-Length", ""))
        return int(found[0]) if found else None

    @property
    def in_chunks(self) -> bool:
        """Whether it says where it ends, though not before."""
        return "Transfer-Encoding" in self.headers

    @property
    def content_range(self) -> tuple[int, int, int | None] | None:
        """First byte, byte after the last, and size of the file (None: not said) of a 206.

        None where the response does not say it, or contradicts itself.
        """
        found = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if found is None:
            return None
        first, end = int(found[1]), int(found[2]) + 1
        size = None if found[3] is None else int(found[3])
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
        data: bytes
        if not self.in_chunks:  # one call of the system, which has its time-out
            data = self._response.raw.read1(_CHUNK, decode_content=False)
        else:
            with self._client.within(self._patience):
                data = self._response.raw.read1(_CHUNK, decode_content=False)
        return data


class Client(requests.Session):
    """The connections of one download: none that drips, and none from outside to this network.

    Once one has gone to a public address, somebody out there has a say in where the next one goes:
    it must not reach what is for this machine and its network alone, such as a router or the
    metadata of a cloud. An address that a person gives may be a local one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._outside = False
        self._open: list[socket.socket] = []
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(self._opened))

    def close(self) -> None:
        """As of requests."""
        super().close()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection."""
        self._cut()
        while self._open:
            self._open.pop().close()

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Any]:  # type: ignore[override]
        """None here: requests would read to its end whatever comes with them."""
        return iter(())

    def get_file(self, url: str, headers: Mapping[str, str], timeout: Timeout) -> FileResponse:
        """The response to one request, from wherever the server leads.

        Raises:
            PermanentFailure: it leads over an open connection, into this network, or nowhere.
            TooSlow, requests.RequestException, urllib3.exceptions.HTTPError: the connection failed.
        """
        for _ in range(self.max_redirects):
            self.hang_up()
            with self.within(sum(timeout)):
                response = self.get(
                    url, headers={**_HEADERS, **headers}, timeout=timeout, stream=True
                )
            if not response.is_redirect:
                return FileResponse(response, self, timeout[1])
            response.close()
            try:
                target = requote_uri(urljoin(url, self.get_redirect_target(response) or ""))
                guarded = urlsplit(url).scheme == "https", urlsplit(target).scheme == "https"
            except ValueError as error:
                raise PermanentFailure("it leads to an address that makes no sense") from error
            if guarded == (True, False):
                raise PermanentFailure(
                    f"it leads to {target}, which anybody on the way could alter"
                )
            url = target
        raise PermanentFailure("the server leads from address to address without end")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut the connections when something takes longer than that.

        Raises:
            TooSlow: it did.
        """
        late = []

        def cut() -> None:
            late.append(True)
            self._cut()

        timer = Timer(seconds, cut)
        timer.start()
        try:
            yield
        except Exception as error:
            if late:
                raise TooSlow from error
            raise
        finally:
            timer.cancel()
        if late:
            raise TooSlow

    def _cut(self) -> None:
        for one in list(self._open):
            with suppress(OSError):  # it has ended already
                one.shutdown(socket.SHUT_RDWR)

    def _opened(self, opened: socket.socket, host: str, by_proxy: bool) -> None:
        """Look at a connection before anything is sent."""
        address = opened.getpeername()[0]
        if not by_proxy and self._outside and is_local(address):
            raise PermanentFailure(
                f"it leads to {host} ({address}), which is no place outside of this network"
            )
        self._outside |= by_proxy or not is_local(address)
        self._open.append(opened.dup())  # TLS takes the other one over


class _Adapter(HTTPAdapter):
    """Tells of each connection: its socket, whom it goes to, and whether that is a proxy."""

    def __init__(self, opened: Callable[[socket.socket, str, bool], None]) -> None:
        self._opened = opened
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self._listen(self.poolmanager, by_proxy=False)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        self._listen(manager, by_proxy=True)
        return manager

    def _listen(self, manager: urllib3.PoolManager, by_proxy: bool) -> None:
        def listening(pool: Any) -> Any:
            def connect(connection: Any) -> socket.socket:
                opened: socket.socket = pool.ConnectionCls._new_conn(connection)
                try:
                    self._opened(opened, connection.host, by_proxy)
                except BaseException:
                    opened.close()
                    raise
                return opened

            kind = type("Connection", (pool.ConnectionCls,), {"_new_conn": connect})
            return type("Pool", (pool,), {"ConnectionCls": kind})

        pools = {"http": urllib3.HTTPConnectionPool, "https": urllib3.HTTPSConnectionPool}
        manager.pool_classes_by_scheme = {name: listening(pool) for name, pool in pools.items()}


def is_local(address: str) -> bool:
    """Whether an IP address is of this machine or its network, and not of the internet."""
    found = ip_address(address)
    return not (getattr(found, "ipv4_mapped", None) or found).is_global


class UrlSource:
    """A file at a URL.

    Attributes:
        key: unlike that of any other source, such as its URL.
        browser: the address at which a person gets the file in a browser.
    """

    def __init__(self, url: str) -> None:
        self.key = self.browser = self._link = url

    def ask(self, client: Client, headers: Mapping[str, str], timeout: Timeout) -> FileResponse:
        """The response to one request: the file, a part of it, or a status that says why not.

        Raises:
            PermanentFailure: a web page came instead, or as :meth:`Client.get_file`.
            TooSlow, requests.RequestException, urllib3.exceptions.HTTPError: the connection failed.
        """
        response = client.get_file(self._link, headers, timeout)
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

    def ask(self, client: Client, headers: Mapping[str, str], timeout: Timeout) -> FileResponse:
        """As :meth:`UrlSource.ask`, past the page that asks to go on without a virus scan."""
        response = client.get_file(self._link, headers, timeout)
        if response.is_page:
            response = client.get_file(_confirmed(response.page()), headers, timeout)
            if response.is_page:
                raise _refusal(response.page())
        return response


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
