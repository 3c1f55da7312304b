"""Where a file is fetched from, and one request for it."""

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Protocol
from urllib.parse import urlsplit

import requests

from beenhere.datasets.download.answer import Answer

Timeout = tuple[float, float]
"""Seconds to wait for a connection, and for the next byte."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Refused(Exception):
    """A file that is not given, however often it is asked for; says why in a few words."""


class Source(Protocol):
    """Where one file is fetched from.

    Attributes:
        key: tells it from other sources, such as its URL.
        browser: the address at which a person gets the file in a browser.
    """

    key: str
    browser: str

    def ask(
        self, session: requests.Session, headers: Mapping[str, str], timeout: Timeout
    ) -> Answer:
        """The server's answer: the file or a part of it, or a status that says why not.

        Raises:
            Refused: a web page came instead.
            requests.RequestException, urllib3.exceptions.HTTPError: the connection failed.
        """
        ...


class UrlSource:
    """A file at a URL; see :class:`Source`."""

    def __init__(self, url: str) -> None:
        self.key = self.browser = url

    def ask(
        self, session: requests.Session, headers: Mapping[str, str], timeout: Timeout
    ) -> Answer:
        """The answer to one request."""
        answer = get(session, self.key, headers, timeout)
        if answer.is_page:
            with closing(answer):
                raise Refused(
                    f"the server sent a web page ({page_title(answer.page())}) and not the file"
                )
        return answer


def get(
    session: requests.Session, url: str, headers: Mapping[str, str], timeout: Timeout
) -> Answer:
    """Ask for a URL, and for what it leads to.

    Raises:
        Refused: it leads from a protected connection to an open one.
        requests.RequestException, urllib3.exceptions.HTTPError: the connection failed.
    """
    response = session.get(url, headers=dict(headers), timeout=timeout, stream=True)
    if urlsplit(url).scheme == "https" and urlsplit(response.url).scheme != "https":
        response.close()
        raise Refused(f"it leads to {response.url}, which anybody on the way could alter")
    return Answer(response)


def page_title(page: str) -> str:
    """The title of a web page, in quotes, or ``"without a title"``."""
    found = _TITLE.search(page)
    title = " ".join(found[1].split()) if found else ""
    return repr(title[:80]) if title else "without a title"
