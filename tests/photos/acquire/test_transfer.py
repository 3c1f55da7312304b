"""Downloads over a network that fails, from a real server that lies."""

import gzip
import io
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import urllib3
from file_server import Asked, FileServer, Reply, file_server, serving
from requests.adapters import HTTPAdapter

from beenhere.errors import DataError
from beenhere.photos.acquire import sources
from beenhere.photos.acquire.sources import Client, PermanentFailure, UrlSource
from beenhere.photos.acquire.transfer import RETRY, fetch

DATA = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
QUICK = urllib3.Retry(total=3, backoff_factor=0.001)
NEVER = urllib3.Retry(total=0)
TIMEOUT = (2, 0.3)
HAND = "ask for it by post"


def get(url: str, file: Path, size: int | None = None, retry: urllib3.Retry = QUICK) -> bytes:
    fetch(UrlSource(url), file, HAND, size=size, retry=retry, timeout=TIMEOUT)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    return file.read_bytes()


def refused(url: str, file: Path, size: int | None = None, retry: urllib3.Retry = QUICK) -> str:
    with pytest.raises(DataError) as caught:
        fetch(UrlSource(url), file, HAND, size=size, retry=retry, timeout=TIMEOUT)
    assert not file.exists()
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"{file.name} cannot be fetched: ")
    assert text.endswith(f"; {HAND}")
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "set.zip"


def test_a_good_server(server: FileServer, file: Path) -> None:
    assert get(server.answers("/f", serving(DATA)), file, len(DATA)) == DATA
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    assert len(server.asked) == 1


def test_an_empty_file(server: FileServer, file: Path) -> None:
    assert get(server.answers("/f", serving(b"")), file) == b""


def test_connections_that_are_cut_are_gone_on_with(
    server: FileServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.answers("/f", serving(DATA, cut=50_000))
    assert get(url, file) == DATA  # six times, more than the failures in a row that end it
    starts = [None, *(f"bytes={start}-" for start in range(50_000, 300_000, 50_000))]
    assert server.ranges("/f") == starts
    assert {one.headers.get("If-Range") for one in server.asked[1:]} == {'"1"'}
    assert "set.zip: the connection was cut when 50.0 kB had come" in capsys.readouterr().err


def test_no_connection_outlives_its_request(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, cut=3_000))  # a hundred of them
    before = len(list(Path("/proc/self/fd").iterdir()))
    most = 0

    def counted(coming: int, whole: int) -> None:
        nonlocal most
        most = max(most, len(list(Path("/proc/self/fd").iterdir())) - before)

    fetch(UrlSource(url), file, HAND, space=counted, retry=QUICK, timeout=TIMEOUT)
    assert file.read_bytes() == DATA
    assert len(server.asked) == 100
    assert most < 15


def test_chunks_are_cut_and_gone_on_with(server: FileServer, file: Path) -> None:
    half = Reply(200, DATA[:100_000], {"ETag": '"1"'}, chunked=True, cut=True)
    url = server.answers("/f", half, serving(DATA))
    assert get(url, file) == DATA
    assert server.ranges("/f") == [None, "bytes=100000-"]


def test_a_later_call_goes_on(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, cut=120_000), serving(DATA))
    refused(url, file, retry=NEVER)
    assert get(url, file) == DATA
    assert server.ranges("/f")[-1] == "bytes=120000-"


def test_a_part_of_another_source_is_not_gone_on_with(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, cut=120_000))
    refused(url, file, retry=NEVER)
    assert get(server.answers("/g", serving(OTHER)), file) == OTHER


def test_a_part_that_is_whole_needs_no_request(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, cut=120_000))
    refused(url, file, retry=NEVER)
    part = file.with_name("set.zip.part")
    part.write_bytes(DATA)
    assert get(url, file) == DATA
    assert len(server.asked) == 1


@pytest.mark.parametrize("etag", ['"2"', None, 'W/"2"'])
def test_a_file_that_changes_between_two_attempts(
    server: FileServer, file: Path, etag: str | None
) -> None:
    url = server.answers("/f", serving(DATA, cut=99), serving(OTHER, etag))
    assert get(url, file) == OTHER


def test_a_file_that_changes_at_a_server_that_ignores_if_range(
    server: FileServer, file: Path
) -> None:
    def rest(asked: Asked) -> Reply:
        # Asked for the rest it gives that of another version.
        headers = {"ETag": '"2"', "Content-Range": f"bytes 99-{len(OTHER) - 1}/{len(OTHER)}"}
        return Reply(206, OTHER[99:], headers)

    url = server.answers("/f", serving(DATA, cut=99), rest, serving(OTHER, '"2"'))
    assert get(url, file) == OTHER


def test_a_file_that_grows_at_a_server_without_etags(server: FileServer, file: Path) -> None:
    longer = OTHER + DATA
    url = server.answers("/f", serving(DATA, None, cut=99), serving(longer, None))
    assert get(url, file) == longer


def test_a_file_that_shrinks(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, None, cut=9000), serving(DATA[:100], None))
    assert get(url, file) == DATA[:100]


def test_a_date_guards_where_there_is_no_etag(server: FileServer, file: Path) -> None:
    dated = {"Last-Modified": "Mon, 05 Jan 2026 10:00:00 GMT"}
    first = Reply(200, DATA[:100], dated, length=len(DATA))
    url = server.answers("/f", first, serving(OTHER, '"x"'))
    assert get(url, file) == OTHER
    assert server.asked[1].headers["If-Range"] == dated["Last-Modified"]


def test_a_weak_etag_is_no_guard(server: FileServer, file: Path) -> None:
    weak = Reply(200, DATA[:100], {"ETag": 'W/"1"'}, length=len(DATA))
    assert get(server.answers("/f", weak, serving(DATA, 'W/"1"')), file) == DATA
    assert server.ranges("/f")[1] == "bytes=100-"
    assert "If-Range" not in server.asked[1].headers


def test_bytes_are_kept_as_they_are_sent(server: FileServer, file: Path) -> None:
    # Some servers say of every .gz file that it is packed for the transport.
    packed = gzip.compress(DATA)
    url = server.answers("/f", Reply(200, packed, {"Content-Encoding": "gzip"}))
    assert get(url, file) == packed


def test_a_server_that_ignores_ranges(server: FileServer, file: Path) -> None:
    cut = Reply(200, DATA[:1000], {"ETag": '"1"'}, length=len(DATA))
    url = server.answers("/f", cut, Reply(200, DATA, {"ETag": '"1"'}))
    assert get(url, file) == DATA


def ranged(value: str, body: bytes) -> Reply:
    return Reply(206, body, {"ETag": '"1"', "Content-Range": value})


WRONG_RANGES = {
    "another start": ranged(f"bytes 500-{len(DATA) - 1}/{len(DATA)}", DATA[500:]),
    "the start": ranged(f"bytes 0-{len(DATA) - 1}/{len(DATA)}", DATA),
    "none": Reply(206, DATA[1000:], {"ETag": '"1"'}),
    "no sense": ranged("bytes 1000-2/300000", DATA[1000:]),
    "beyond its end": ranged(f"bytes 1000-{len(DATA)}/{len(DATA)}", DATA[1000:] + b"x"),
    "against its length": ranged(f"bytes 1000-{len(DATA) - 1}/{len(DATA)}", DATA[2000:]),
}


@pytest.mark.parametrize("wrong", WRONG_RANGES.values(), ids=WRONG_RANGES.keys())
def test_a_server_that_answers_another_range(server: FileServer, file: Path, wrong: Reply) -> None:
    url = server.answers("/f", serving(DATA, cut=1000), wrong, serving(DATA))
    assert get(url, file) == DATA
    assert server.ranges("/f") == [None, "bytes=1000-", None]


def test_a_server_that_gives_a_range_piece_by_piece(server: FileServer, file: Path) -> None:
    def piece(asked: Asked) -> Reply:
        start = int((asked.headers["Range"]).removeprefix("bytes=").rstrip("-"))
        body = DATA[start : start + 70_000]
        return ranged(f"bytes {start}-{start + len(body) - 1}/{len(DATA)}", body)

    url = server.answers("/f", serving(DATA, cut=1000), piece)
    assert get(url, file) == DATA


def test_ranges_of_a_file_whose_size_the_server_never_tells(server: FileServer, file: Path) -> None:
    def piece(asked: Asked) -> Reply:
        start = int((asked.headers["Range"]).removeprefix("bytes=").rstrip("-"))
        body = DATA[start : start + 120_000]
        return ranged(f"bytes {start}-{start + len(body) - 1}/*", body)

    first = Reply(200, DATA[:100_000], {"ETag": '"1"'}, chunked=True, cut=True)
    assert get(server.answers("/f", first, piece), file, len(DATA)) == DATA


def test_a_length_that_is_too_large(server: FileServer, file: Path) -> None:
    # The file ends where the part ends, says the server when asked for the rest.
    long = Reply(200, DATA, {"ETag": '"1"'}, length=len(DATA) + 1000)
    assert get(server.answers("/f", long, serving(DATA)), file) == DATA
    assert server.ranges("/f") == [None, "bytes=300000-"]
    text = refused(server.answers("/g", long), file.with_name("other.zip"))
    assert "the connection was cut when 300 kB had come, 4 times in a row" in text


def test_a_length_that_is_too_small(server: FileServer, file: Path) -> None:
    short = Reply(200, DATA, {"ETag": '"1"'}, length=1000)
    text = refused(server.answers("/f", short), file, size=len(DATA))
    assert "a file of 1000 bytes where 300000 are expected" in text
    # Nobody knows better: what is announced comes, and unpacking it shows that it is cut off.
    assert get(server.answers("/g", short), file) == DATA[:1000]


def test_an_end_without_a_length_is_no_end_where_the_size_is_known(
    server: FileServer, file: Path
) -> None:
    silent = Reply(200, DATA[:1000], {"ETag": '"1"'}, length=None)
    url = server.answers("/f", silent, serving(DATA))
    assert get(url, file, len(DATA)) == DATA


def test_more_than_the_known_size(server: FileServer, file: Path) -> None:
    endless = Reply(200, DATA, length=None)
    assert "more than 1000 bytes" in refused(server.answers("/f", endless), file, size=1000)


def test_a_stall_is_noticed(
    server: FileServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stalled = Reply(200, DATA[:1000], {"ETag": '"1"'}, length=len(DATA), stall=True)
    assert get(server.answers("/f", stalled, serving(DATA)), file) == DATA
    assert server.ranges("/f") == [None, "bytes=1000-"]
    assert "nothing came for 0.3 s" in capsys.readouterr().err


def test_a_connection_that_drips_is_given_up(server: FileServer, file: Path) -> None:
    drip = Reply(200, DATA[:100], {"ETag": '"1"'}, length=len(DATA), pause=0.05)
    assert get(server.answers("/f", drip, serving(DATA)), file) == DATA
    again = server.ranges("/f")[1]
    assert again is not None and 0 < int(again.strip("bytes=-")) < 100  # not at its end


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: FileServer, file: Path, status: int) -> None:
    url = server.answers("/f", Reply(status), Reply(status), serving(DATA))
    assert get(url, file) == DATA
    assert len(server.asked) == 3


def test_a_server_that_stays_busy(server: FileServer, file: Path) -> None:
    text = refused(server.answers("/f", Reply(503)), file)
    assert "busy or broken (status 503), 4 times in a row" in text
    assert len(server.asked) == 4


def test_busy_in_the_middle_keeps_what_came(server: FileServer, file: Path) -> None:
    url = server.answers("/f", serving(DATA, cut=1000), Reply(503), serving(DATA))
    assert get(url, file) == DATA
    assert server.ranges("/f") == [None, "bytes=1000-", "bytes=1000-"]


def test_the_wait_that_a_server_asks_for(server: FileServer, file: Path) -> None:
    url = server.answers("/f", Reply(429, headers={"Retry-After": "1"}), serving(DATA))
    begun = time.monotonic()
    get(url, file)
    assert time.monotonic() - begun >= 1


def test_the_wait_until_a_date(server: FileServer, file: Path) -> None:
    def busy(asked: Asked) -> Reply:
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return Reply(503, headers={"Retry-After": when})

    url = server.answers("/f", busy, serving(DATA))
    begun = time.monotonic()
    get(url, file)
    assert time.monotonic() - begun >= 0.9  # dates are whole seconds


@pytest.mark.parametrize("wait", ["", "soon", "-5", "Mon, 05 Jan 2026 10:00:00 GMT"])
def test_a_wait_that_is_over_or_makes_no_sense(server: FileServer, file: Path, wait: str) -> None:
    url = server.answers("/f", Reply(429, headers={"Retry-After": wait}), serving(DATA))
    assert get(url, file) == DATA


def test_a_wait_that_is_too_long_is_told(server: FileServer, file: Path) -> None:
    url = server.answers("/f", Reply(429, headers={"Retry-After": "7200"}))
    assert "asks to come back in 120 minutes" in refused(url, file)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_other_errors_are_told_at_once(server: FileServer, file: Path, status: int) -> None:
    text = refused(server.answers("/f", Reply(status)), file)
    assert f"status {status} from {server.url}/f" in text
    assert len(server.asked) == 1


def test_redirects_are_followed_with_the_range(server: FileServer, file: Path) -> None:
    server.answers("/real", serving(DATA, cut=200_000))
    url = server.answers("/f", Reply(302, headers={"Location": "/real"}))
    assert get(url, file) == DATA
    assert server.ranges("/real") == [None, "bytes=200000-"]


def test_redirects_without_end(server: FileServer, file: Path) -> None:
    url = server.answers("/f", Reply(302, headers={"Location": "/f"}))
    assert "without end" in refused(url, file)


@pytest.mark.parametrize(
    "location",
    [
        "http://[::bad/",
        "//[",
        "http://\xff\xfe/",
        "http://a:b:c/",
        "http://127.0.0.1:99999/",
        "http://",
    ],
)
def test_redirects_that_make_no_sense(server: FileServer, file: Path, location: str) -> None:
    url = server.answers("/f", Reply(302, headers={"Location": location}))
    assert refused(url, file).isprintable()
    assert len(server.asked) == 1 or location == "http://"  # which is the same address again


def test_what_a_redirect_brings_besides_is_not_read(server: FileServer, file: Path) -> None:
    server.answers("/real", serving(DATA))
    endless = Reply(302, b"x" * 100, {"Location": "/real"}, length=10**12, stall=True)
    begun = time.monotonic()
    assert get(server.answers("/f", endless), file) == DATA
    assert time.monotonic() - begun < 2


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's address passes for one of the internet; what else is here, does not."""
    real = sources.is_local
    monkeypatch.setattr(sources, "is_local", lambda one: one != "127.0.0.1" and real(one))


@pytest.mark.usefixtures("outside")
def test_a_server_outside_must_not_lead_into_this_network(server: FileServer, file: Path) -> None:
    with file_server("127.0.0.2") as inner:
        for target in (
            inner.answers("/f", serving(DATA)),
            inner.url.replace("127.0.0.2", "[::ffff:127.0.0.2]") + "/f",
        ):
            server.answers("/far", Reply(302, headers={"Location": target}))
            text = refused(server.answers("/f", Reply(302, headers={"Location": "/far"})), file)
            assert "127.0.0.2), which is no place outside of this network" in text
        assert inner.asked == [], "refused before anything was asked"
        # A person may mean such an address, and its owner may lead where he likes.
        inner.answers("/g", Reply(302, headers={"Location": f"{inner.url}/f"}))
        assert get(f"{inner.url}/g", file) == DATA


def test_a_local_server_may_lead_to_another(server: FileServer, file: Path) -> None:
    with file_server("127.0.0.2") as inner:
        target = inner.answers("/f", serving(DATA))
        assert get(server.answers("/f", Reply(302, headers={"Location": target})), file) == DATA


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", True),
        ("169.254.169.254", True), ("fe80::1%eth0", True), ("fd00:ec2::254", True),
        ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.1.1", True), ("100.64.0.1", True),
        ("::ffff:127.0.0.1", True), ("::ffff:169.254.169.254", True),
        ("8.8.8.8", False), ("2606:4700::1111", False), ("::ffff:8.8.8.8", False),
    ],
)  # fmt: skip
def test_addresses_of_this_network(address: str, local: bool) -> None:
    assert sources.is_local(address) is local


@contextmanager
def dripping(text: bytes, pause: float = 0.02) -> Iterator[str]:
    """The URL of a server that sends bytes one by one, whatever it is asked."""

    def drip() -> None:
        while True:
            try:
                asker, _ = listening.accept()
            except OSError:
                return
            with asker, suppress(OSError):
                asker.recv(1 << 16)
                for at in range(len(text)):
                    asker.sendall(text[at : at + 1])
                    time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=drip, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/f"
        listening.shutdown(socket.SHUT_RDWR)


ENDLESS = {
    "status": b"HTTP/1.1 200 " + b"O" * 1000,
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "size of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 1000,
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 200,
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /" + b"f" * 1000,
}


@pytest.mark.parametrize("what", ENDLESS)
def test_headers_that_drip_are_given_up(file: Path, what: str) -> None:
    """No byte comes late, and all of them never."""
    with dripping(ENDLESS[what], 0.02 if what != "trailers" else 0.01) as url:
        begun = time.monotonic()
        with pytest.raises(DataError, match="brought next to nothing for a while"):
            fetch(UrlSource(url), file, HAND, retry=NEVER, timeout=(0.5, 0.4))
        assert time.monotonic() - begun < 4


def test_a_page_that_drips_is_given_up(file: Path) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<!doctype html>" + b" " * 9000
    said = "brought next to nothing for a while"
    with dripping(page, 0.005) as url, pytest.raises(DataError, match=said):
        fetch(UrlSource(url), file, HAND, retry=NEVER, timeout=(3, 0.4))


MANY = "9" * 5000


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(206, DATA[1000:], {"ETag": '"1"', "Content-Range": f"bytes {MANY}-{MANY}/{MANY}"}),
        Reply(206, DATA[1000:], {"ETag": '"1"', "Content-Range": f"bytes 1000-{MANY}/*"}),
        Reply(416, headers={"Content-Range": f"bytes */{MANY}"}),
        Reply(429, headers={"Retry-After": MANY}),
        Reply(503, headers={"Retry-After": f"-{MANY}"}),
    ],
    ids=["range", "end", "size", "wait", "minus"],
)
def test_numbers_of_thousands_of_digits(server: FileServer, file: Path, wrong: Reply) -> None:
    url = server.answers("/f", serving(DATA, cut=1000), wrong, serving(DATA))
    assert get(url, file) == DATA


@pytest.mark.parametrize("length", [MANY, "-1", "1e3", "\xb2", "300000, 300000", "0x10", " "])
def test_lengths_that_are_no_numbers(server: FileServer, file: Path, length: str) -> None:
    reply = Reply(200, DATA, {"Content-Length": length}, length=None)
    with suppress(DataError):  # whether it is taken is up to the libraries below
        fetch(UrlSource(server.answers("/f", reply)), file, HAND, retry=NEVER, timeout=TIMEOUT)
        assert file.read_bytes() == DATA


def test_an_end_without_a_length_is_told_where_nothing_is_known(
    server: FileServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.answers("/f", Reply(200, DATA[:1000], length=None))
    assert get(url, file) == DATA[:1000]
    assert "set.zip: the server does not say how long it is" in capsys.readouterr().err
    chunks = server.answers("/g", Reply(200, DATA, chunked=True))
    assert get(chunks, file) == DATA
    assert capsys.readouterr().err == "", "the last chunk says that it is the last"


ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 404 {ESCAPES}\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 {ESCAPES}\r\n\r\n",
        f"{ESCAPES}\r\n\r\n",
        f"HTTP/1.1 302 Found\r\nLocation: /{ESCAPES}\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 302 Found\r\nLocation: x{ESCAPES}://a/\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 302 Found\r\nLocation: http://a{ESCAPES}b/\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n<html><title>{ESCAPES}</title>" + 90 * "x",
        f"HTTP/1.1 500 {ESCAPES}\r\nContent-Length: 30\r\n\r\n{ESCAPES}" + 30 * "x",
        f"HTTP/1.1 200 OK\r\nX{ESCAPES}: {ESCAPES}\r\nContent-Length: {ESCAPES}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{ESCAPES}\r\n{ESCAPES}",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {ESCAPES}\r\n\r\n{ESCAPES}",
        f"HTTP/1.1 200 OK\r\nSet-Cookie: {ESCAPES}={ESCAPES}\r\nContent-Length: 9\r\n\r\nx",
        f"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=../{ESCAPES}\r\n\r\nx",
    ],
)  # fmt: skip
def test_what_a_server_says_never_steers_a_terminal(
    answer: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ""
    with dripping(answer.encode(), 0) as url:
        try:
            fetch(UrlSource(url), file, HAND, retry=urllib3.Retry(total=1, backoff_factor=0))
        except DataError as error:
            said = str(error)
    said += "".join(capsys.readouterr()).replace("\n", "")
    assert said.isprintable()
    assert all(path.name.startswith(file.name) for path in file.parent.iterdir())


@pytest.mark.parametrize("seed", range(4))
def test_a_server_that_lies_gives_the_file_or_a_line(
    server: FileServer, file: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers drawn at random; what comes out is the file, or what the server said it is."""
    rng = random.Random(seed)

    def anything(asked: Asked) -> Reply:
        start = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        cut = rng.choice([None, 1000, 100_000])
        return rng.choice([
            serving(DATA)(asked),
            serving(DATA, cut=70_000)(asked),
            serving(DATA, None, cut=70_000)(asked),
            Reply(rng.choice([408, 429, 500, 503]), b"busy"),
            ranged(f"bytes {start}-{rng.randrange(400_000)}/*", DATA[start:]),
            ranged(f"bytes {start + 7}-299999/300000", DATA[start:]),
            Reply(200, DATA[:cut], {"ETag": '"1"'}, chunked=True, cut=cut is not None),
            Reply(200, DATA[:cut], length=len(DATA)),
            Reply(302, headers={"Location": rng.choice(["/f", "http://[", "//"])}),
            Reply(416, headers={"Content-Range": f"bytes */{rng.choice([0, start, 300_000])}"}),
        ])  # fmt: skip

    url = server.answers("/f", anything)
    came = 0
    for _ in range(12):
        try:
            fetch(UrlSource(url), file, HAND, size=len(DATA), retry=QUICK, timeout=TIMEOUT)
        except DataError as error:
            assert str(error).isprintable() and str(error).endswith(HAND)
            continue
        assert file.read_bytes() == DATA
        file.unlink()
        came += 1
    assert came
    capsys.readouterr()


class Leading(HTTPAdapter):
    """A protected server, as far as it takes one to lead elsewhere."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = 302, request, str(request.url)
        response.headers["Location"] = self._target
        response.raw = urllib3.HTTPResponse(io.BytesIO(), preload_content=False)
        return response


def test_a_protected_address_must_not_lead_to_an_open_one(server: FileServer) -> None:
    target = server.answers("/f", serving(DATA))
    with Client() as client:
        client.mount("https://", Leading(target))
        with pytest.raises(PermanentFailure, match=f"it leads to {target}, which anybody"):
            UrlSource("https://set.test/f").ask(client, {}, (1, 1))
    assert server.asked == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><title>Sign\n in</title>", "application/zip"),
        (b"\n<HTML><head><title>Sign in</title>", "text/plain"),
        (b"<head><title>Sign in</title>", "text/html; charset=utf-8"),
    ],
)
def test_a_web_page_instead_of_the_file(
    server: FileServer, file: Path, body: bytes, kind: str
) -> None:
    url = server.answers("/f", Reply(200, body, {"Content-Type": kind}))
    assert "a web page ('Sign in') and not the file" in refused(url, file)
    assert list(file.parent.iterdir()) == []


def test_nobody_listens(file: Path) -> None:
    assert "Connection refused" in refused("http://127.0.0.1:9/f", file)


def test_no_address(file: Path) -> None:
    assert "No connection adapters" in refused("ftp://127.0.0.1/f", file)


def test_what_does_not_fit_is_told_before_it_comes(server: FileServer, file: Path) -> None:
    told = []

    def space(coming: int, whole: int) -> None:
        told.append((coming, whole))
        raise DataError("no room")

    url = server.answers("/f", serving(DATA, cut=1000))
    refused(url, file, retry=NEVER)
    with pytest.raises(DataError, match="no room"):
        fetch(UrlSource(url), file, HAND, space=space, retry=QUICK)
    assert told == [(len(DATA) - 1000, len(DATA))]


def test_a_folder_that_cannot_be_written(server: FileServer, tmp_path: Path) -> None:
    url = server.answers("/f", serving(DATA))
    with pytest.raises(DataError, match=r"gone/set.zip cannot be written \(no such file"):
        fetch(UrlSource(url), tmp_path / "gone" / "set.zip", HAND, retry=QUICK)


def test_waits_double_up_to_a_bound_and_are_not_all_alike() -> None:
    retry = RETRY
    for most in (0, 3, 5, 9, 17, 33):
        retry = retry.increment("GET", "/f", error=OSError())
        waits = {retry.get_backoff_time() for _ in range(50)}
        assert all(max(0, most - 1) <= wait <= most for wait in waits)
        assert len(waits) > 10 or not most
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        retry.increment("GET", "/f", error=OSError())
    assert retry.new(backoff_factor=100).get_backoff_time() == 60
