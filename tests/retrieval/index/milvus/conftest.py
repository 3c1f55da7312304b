"""Stores to test with: Milvus Lite always, and a server where there is one."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from milvus_writer import close_lite
from tiny import TinyModel, at_name, write_photo

from beenhere.config.retrieval import MilvusAddress
from beenhere.retrieval.index.milvus.collection import connect

SERVER = "BEENHERE_TEST_MILVUS"
"""Set it to milvus://HOST:PORT to run these tests against a server too."""

KINDS = ["lite", "server"] if SERVER in os.environ else ["lite"]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a collection can be made; it goes after the test."""
    with opened_store(request.param, tmp_path) as place:
        yield place


@pytest.fixture(params=KINDS, scope="module")
def module_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Like ``store``, for all tests of a file."""
    with opened_store(request.param, tmp_path_factory.mktemp("store")) as place:
        yield place


@contextmanager
def opened_store(kind: str, folder: Path) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    if kind == "lite":
        yield f"{folder}/lite.db/{name}"
        close_lite(folder / "lite.db")
        return
    address = MilvusAddress.parse(f"{os.environ[SERVER]}/{name}")
    yield str(address)
    client = connect(address)
    if client.has_collection(name):
        client.drop_collection(name)


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos, 10 m apart."""
    folder = tmp_path / "photos"
    for number in range(6):
        write_photo(folder / at_name(500_000 + 10 * number, 4_100_000), number)
    return folder
