"""Who may ask a server, from which page, how often and how much."""

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_server import Serving, Start, Street, parts

TOKEN = "a-token-of-a-test-0123456789"


def test_a_page_of_another_site_reads_nothing(server: Serving, street: Street) -> None:
    own = {"Host": f"localhost:{server.port}", "Origin": f"http://localhost:{server.port}"}
    assert server.ask("GET", "/v1/indexes", headers=own).status == 200
    for origin in ("http://evil.example", "null", f"http://localhost:{server.port + 1}", "x"):
        answered = server.ask("GET", "/v1/indexes", headers={**own, "Origin": origin})
        assert answered.status == 403 and "--cors" in answered.detail
        assert "access-control-allow-origin" not in answered.headers
        answered = server.post_bytes("/v1/locate", street.photo, Origin=origin)
        assert answered.status == 403
    picture = "/v1/indexes/street/photos/1/thumbnail"
    for site in ("cross-site", "same-site"):
        assert server.get(picture, Sec_Fetch_Site=site).status == 403
        followed = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate"}
        assert server.get("/", **followed).status == 200
        assert server.get("/v1/indexes", **followed).status == 403
    assert server.get(picture, Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "a, localhost",
        "[::1",
        "",
    ],
)
def test_a_foreign_host_is_refused(server: Serving, host: str) -> None:
    # As a name server gives that leads a page's own name to this machine.
    answered = server.ask("GET", "/v1/indexes", headers={"Host": host})
    assert answered.status == 403 and "--allow-host" in answered.detail
    assert server.ask("GET", "/v1/indexes", headers={"Host": "[::1]:80"}).status == 200


def test_pages_run_nothing_that_is_not_a_file_of_the_server(server: Serving) -> None:
    for path in ("/", "/docs", "/v1/indexes", "/nothing"):
        answered = server.get(path)
        policy = answered.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answered.headers
    for path in ("/", "/docs"):
        body = server.get(path).body.lower()
        assert b"https://" not in body and b"<style" not in body and b"onload" not in body
        assert b"<script>" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../pyproject.toml",
        "/static/..%2f..%2f__init__.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..\\app.py",
        "/static/%00",
        "/v1/indexes/..%2f..%2fetc/photos",
        "/v1/indexes/street/photos/..%2f..%2fetc%2fpasswd",
        "/v1/indexes/street/photos/99999999999999999999/thumbnail",
        "/tiles/0/0/..%2f0",
    ],
)
def test_paths_lead_nowhere_else(server: Serving, path: str) -> None:
    answered = server.get(path)
    assert answered.status in (404, 422), answered.body
    assert answered.detail


def test_files_of_the_page_are_kept_and_asked_for_again(server: Serving) -> None:
    first = server.get("/static/world.json")
    assert first.headers["cache-control"] == "no-cache"
    again = server.ask(
        "GET", "/static/world.json", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status == 304 and not again.body
    assert server.get("/v1/indexes").headers["cache-control"] == "no-store"


def test_sizes_are_refused_before_they_are_read(server: Serving) -> None:
    head = f"POST /v1/locate HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    kind = "Content-Type: image/jpeg\r\n"
    answered = server.raw(f"{head}{kind}Content-Length: 999000000000\r\n\r\n".encode())
    assert answered.startswith(b"HTTP/1.1 413 ") and b"application/problem+json" in answered
    length = "Content-Length: 260000000\r\n"
    assert server.raw(f"{head}{kind}{length}\r\n".encode()).startswith(b"HTTP/1.1 413 ")


def test_more_photos_than_allowed(server: Serving, street: Street) -> None:
    sent = [(f"{number}.jpg", street.photo) for number in range(7)]
    answered = server.post_photos("/v1/search", *sent)
    assert answered.status == 400 and "Maximum number of files is 6" in answered.detail


def test_what_is_no_photo_of_a_form(server: Serving, street: Street) -> None:
    body = parts(("q.jpg", street.photo)).replace(b'name="photo"', b'name="other"')
    kind = {"Content-Type": "multipart/form-data; boundary=parts-of-a-test"}
    assert "parts named photo" in server.ask("POST", "/v1/locate", body, kind).detail
    answered = server.ask("POST", "/v1/locate", b"{}", {"Content-Type": "application/json"})
    assert answered.status == 415 and "image/jpeg" in answered.detail
    assert server.ask("POST", "/v1/locate", b"", {"Content-Type": "image/png"}).status == 400
    cut = server.ask("POST", "/v1/locate", body[:-400], kind)
    assert cut.status == 400 and cut.detail
    # An address is a name like others: nothing is fetched.
    name = "http://127.0.0.1:9/a.jpg"
    found = server.post_photos("/v1/locate", (name, b"GIF89a")).json["answers"][0]
    assert (found["query"], found["status"]) == (name, "unreadable")


@pytest.fixture(scope="module")
def guarded(
    street: Street, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """On all addresses, with a token, another page that may ask, and few requests a second."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "kept").mkdir()
    options = ["--token-file", folder / "token", "--cors", "https://maps.example"]
    options += ["--keep", folder / "kept", "--rate", "50", "--megapixels", "1"]
    options += ["--file-mb", "1", "--uploads-mb", "3"]
    with start(street.index, "--host", "0.0.0.0", *options) as running:
        running.folder = folder
        yield running
    log = running.log.read_text()
    assert TOKEN not in log and "Traceback" not in log


def test_nothing_of_an_index_without_the_token(guarded: Serving, street: Street) -> None:
    for path in (
        "/v1/indexes",
        "/metrics",
        "/openapi.json",
        "/v1/indexes/street/photos/1/thumbnail",
    ):
        for given in ("", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
            answered = guarded.get(path, Authorization=given)
            assert answered.status == 401 and "Bearer" in answered.headers["www-authenticate"]
            assert "street" not in answered.detail
    assert guarded.get(f"/v1/indexes?token={TOKEN}").status == 401
    assert guarded.post_bytes("/v1/locate", street.photo).status == 401
    assert guarded.get("/health").status == guarded.get("/").status == 200
    assert guarded.get("/v1/indexes", Authorization=f"Bearer {TOKEN}").status == 200


def test_a_browser_keeps_that_it_has_the_token(guarded: Serving) -> None:
    assert guarded.ask("POST", "/v1/session").status == 401
    begun = guarded.ask("POST", "/v1/session", headers={"Authorization": f"Bearer {TOKEN}"})
    cookie = begun.headers["set-cookie"]
    assert begun.status == 204 and TOKEN not in cookie
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    kept = cookie.partition(";")[0]
    assert guarded.get("/v1/indexes", Cookie=kept).status == 200
    assert guarded.get("/v1/indexes", Cookie=f"{kept}0").status == 401
    assert guarded.get("/v1/indexes", Cookie='beenhere="').status == 401


def test_pages_that_are_named_may_ask(guarded: Serving) -> None:
    origin = {"Origin": "https://maps.example", "Authorization": f"Bearer {TOKEN}"}
    answered = guarded.ask("GET", "/v1/indexes", headers=origin)
    assert answered.headers["access-control-allow-origin"] == "https://maps.example"
    other = {**origin, "Origin": "https://maps.example.evil"}
    assert guarded.ask("GET", "/v1/indexes", headers=other).status == 403
    before = {"Origin": "https://maps.example", "Access-Control-Request-Method": "POST"}
    answered = guarded.ask("OPTIONS", "/v1/locate", headers=before)
    assert (answered.status, answered.body) == (204, b"")
    assert "authorization" in answered.headers["access-control-allow-headers"]


def test_photos_are_kept_by_their_contents(guarded: Serving, street: Street) -> None:
    names = ("../../up.jpg", "/etc/cron.d/a.sh;x", "again.jpg")
    sent = [(name, street.photo) for name in names]
    answered = guarded.post_photos("/v1/search", *sent, Authorization=f"Bearer {TOKEN}")
    assert [one["query"] for one in answered.json["answers"]] == list(names)
    kept = list(guarded.folder.rglob("kept/*"))
    assert {file.suffix for file in kept} == {".jpg", ".shx"}
    assert all(file.read_bytes() == street.photo for file in kept)


def test_large_photos_are_named_and_others_answered(guarded: Serving, street: Street) -> None:
    import io

    from PIL import Image

    wide = io.BytesIO()
    Image.new("RGB", (2000, 600)).save(wide, "PNG")
    sent = [("wide.png", wide.getvalue()), ("fat.jpg", bytes(1_100_000)), ("q.jpg", street.photo)]
    answered = guarded.post_photos("/v1/locate", *sent, Authorization=f"Bearer {TOKEN}")
    first, second, third = answered.json["answers"]
    assert first["reason"] == "declares 2000 x 600 pixels; this server takes 1 megapixels"
    assert second["reason"] == "file of 1.1 MB; this server takes 1 MB"
    assert third["status"] != "unreadable"
    answered = guarded.post_bytes("/v1/locate", bytes(1_100_000), Authorization=f"Bearer {TOKEN}")
    assert answered.status == 413 and "more than 1 MB" in answered.detail
    head = f"POST /v1/locate HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n"
    answered = guarded.raw(f"{head}Content-Length: 3100000\r\n\r\n".encode())
    assert answered.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in answered.lower()


def test_too_many_requests_wait(guarded: Serving) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=60)
    statuses = []
    time.sleep(1)  # those before have taken some
    for _ in range(1000):
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        if answer.status == 429:
            assert answer.getheader("Retry-After") == "1"
            break
    connection.close()
    assert statuses[0] == 200 and statuses[-1] == 429
    assert guarded.get("/health").status == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "there is no token; give --token-file FILE"),
        (["--host", "0.0.0.0", "--token-file", "short"], "expected 16 or more"),
        (["--token-file", "none"], "none: cannot be read as a token"),
        (["--keep", "none"], "--keep is none; expected a folder that is there"),
        (["--tiles-url", "https://x/{z}/{x}/{y}"], "attribution"),
        (["--tiles", "short"], "expected a .pmtiles or .mbtiles file"),
    ],
)
def test_a_server_that_cannot_be_says_why(
    street: Street, warm_python: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    (tmp_path / "short").write_text("abc")
    run = subprocess.run(
        [warm_python / "beenhere", "serve", street.index, "--port", "0", *options],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert said in run.stderr and len(run.stderr.splitlines()) == 1, run.stderr
