"""A street of small photos, its index, a server of it; and photos to try the page on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from http_server import Serving, Start, Street, make_street, serving
from playwright.sync_api import Browser, Page
from served_page import Asked, Visit, make_asked, visiting


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return make_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def start(warm_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    def start(*arguments: str | Path) -> AbstractContextManager[Serving]:
        log = tmp_path_factory.mktemp("log") / "log.txt"
        return serving(warm_python / "beenhere", log, *arguments)

    return start


@pytest.fixture(scope="module")
def server(street: Street, start: Start) -> Iterator[Serving]:
    """One for all tests of a module, with 100 MB a request at most and 4 photos."""
    write = street.root / "written"
    write.mkdir()
    with start(street.index, "--write", write, "--rate", "1000", "--files", "6") as running:
        yield running
    assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return make_asked(tmp_path_factory.mktemp("asked"))


@pytest.fixture
def visit(browser: Browser, server: Serving) -> Iterator[Visit]:
    with visiting(browser, server.url) as visit:
        yield visit


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.open()
