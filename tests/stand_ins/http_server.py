"""A street and a real process of ``beenhere serve`` for it, asked by the standard library."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from tiny import at_name, write_photo

from beenhere.retrieval.index import Index

BOUNDARY = "parts-of-a-test"
LISTENS = "0A"
"""State of a socket in /proc/net/tcp."""


@dataclass(frozen=True)
class Answered:
    """What a request got; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a problem, which must be one."""
        assert self.headers["content-type"] == "application/problem+json"
        values = self.json
        assert set(values) == {"type", "title", "status", "detail"}
        assert values["status"] == self.status and "Traceback" not in values["detail"]
        return str(values["detail"])


@dataclass
class Serving:
    """A server that runs; ``log`` is a file with all that it said."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    folder: Path = Path()
    workers_before: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        timeout: float = 60,
    ) -> Answered:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Answered(answer.status, given, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, headers=_named(headers))

    def post_photos(self, path: str, *photos: tuple[str, bytes], **headers: str) -> Answered:
        """Photos by their names, as a browser sends them."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask("POST", path, parts(*photos), {"Content-Type": kind, **_named(headers)})

    def post_bytes(self, path: str, photo: bytes, **headers: str) -> Answered:
        """One photo, as the body."""
        return self.ask("POST", path, photo, {"Content-Type": "image/jpeg", **_named(headers)})

    def post_json(self, path: str, values: Any, **headers: str) -> Answered:
        body = json.dumps(values).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json", **_named(headers)})

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def raw(self, request: bytes) -> bytes:
        """Bytes as they are, and all that comes until the other side closes."""
        with self.connect() as line:
            line.sendall(request)
            return received(line)

    def workers(self) -> list[int]:
        """Ids of the processes that answer: forks of the first one, which listens too."""
        inode = next(
            fields[9]
            for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines())
            if fields[1].endswith(f":{self.port:04X}") and fields[3] == LISTENS
        )
        parents: dict[int, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if any(f"socket:[{inode}]" == str(fd.readlink()) for fd in process.glob("fd/*")):
                    stat = (process / "stat").read_text().rpartition(")")[2].split()
                    parents[int(process.name)] = int(stat[1])
        return sorted(pid for pid, parent in parents.items() if parent in parents)

    def memory(self) -> int:
        """Bytes of the processes that answer, theirs alone."""
        found = 0
        for pid in self.workers():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean", "Private_Dirty")):
                    found += int(line.split()[1]) * 1024
        return found


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def parts(*photos: tuple[str, bytes]) -> bytes:
    """The body of a form with photos."""
    found = []
    for name, content in photos:
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'Content-Disposition: form-data; name="photo"; filename="{quoted}"'
        found.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(found) + f"--{BOUNDARY}--\r\n".encode()


def received(line: socket.socket) -> bytes:
    """All that comes on a connection until it is closed."""
    found = b""
    with suppress(ConnectionError):
        while more := line.recv(1 << 16):
            found += more
    return found


@contextmanager
def serving(program: Path, log: Path, *arguments: str | Path) -> Iterator[Serving]:
    """A server of some indexes meanwhile, ready; whatever ends it, it must end by SIGTERM."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            [program, "serve", *map(str, arguments), "--port", "0"], stdout=said, stderr=said
        )
    try:
        server = Serving(process, _port(process, log), log)
        until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(1200):
        text = log.read_text()
        if " at http://" in text and "(Ctrl-C" in text:
            return int(text.split(" at http://", 1)[1].split(" ")[0].rpartition(":")[2])
        assert process.poll() is None, text
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def until_ready(server: Serving) -> None:
    """Wait until its models are loaded."""
    for _ in range(600):
        with suppress(OSError):
            if server.get("/ready").status in (200, 401):
                return
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())


@dataclass(frozen=True)
class Street:
    """Folders: ``root`` holds ``photos/`` and ``street.index``."""

    root: Path

    @property
    def index(self) -> Path:
        return self.root / "street.index"

    @property
    def photo(self) -> bytes:
        """Like the third one."""
        return (self.root / "query.jpg").read_bytes()


def make_street(root: Path) -> Street:
    """Eight photos 40 m apart, and one that looks like the third."""
    for number in range(8):
        write_photo(root / "photos" / at_name(500_000, 4_100_000 + 40 * number), number, 96, 128)
    write_photo(root / "query.jpg", 2, 96, 128)
    options = {"extract": {"precision": "32"}}
    Index.build(root / "photos", "offline-lite0-gem", root / "street.index", **options)
    return Street(root)


class Start(Protocol):
    """Starts a server with some arguments."""

    def __call__(self, *arguments: str | Path) -> AbstractContextManager[Serving]: ...
