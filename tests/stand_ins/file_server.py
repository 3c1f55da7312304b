"""A real HTTP server on this machine that answers each request as a test has written it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What one request gets.

    Attributes:
        status: of the answer. headers: besides ``Content-Length``.
        body: bytes that are sent.
        length: what ``Content-Length`` says; None: nothing; -1: the truth.
        stall: whether the connection is then held, silent, until the server ends.
        chunked: whether the body is sent in chunks, the last of which is missing if ``cut``.
        pause: seconds between one byte and the next.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = -1
    stall: bool = False
    chunked: bool = False
    cut: bool = False
    pause: float = 0


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    method: str = "GET"


Script = Callable[[Asked], Reply]


class FileServer:
    """Paths with what they answer, one reply after the other; the last one stays."""

    def __init__(self, url: str, ended: threading.Event) -> None:
        self.url = url
        self.ended = ended
        self.asked: list[Asked] = []
        self._scripts: dict[str, list[Reply | Script]] = {}

    def answers(self, path: str, *replies: Reply | Script) -> str:
        """Set what a path answers; returns its URL."""
        self._scripts[path] = list(replies)
        return self.url + path

    def next_reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        script = self._scripts.get(asked.path.split("?")[0])
        if script is None:
            return Reply(404)
        reply = script.pop(0) if len(script) > 1 and asked.method == "GET" else script[0]
        return reply(asked) if callable(reply) else reply

    def ranges(self, path: str) -> list[str | None]:
        """The ``Range`` of each request for a path."""
        return [one.headers.get("Range") for one in self.gets(path)]

    def gets(self, path: str) -> list[Asked]:
        """The requests for the content of a path."""
        return [one for one in self.asked if (one.path, one.method) == (path, "GET")]


def serving(data: bytes, etag: str | None = '"1"', cut: int | None = None) -> Script:
    """A good server of a file; with ``cut`` its connections end after so many bytes."""

    def reply(asked: Asked) -> Reply:
        headers = {} if etag is None else {"ETag": etag}
        start = 0
        wanted = asked.headers.get("Range")
        if wanted and asked.headers.get("If-Range") in (None, etag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return Reply(416, headers={"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:] if cut is None else data[start : start + cut]
        return Reply(206 if start else 200, body, headers, length=len(data) - start)

    return reply


@contextmanager
def file_server(address: str = "127.0.0.1") -> Iterator[FileServer]:
    """A server that runs meanwhile."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            reply = server.next_reply(Asked(self.path, dict(self.headers), self.command))
            self.close_connection = True
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif reply.length is not None:
                length = len(reply.body) if reply.length == -1 else reply.length
                self.send_header("Content-Length", str(length))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            with suppress(OSError):  # who asked has gone
                self._send(reply)
            if reply.stall:
                ended.wait()

        def _send(self, reply: Reply) -> None:
            pieces = [reply.body]
            if reply.pause:
                pieces = [reply.body[at : at + 1] for at in range(len(reply.body))]
            for piece in pieces:
                if reply.chunked:
                    piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
                self.wfile.write(piece)
                self.wfile.flush()
                if reply.pause and ended.wait(reply.pause):
                    return
            if reply.chunked and not reply.cut:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer((address, 0), Handler) as listening:
        listening.daemon_threads = True
        server = FileServer(f"http://{address}:{listening.server_address[1]}", ended)
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            listening.shutdown()
            thread.join()
