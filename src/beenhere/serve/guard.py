"""What stands before the application: who may ask, from which page, how often and how much.

Plain ASGI, so that nothing of a request is read before it has been let in.
"""

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge, Histogram
from starlette.exceptions import HTTPException

from beenhere.config.serve import LOOPBACK, ServeConfig
from beenhere.serve.schemas import Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

REQUESTS = Counter("beenhere_requests", "Requests by route and status.", ["route", "status"])
SECONDS = Histogram("beenhere_request_seconds", "From the head of a request on.", ["route"])
UPLOADED = Gauge(
    "beenhere_uploads_bytes", "Bytes of requests at work.", multiprocess_mode="livesum"
)

COOKIE = "beenhere"
PUBLIC = ("/", "/docs", "/health", "/ready", "/v1/session")
"""Paths that need no token: they tell nothing of an index."""

OPENED_BY_LINKS = ("/", "/docs")
"""Pages that a link of another site may lead to."""

MOST_ADDRESSES = 10_000
"""Of which it is kept how often they asked."""


class Refused(HTTPException):
    """A request that is not let in, or not all of it; nothing more is read of it."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(status, detail, {"connection": "close", **named})


def problem(status: int, detail: str) -> bytes:
    """The body of an error, as RFC 9457 has it."""
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail).model_dump_json().encode()


class Guard:
    """Lets requests in, or not; and sees to the headers of what is answered.

    Args:
        app: behind it.
        config: limits, and names.
        token: that requests must bring; None: none.
    """

    def __init__(self, app: App, config: ServeConfig, token: str | None) -> None:
        self.app, self.config = app, config
        self._token = None if token is None else token.encode()
        self._session = None if token is None else session(token)
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._held = 0
        self._headers = _headers(config)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, held = time.perf_counter(), 0, 0
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        origin = headers.get("origin", b"").decode("latin-1")
        own = self._cors(origin)
        if scope["path"].startswith("/static/"):
            own.append((b"cache-control", b"no-cache"))  # kept, and asked whether it is the same
        own += [each for each in self._headers if each[0] not in {name for name, _ in own}]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                more = [each for each in own if each[0] not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        async def received() -> Message:
            nonlocal held
            message = await receive()
            size = len(message.get("body", b""))
            held += size
            self._held += size
            UPLOADED.inc(size)
            self._check_size(held)
            return message

        try:
            self._admit(scope, headers, origin)
            await self.app(scope, received, answer)
        except Refused as refused:
            if not status:
                await _refuse(answer, refused)
        finally:
            self._held -= held
            UPLOADED.dec(held)
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(route, str(status)).inc()
            SECONDS.labels(route).observe(time.perf_counter() - start)

    def _admit(
        self, scope: MutableMapping[str, Any], headers: dict[str, bytes], origin: str
    ) -> None:
        """Raise Refused where a request is not let in."""
        path = scope["path"]
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        if not self._known_host(host):
            raise Refused(
                403,
                f"the Host {host[:100]!r} is not this server's; start it with --allow-host NAME to "
                "be reached by another name",
            )
        allowed = origin in self.config.cors
        if origin and not allowed and not _same(origin, host):
            raise Refused(
                403,
                f"pages of {origin[:100]!r} may not ask this server; start it with --cors ORIGIN "
                "to let them",
            )
        site = headers.get("sec-fetch-site", b"none").decode("latin-1")
        followed = headers.get("sec-fetch-mode") == b"navigate" and path in OPENED_BY_LINKS
        if site not in ("same-origin", "none") and not allowed and not followed:
            raise Refused(403, "a page of another site may not ask this server")
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            raise Refused(204, "")  # a browser asks whether it may ask, and has no token yet
        if path == "/health":
            return
        self._count((scope["client"] or ("",))[0])
        if self._token is not None and not self._is_public(path) and not self._authorized(headers):
            raise Refused(
                401,
                "the token is missing or another one; send Authorization: Bearer TOKEN",
                www_authenticate='Bearer realm="beenhere"',
            )
        length = headers.get("content-length", b"0").decode("latin-1")
        if not length.isdecimal():
            raise Refused(400, f"Content-Length is {length[:40]!r}; expected a number of bytes")
        self._check_size(int(length[:20]))
        if self._held + int(length[:20]) > self.config.uploads_mb * 10**6:
            raise Refused(
                503, "too much is being received already; try again later", retry_after="5"
            )

    def _known_host(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname if _is_host(host) else None
        if name is None:
            return False
        if name in self.config.allow_host or host in self.config.allow_host:
            return True
        if self.config.loopback:
            return name in LOOPBACK or name == self.config.host
        return not self.config.allow_host  # who has the token may call it what he likes

    def _is_public(self, path: str) -> bool:
        return path in PUBLIC or path.startswith("/static/")

    def _authorized(self, headers: dict[str, bytes]) -> bool:
        assert self._token is not None and self._session is not None
        kind, _, token = headers.get("authorization", b"").partition(b" ")
        if kind.lower() == b"bearer":
            return hmac.compare_digest(token.strip(), self._token)
        try:
            cookies = SimpleCookie(headers.get("cookie", b"").decode("latin-1"))
        except CookieError:
            return False
        value = cookies[COOKIE].value if COOKIE in cookies else ""
        return hmac.compare_digest(value.encode(), self._session.encode())

    def _count(self, address: str) -> None:
        """Take one from the bucket of an address, which fills up by the rate."""
        now, most = time.monotonic(), 2 * self.config.rate
        left, then = self._rates.pop(address, (most, now))
        left = min(most, left + (now - then) * self.config.rate)
        self._rates[address] = max(left - 1, 0), now
        if len(self._rates) > MOST_ADDRESSES:
            self._rates.popitem(last=False)
        if left < 1:
            raise Refused(
                429,
                f"more than {self.config.rate:g} requests a second; wait a moment",
                retry_after="1",
            )

    def _check_size(self, size: int) -> None:
        most = self.config.request_mb
        if size > most * 10**6:
            raise Refused(
                413, f"a request of more than {most} MB; send fewer photos at once, or smaller ones"
            )

    def _cors(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not origin or origin not in self.config.cors:
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"access-control-max-age", b"600"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"vary", b"Origin"),
        ]


def session(token: str) -> str:
    """What a cookie holds instead of the token: nothing that the token can be had from."""
    return hmac.new(token.encode(), b"beenhere session", hashlib.sha256).hexdigest()


async def _refuse(send: Send, refused: Refused) -> None:
    status, body, headers = refused.status_code, b"", []
    if status != 204:
        body = problem(status, refused.detail)
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
        ]
    headers += _encoded((refused.headers or {}).items())
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_host(host: str) -> bool:
    """Whether a Host is a name or an address, with or without a port, and nothing else."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return False
    return bool(host) and not set(host) & set("/\\@?# \t,") and parts.hostname is not None


def _same(origin: str, host: str) -> bool:
    """Whether a page of an origin came from the server that is asked by this Host."""
    return origin in (f"http://{host}", f"https://{host}")


def _headers(config: ServeConfig) -> list[tuple[bytes, bytes]]:
    images = "'self' blob: data:"
    if config.tiles_url is not None:
        parts = urlsplit(config.tiles_url)
        images += f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": images,
        "connect-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return list(
        _encoded(
            {
                "content-security-policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
                "cross-origin-opener-policy": "same-origin",
                "cross-origin-resource-policy": "same-origin",
                "referrer-policy": "no-referrer" if config.tiles_url is None else "origin",
                "x-content-type-options": "nosniff",
                "x-frame-options": "DENY",
                "cache-control": "no-store",
            }.items()
        )
    )


def _encoded(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name.encode(), value.encode("latin-1", "replace")) for name, value in headers)
