"""Ask a server of ``beenhere serve`` from Python, as an index here would be asked.

>>> from beenhere.client import Client
>>> server = Client("http://127.0.0.1:8000")  # doctest: +SKIP
>>> server.locate_many(["holiday.jpg"]).locations[0].status  # doctest: +SKIP
'known'
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from beenhere.errors import BeenhereError, ConfigError, DataError
from beenhere.photos.own_position import own_position
from beenhere.report.location import location_of
from beenhere.retrieval.locate.answer import Located, Location
from beenhere.retrieval.search.filters import Filter
from beenhere.wording import one_line

TRIES = 8
"""Of a request that a busy server sends away."""

LONGEST_WAIT = 30.0
"""Seconds between two of them, whatever the server says."""

AT_ONCE = 8
"""Photos of a request."""

_SECONDS = (10, 300)
"""To connect, and between two bytes of an answer."""


class Client:
    """A server, and which of its indexes is asked.

    Args:
        url: such as ``"http://127.0.0.1:8000"``.
        index: its name; None: the only one.
        token: that the server asks for; None: that of the variable ``BEENHERE_TOKEN``, if any.

    Raises:
        ConfigError: something else than an HTTP address.
    """

    def __init__(self, url: str, index: str | None = None, token: str | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(f"server is {url!r}; expected such as http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self.index = index
        self._session = requests.Session()
        # Neither a proxy of the environment nor a .netrc has a say in who sees the photos.
        self._session.trust_env = False
        token = token or os.environ.get("BEENHERE_TOKEN")
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def indexes(self) -> list[dict[str, Any]]:
        """What each index of the server holds."""
        found: list[dict[str, Any]] = self._asked("GET", "/v1/indexes")["indexes"]
        return found

    def locate_many(
        self,
        photos: Sequence[str | Path | bytes],
        where: Filter | None = None,
        verify: bool | None = None,
        **options: Any,
    ) -> Located:
        """Where each of several photos was taken; see :meth:`beenhere.Index.locate_many`.

        Paths of matches are but names, as the server gives them.

        Args:
            photos: paths, or what files hold.
            where: what matches must be besides. verify: compare local features.
            **options: ``matches``, ``threshold``.

        Raises:
            BeenhereError: the server does not answer, or what it says is wrong.
        """
        parts = [
            self._located(photos[at : at + AT_ONCE], where, verify, options)
            for at in range(0, len(photos), AT_ONCE)
        ]
        return Located(
            tuple(one for part in parts for one in part.locations),
            tuple(why for part in parts for why in part.unreadable),
        )

    def locate_sequence(
        self,
        photos: Sequence[str | Path | bytes],
        step: float | None = None,
        where: Filter | None = None,
        verify: bool | None = None,
        **options: Any,
    ) -> Located:
        """Where the photos of a path were taken; see :meth:`beenhere.Index.locate_sequence`.

        They have to be few enough for one request of the server.
        """
        return self._located(photos, where, verify, {**options, "sequence": True, "step": step})

    def _located(
        self,
        photos: Sequence[str | Path | bytes],
        where: Filter | None,
        verify: bool | None,
        options: dict[str, Any],
    ) -> Located:
        asked = {"index": self.index, "verify": verify, **options, **_conditions(where)}
        query = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in asked.items()
            if value is not None
        }
        reasons: dict[int, tuple[str, str]] = {}
        locations: list[Location | None] = [None] * len(photos)
        sent: list[tuple[int, str, bytes]] = []
        for number, photo in enumerate(photos):
            name = f"photo {number + 1}" if isinstance(photo, bytes) else str(photo)
            try:
                content = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
                sent.append((number, name, content))
            except OSError as error:
                reasons[number] = name, (error.strerror or str(error)).lower()
        # Folders here are not the server's business.
        parts = [("photo", (Path(name).name, content)) for _, name, content in sent]
        answers = []
        if sent:
            answers = self._asked("POST", "/v1/locate", params=query, files=parts)["answers"]
        for (number, name, _), values in zip(sent, answers, strict=True):
            if values["status"] == "unreadable":
                reasons[number] = name, values["reason"]
                continue
            try:
                location = location_of({**values, "query": name})
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{self.url} gave an answer that is none: {error!r}") from error
            own = own_position(photos[number]) if location.own is None else location.own
            locations[number] = replace(location, own=own)
        return Located(tuple(locations), tuple(reasons[number] for number in sorted(reasons)))

    def _asked(self, method: str, path: str, **options: Any) -> Any:
        """The answer as JSON; a busy server is asked again.

        Raises:
            DataError: it does not answer. BeenhereError: it says that something is wrong.
        """
        for tried in range(1, TRIES + 1):
            answer = self._sent(
                lambda: self._session.request(
                    method, self.url + path, timeout=_SECONDS, allow_redirects=False, **options
                )
            )
            if answer.status_code not in (429, 503) or tried == TRIES:
                break
            after = answer.headers.get("Retry-After", "1")
            time.sleep(min(float(after) if after.isdecimal() else 1.0, LONGEST_WAIT))
        try:
            values = answer.json()
        except ValueError:
            values = None
        if answer.status_code != 200 or not isinstance(values, dict):
            said = values.get("detail") if isinstance(values, dict) else None
            raise BeenhereError(
                f"{self.url} says: {one_line(str(said or answer.reason), 500)} "
                f"({answer.status_code})"
            )
        return values

    def _sent(self, send: Callable[[], requests.Response]) -> requests.Response:
        try:
            return send()
        except requests.RequestException as error:
            raise DataError(
                f"{self.url} does not answer ({type(error).__name__}); see that beenhere serve "
                "runs there"
            ) from error


def _conditions(where: Filter | None) -> dict[str, Any]:
    if where is None:
        return {}
    first, last = where.dates or (None, None)
    near = None if where.near is None else f"{where.near[0]!r},{where.near[1]!r}"
    return {
        "near": near,
        "radius": where.radius,
        "from": first,
        "to": last,
        "heading": where.heading,
        "tolerance": where.tolerance,
    }
