"""What is done to a server that it must live through, and what it answers meanwhile."""

import os
import random
import re
import shutil
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from http_server import Serving, Start, Street, make_street, received
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import at_name, write_photo

from beenhere.retrieval.index import Index

HURRY = ("--headers-within", "1", "--body-within", "1.5", "--deadline", "30", "--rate", "1000000")


@pytest.fixture(scope="module")
def hurried(street: Street, start: Start) -> Iterator[Serving]:
    """With little patience, and one photo at once."""
    options = [*HURRY, "--threads", "1", "--queue", "2", "--megapixels", "20"]
    with start(street.index, *options) as running:
        (running.workers_before,) = running.workers()
        yield running
        assert running.workers() == [running.workers_before]
    log = running.log.read_text()
    assert "Traceback" not in log and "died" not in log, log


def slow_head(line: socket.socket, ended: threading.Event) -> None:
    line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    while not ended.wait(0.3):
        line.sendall(b"X-A: b\r\n")


def slow_body(line: socket.socket, ended: threading.Event) -> None:
    head = "POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
    line.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode())
    while not ended.wait(0.3):
        line.sendall(b"x")


def slow_reader(line: socket.socket, ended: threading.Event) -> None:
    line.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
    while not ended.wait(0.3):
        line.sendall(b"")


def silent(line: socket.socket, ended: threading.Event) -> None:
    ended.wait()


@pytest.mark.parametrize("attack", [silent, slow_head, slow_body, slow_reader])
def test_slow_clients_stop_nobody(hurried: Serving, attack: Callable[..., None]) -> None:
    ended = threading.Event()
    lines = []
    for _ in range(20):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(30)
        line.connect(("127.0.0.1", hurried.port))
        lines.append(line)

    def attacking(line: socket.socket) -> None:
        with suppress(OSError):
            attack(line, ended)

    with ThreadPoolExecutor(20) as pool:
        for line in lines:
            pool.submit(attacking, line)
        try:
            assert hurried.get("/health").status == 200
            if attack is slow_reader:
                time.sleep(0.5)
            else:
                # Closed by the other side, though some still sends.
                for line in lines:
                    received(line)
            assert hurried.get("/health").status == 200
        finally:
            ended.set()
    for line in lines:
        line.close()


def test_who_does_not_take_the_answer_is_left(street: Street, start: Start) -> None:
    options = ("--body-within", "0.5", "--deadline", "0.5", "--rate", "1000000")
    with start(street.index, *options) as running, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(30)
        line.connect(("127.0.0.1", running.port))
        line.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
        time.sleep(2)  # deadline, body and a look
        with pytest.raises(OSError):
            for _ in range(100):
                line.sendall(b"x" * 65536)
                time.sleep(0.02)


# --- requests that are none ----------------------------------------------------------------------

WORDS = ("street", "..", "", "%00", "\u00e9", "1e999", "-1", "99999999999999999999", "null", "nan")
ROUTES = (
    *("/v1/locate", "/v1/search", "/v1/describe", "/v1/compare", "/v1/indexes/{}/photos"),
    *("/v1/indexes/{}/points", "/v1/indexes/street/photos/{}", "/v1/export", "/v1/sidecars"),
    *("/v1/indexes/street/photos/{}/thumbnail", "/v1/write", "/tiles/{}/0/0", "/static/{}", "/{}"),
)
PARAMETERS = (
    *("index", "matches", "threshold", "verify", "near", "radius", "from", "to", "heading", "size"),
    *("tolerance", "sequence", "step", "k", "row", "what", "generation", "limit", "after", "form"),
)
KINDS = (
    *("image/jpeg", "application/json", "multipart/form-data; boundary=parts-of-a-test"),
    *("multipart/form-data", "text/plain", "", "application/x-www-form-urlencoded"),
)
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, str]]:
    """Method, target, body and headers, each of which may be wrong."""
    route = draw(st.sampled_from(ROUTES)).format(quote(draw(texts), safe=""))
    query = draw(st.dictionaries(st.sampled_from(PARAMETERS), texts, max_size=4))
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    method = draw(st.sampled_from(("GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")))
    body = draw(
        st.one_of(
            st.binary(max_size=300),
            st.sampled_from(
                (
                    b'{"answers": [{"query": "a", "status": "known"}]}',
                    b'{"answers": [{"query": "a", "status": "known", "lat": NaN}]}',
                    b'{"answers": ' + b"[" * 5000,
                    b"--parts-of-a-test\r\nContent-Disposition: form-data; name=photo\r\n\r\n",
                    b'--parts-of-a-test\r\nContent-Disposition: form-data; name="photo"; '
                    b'filename="a"\r\nContent-Type: \xff\r\n\r\nx\r\n--parts-of-a-test--\r\n',
                )
            ),
        )
    )
    return method, f"{route}?{asked}", body, {"Content-Type": draw(st.sampled_from(KINDS))}


def test_a_thousand_requests_that_may_be_wrong(hurried: Serving) -> None:
    seen: dict[int, int] = {}

    @settings(max_examples=1000, database=None, derandomize=True)
    @given(requests())
    def ask(request: tuple[str, str, bytes, dict[str, str]]) -> None:
        method, target, body, headers = request
        answered = hurried.ask(method, target, body, headers)
        seen[answered.status] = seen.get(answered.status, 0) + 1
        assert answered.status < 500, (request, answered.body)
        if answered.status >= 400 and method != "HEAD":
            assert answered.detail

    ask()
    assert seen[422] > 50 and seen[400] > 5 and hurried.get("/health").status == 200


def test_bytes_that_are_no_request(hurried: Serving) -> None:
    chaos = random.Random(0)
    for number in range(100):
        head = [b"", b"GET / HTTP/1.1\r\n", b"POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1\r\n"]
        line = head[number % 3] + chaos.randbytes(chaos.randrange(1, 300)) + b"\r\n\r\n"
        answered = hurried.raw(line)
        if answered:
            assert answered.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200")), answered[:200]
            assert b"Traceback" not in answered
    endless = b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000
    answered = hurried.raw(endless)
    assert answered == b"" or answered.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "lie",
    [
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\nab\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 9\r\n\r\nabcde",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1000\r\n\r\nabc",
        b"Content-Length: \xb2\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\na",
    ],
)
def test_lengths_that_lie(hurried: Serving, lie: bytes) -> None:
    head = b"POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
    answered = hurried.raw(head + b"Connection: close\r\n" + lie)
    assert answered == b"" or re.match(rb"HTTP/1.1 (4\d\d|501|200) ", answered), answered[:100]
    assert hurried.get("/health").status == 200


# --- photos that are none ------------------------------------------------------------------------


def png(width: int, height: int, data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    inner = b"".join(chunk(kind, content) for kind, content in more)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + inner
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def bombs(photo: bytes) -> dict[str, bytes]:
    zeros = zlib.compress(bytes(50_000_000), 9)
    frame = photo.index(b"\xff\xc0")
    scans = photo.index(b"\xff\xda")
    return {
        "large.png": png(60_000, 60_000, zeros),
        "lies.png": png(16, 16, zeros),
        "text.png": png(16, 16, zeros[:10], (b"zTXt", b"a\0\0" + zeros)),
        "wide.png": png(10_000_000, 1, zeros),
        "huge.jpg": photo[: frame + 5] + b"\xff\xff\xff\xff" + photo[frame + 9 :],
        "scans.jpg": photo[:scans] + photo[scans:-2] * 500 + b"\xff\xd9",
        "cut.jpg": photo[: len(photo) // 2],
        "svg.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "xxe.xml": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        "empty.jpg": b"",
        "zip.jpg": b"PK\x03\x04" + bytes(1000),
        "pdf.jpg": b"%PDF-1.7\n",
        "tiff.jpg": b"II*\0\x08\0\0\0\xff\xff" + bytes(500),
        "gif.jpg": b"GIF89a\xff\xff\xff\xff\0\0\0",
    }


def test_photos_that_are_none_are_named_one_by_one(hurried: Serving, street: Street) -> None:
    sent = bombs(street.photo) | {"q.jpg": street.photo}
    before = hurried.memory()
    answers = {}
    names = list(sent)
    for first in range(0, len(names), 8):
        some = [(name, sent[name]) for name in names[first : first + 8]]
        answered = hurried.post_photos("/v1/locate", *some)
        assert answered.status == 200, answered.body
        answers |= {one["query"]: one for one in answered.json["answers"]}
    unreadable = {name for name, one in answers.items() if one["status"] == "unreadable"}
    assert unreadable >= set(sent) - {"q.jpg", "lies.png", "text.png", "wide.png"}
    assert all(answers[name]["reason"] for name in unreadable)
    assert answers["large.png"]["reason"].startswith("declares ")
    assert b"root:" not in str(answers).encode()
    assert answers["q.jpg"]["status"] != "unreadable"
    assert hurried.memory() - before < 300e6


def test_memory_is_no_more_after_many_requests(hurried: Serving, street: Street) -> None:
    def ask(requests: int) -> None:
        for _ in range(requests):
            assert hurried.post_bytes("/v1/locate?verify=false", street.photo).status == 200

    ask(10)
    before = hurried.memory()
    ask(30)
    assert hurried.memory() - before < 20e6  # what the network takes in would be 36 MB


def test_uploads_that_are_given_up(hurried: Serving, street: Street) -> None:
    head = (
        f"POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {10 * len(street.photo)}"
    )
    for share in (0, 3, 10) * 10:
        with hurried.connect() as line:
            line.sendall(f"{head}\r\n\r\n".encode() + street.photo * share)
            # Closed at once, with a reset.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    deadline = time.monotonic() + 20
    while True:
        text = hurried.get("/metrics").body.decode()
        if "beenhere_uploads_bytes 0.0" in text or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert "beenhere_uploads_bytes 0.0" in text
    assert hurried.post_bytes("/v1/locate", street.photo).status == 200


def test_a_full_queue_sends_away(hurried: Serving, street: Street) -> None:
    sent = [(f"{number}.jpg", street.photo) for number in range(8)]
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(hurried.post_photos, "/v1/locate", *sent) for _ in range(12)]
        answers = [one.result() for one in asked]
    statuses = [answered.status for answered in answers]
    assert 200 in statuses and 503 in statuses and set(statuses) <= {200, 503, 504}
    for answered in answers:
        if answered.status == 503:
            assert int(answered.headers["retry-after"]) >= 1
            assert "requests are waiting; try again in" in answered.detail


# --- processes -----------------------------------------------------------------------------------


def test_a_worker_that_is_killed_is_replaced(street: Street, start: Start) -> None:
    with start(street.index, "--workers", "2") as running:
        first = running.workers()
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        os.kill(first[1], signal.SIGKILL)
        deadline = time.monotonic() + 60
        answered = 0
        while answered < 10 and time.monotonic() < deadline:
            with suppress(OSError):
                # One that is not ready yet asks for another try.
                if running.post_bytes("/v1/locate", street.photo).status == 200:
                    answered += 1
            time.sleep(0.05)
        assert answered == 10
        while len(running.workers()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(running.workers()) == 2 and not set(first) & set(running.workers())
    assert running.log.read_text().count("died; another is started") == 2
    assert running.process.returncode == 0


def test_an_index_that_changes_while_it_is_asked(start: Start, tmp_path: Path) -> None:
    street = make_street(tmp_path)
    index = Index.open(street.index)
    ended, answers = threading.Event(), []

    def asking() -> None:
        while not ended.is_set():
            answers.append(running.post_bytes("/v1/locate?verify=false", street.photo))

    def generation() -> int:
        found: int = running.get("/v1/indexes").json["indexes"][0]["generation"]
        return found

    def seen(expected: int) -> bool:
        deadline = time.monotonic() + 30
        while generation() != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return generation() == expected

    with start(street.index) as running, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(asking) for _ in range(2)]
        write_photo(tmp_path / "more" / at_name(500_000, 4_100_400), 2, 96, 128)
        index.add(tmp_path / "more")
        assert seen(index.manifest.generation)
        index.remove("*/photos/*")
        index.compact()
        assert seen(index.manifest.generation)
        (only,) = running.post_bytes("/v1/search", street.photo).json["answers"][0]["matches"]
        assert (only["row"], only["name"]) == (0, at_name(500_000, 4_100_400))
        assert running.get("/v1/indexes/street/photos/5/thumbnail?generation=1").status in (
            200,
            410,
        )
        # Another index in its place.
        other = make_street(tmp_path / "other")
        street.index.rename(tmp_path / "old")
        shutil.copytree(other.index, street.index)
        assert seen(1)
        # Damage: what was served before still is.
        (manifest,) = street.index.glob("index.yaml")
        manifest.write_text("format: beenhere-index\n")
        time.sleep(1.5)
        assert running.post_bytes("/v1/locate", street.photo).status == 200
        ended.set()
        for one in asked:
            one.result()
    assert len(answers) > 5
    assert {answered.status for answered in answers} == {200}
    log = running.log.read_text()
    assert "index.yaml is damaged" in log and "still serving" in log and "Traceback" not in log


def test_running_requests_end_before_the_server_does(street: Street, start: Start) -> None:
    sent = [(f"{number}.jpg", street.photo) for number in range(12)]
    with (
        start(street.index, "--threads", "1", "--files", "12") as running,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(running.post_photos, "/v1/locate", *sent)
        while "beenhere_uploads_bytes 0.0" in running.get("/metrics").body.decode():
            time.sleep(0.02)
        running.process.send_signal(signal.SIGTERM)
        answered = asked.result()
        assert answered.status == 200 and len(answered.json["answers"]) == 12
        assert running.process.wait(30) == 0
    with pytest.raises(OSError):
        running.get("/health")


def test_who_goes_away_is_not_worked_for(hurried: Serving, street: Street) -> None:
    body = street.photo
    head = f"POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with ThreadPoolExecutor(1) as pool:
        sent = [(f"{number}.jpg", street.photo) for number in range(8)]
        first = pool.submit(hurried.post_photos, "/v1/locate", *sent)
        time.sleep(0.1)
        with hurried.connect() as line:
            line.sendall(head.encode() + body)
            time.sleep(0.2)
        assert first.result().status == 200
    deadline = time.monotonic() + 10
    gone = 'beenhere_requests_total{route="/v1/locate",status="499"}'
    while gone not in hurried.get("/metrics").body.decode() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone in hurried.get("/metrics").body.decode()
