"""What a server answered, and what of it can be believed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

_CHUNK = 1 << 18
_PAGE = 1 << 20
_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)")
_UNSATISFIED = re.compile(r"bytes\s+\*/(\d+)")


@dataclass(frozen=True)
class ContentRange:
    """Bytes ``first`` to ``last``, both included, of ``total`` (None: not said)."""

    first: int
    last: int
    total: int | None


class Answer:
    """An answer of which the headers and the first bytes have come."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.url = response.url
        try:
            self._first = self._read() if self.status in (200, 206) else b""
        except BaseException:
            response.close()
            raise

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def header(self, name: str) -> str | None:
        """A header, or None."""
        value: str | None = self._response.headers.get(name)
        return value

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they are on the wire, as soon as they come."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = self._read()

    @property
    def length(self) -> int | None:
        """Bytes that this answer is said to bring, or None."""
        if self.header("Transfer-Encoding") is not None:
            return None  # which counts, and not the length (RFC 9112, section 6.3)
        text = self.header("Content-Length")
        return int(text) if text is not None and text.isdecimal() else None

    @property
    def content_range(self) -> ContentRange | None:
        """Which part of the file a 206 brings; None if it does not say, or contradicts itself."""
        found = _RANGE.fullmatch(self.header("Content-Range") or "")
        if found is None:
            return None
        first, last = int(found[1]), int(found[2])
        total = None if found[3] == "*" else int(found[3])
        if last < first or (total is not None and last >= total):
            return None
        if self.length is not None and self.length != last - first + 1:
            return None
        return ContentRange(first, last, total)

    @property
    def size_told(self) -> int | None:
        """Bytes of the whole file, by an answer 416; or None."""
        found = _UNSATISFIED.fullmatch(self.header("Content-Range") or "")
        return int(found[1]) if found else None

    @property
    def wait(self) -> float | None:
        """Seconds that the server asks to wait (``Retry-After``: seconds, or a date); or None."""
        text = (self.header("Retry-After") or "").strip()
        if text.isdecimal():
            return float(text)
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())

    @property
    def is_page(self) -> bool:
        """Whether a web page came where a file was asked for."""
        start = self._first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith((b"<!doctype html", b"<html")):
            return True
        return "text/html" in (self.header("Content-Type") or "") and start.startswith(b"<")

    def page(self) -> str:
        """The text of the web page, up to a megabyte."""
        text = b""
        for chunk in self.chunks():
            text += chunk
            if len(text) > _PAGE:
                break
        return text.decode(errors="replace")

    def _read(self) -> bytes:
        # Not `iter_content`: that waits until a chunk is full, and loses it when it never is.
        data: bytes = self._response.raw.read1(_CHUNK, decode_content=False)
        return data
