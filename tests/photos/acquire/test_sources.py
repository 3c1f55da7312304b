"""Google Drive, by a stand-in that sends the pages that Drive sends."""

import random
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from file_server import Asked, FileServer, Reply, serving

from beenhere.errors import DataError
from beenhere.photos.acquire.sources import DriveSource
from beenhere.photos.acquire.transfer import fetch

DATA = random.Random(0).randbytes(100_000)
QUICK = {"retry": urllib3.Retry(total=2, backoff_factor=0.001), "timeout": (2, 0.5)}
HTML = {"Content-Type": "text/html; charset=utf-8"}

CONFIRM = """<!DOCTYPE html><html>
<head><title>Google Drive - Virus scan warning</title></head><body>
<p class="uc-warning-caption">Google Drive can't scan this file for viruses.</p>
<form id="download-form" action="{action}" method="get">
<input type="submit" id="uc-download-link" value="Download anyway"/>
<input type="hidden" name="id" value="{id}"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="{uuid}">
</form></body></html>"""
BUSY = """<html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">Sorry, you can't view or download this file at this time.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>
</body></html>"""
SIGN_IN = """<!doctype html><html><head><title>Sign in - Google Accounts</title>
<base href="https://accounts.google.com/v3/signin/"></head></html>"""


class Drive:
    """A Drive of one file, which gives a link only for a while."""

    def __init__(self, server: FileServer) -> None:
        self.server = server
        self.source = DriveSource("abc", base=server.url)
        self.links = 0
        server.answers("/uc", self.page)

    def page(self, asked: Asked) -> Reply:
        assert parse_qs(urlsplit(asked.path).query)["id"] == ["abc"]
        self.links += 1
        text = CONFIRM.format(
            action=f"{self.server.url}/download", id="abc", uuid=f"u-{self.links}"
        )
        return Reply(200, text.encode(), HTML)

    def serves(self, data: bytes, cut: int | None = None) -> None:
        def reply(asked: Asked) -> Reply:
            query = parse_qs(urlsplit(asked.path).query)
            assert (query["id"], query["confirm"]) == (["abc"], ["t"])
            assert query["uuid"] == [f"u-{self.links}"]  # the newest link
            return serving(data, cut=cut)(asked)

        self.server.answers("/download", reply)


@pytest.fixture
def drive(server: FileServer) -> Drive:
    return Drive(server)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "set.zip"


def refused(drive: Drive, file: Path) -> str:
    with pytest.raises(DataError) as caught:
        fetch(drive.source, file, "take the tram", **QUICK)
    assert list(file.parent.iterdir()) == []
    return str(caught.value)


def test_a_large_file(drive: Drive, file: Path) -> None:
    drive.serves(DATA)
    fetch(drive.source, file, "", **QUICK)
    assert file.read_bytes() == DATA


def test_a_large_file_goes_on_by_another_link(drive: Drive, file: Path) -> None:
    drive.serves(DATA, cut=40_000)
    fetch(drive.source, file, "", **QUICK)
    assert file.read_bytes() == DATA
    assert drive.links == 3
    got = [one for one in drive.server.asked if one.path.startswith("/download")]
    assert [one.headers.get("Range") for one in got] == [None, "bytes=40000-", "bytes=80000-"]


def test_a_small_file_comes_at_once(drive: Drive, server: FileServer, file: Path) -> None:
    server.answers("/uc", serving(DATA))
    fetch(drive.source, file, "", **QUICK)
    assert file.read_bytes() == DATA


def test_too_many_have_fetched_it(drive: Drive, server: FileServer, file: Path) -> None:
    server.answers("/uc", Reply(200, BUSY.encode(), HTML))
    assert refused(drive, file) == (
        "set.zip cannot be fetched: Google Drive gives it to nobody for now, since too many have "
        "fetched it today (tomorrow it may); take the tram"
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize("words", ["Quota exceeded", "Too many users"])
def test_either_wording_will_do(drive: Drive, server: FileServer, file: Path, words: str) -> None:
    server.answers("/uc", Reply(200, f"<html><p>{words}</p></html>".encode(), HTML))
    assert "to nobody for now" in refused(drive, file)


def test_too_many_have_fetched_it_is_said_after_the_button(
    drive: Drive, server: FileServer, file: Path
) -> None:
    server.answers("/download", Reply(200, BUSY.encode(), HTML))
    assert "to nobody for now" in refused(drive, file)


def test_a_file_that_is_not_shared(drive: Drive, server: FileServer, file: Path) -> None:
    server.answers("/signin", Reply(200, SIGN_IN.encode(), HTML))
    server.answers("/uc", Reply(302, headers={"Location": "/signin"}))
    assert "does not share it with everybody" in refused(drive, file)


def test_a_file_that_is_gone(drive: Drive, server: FileServer, file: Path) -> None:
    server.answers("/uc", Reply(404, b"<html>", HTML))
    assert "no such file any more (status 404" in refused(drive, file)


def test_a_page_that_nobody_knows(drive: Drive, server: FileServer, file: Path) -> None:
    server.answers("/uc", Reply(200, b"<html><title>New &\n bright</title></html>", HTML))
    assert "Google Drive sent a page ('New & bright') and not the file" in refused(drive, file)
