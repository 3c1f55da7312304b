"""A server of one's own for each test."""

from collections.abc import Iterator

import pytest
from file_server import FileServer, file_server


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running
