"""Connections to Milvus: where a collection is, and errors of one line for a person."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beenhere.errors import ConfigError, DataError
from beenhere.wording import one_line

if TYPE_CHECKING:
    from pymilvus import MilvusClient

PORT = 19530
TOKEN = "BEENHERE_MILVUS_TOKEN"
"""The environment variable with ``USER:PASSWORD`` or an API key, which no file of ours holds."""

CONNECT_SECONDS = 10

_SCHEME = {"milvus": "http", "milvus+https": "https"}
_COLLECTION = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
_EXPECTED = (
    "expected milvus://HOST/COLLECTION, milvus://HOST:PORT/COLLECTION, milvus+https://... where "
    "the server has a certificate, or FILE.db/COLLECTION for Milvus Lite"
)


@dataclass(frozen=True)
class Address:
    """A collection, and where it is.

    Attributes:
        where: ``milvus://HOST:PORT``, ``milvus+https://HOST:PORT``, or the absolute path of a
            Milvus Lite database, which ends in ``.db``.
        collection: letters, digits and ``_``.
    """

    where: str
    collection: str

    def __str__(self) -> str:
        return f"{self.where}/{self.collection}"

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine."""
        return "://" not in self.where

    @property
    def uri(self) -> str:
        """As pymilvus wants it."""
        if self.local:
            return self.where
        scheme, _, host = self.where.partition("://")
        return f"{_SCHEME[scheme]}://{host}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read what a person gave.

        Raises:
            ConfigError: it is none.
        """
        where, _, collection = text.rpartition("/")
        if not _COLLECTION.fullmatch(collection):
            raise ConfigError(f"store is {text!r}; {_EXPECTED}; a collection is letters, digits, _")
        scheme, separator, host = where.partition("://")
        if not separator:
            if not where.endswith(".db"):
                raise ConfigError(f"store is {text!r}; {_EXPECTED}")
            return cls(os.path.abspath(where), collection)  # noqa: PTH100 - links stay as they are
        if scheme not in _SCHEME or not host or "/" in host:
            raise ConfigError(f"store is {text!r}; {_EXPECTED}")
        if "@" in host:
            raise ConfigError(
                "store holds a user or password, which would be kept in the index; leave it out, "
                "and set the environment variable BEENHERE_MILVUS_TOKEN to USER:PASSWORD"
            )
        name, colon, port = host.rpartition(":")
        if not colon:
            return cls(f"{scheme}://{host}:{PORT}", collection)
        if not name or not port.isdecimal():
            raise ConfigError(f"store is {text!r}; {_EXPECTED}")
        return cls(where, collection)


# What they log is in our errors, and would stand above them with a traceback.
_TALKATIVE = ("pymilvus", "pymilvus.milvus_client", "milvus_lite")


def connect(address: Address) -> "MilvusClient":
    """A client of the server, or of Milvus Lite in this process.

    Raises:
        ConfigError: pymilvus or milvus-lite is not installed.
        DataError: nothing answers there, the token is not accepted, or another process has the
            file.
    """
    try:
        from pymilvus import MilvusClient

        if address.local:
            import milvus_lite  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'{address} needs {error.name}, which is not installed; pip install "beenhere[milvus]"'
        ) from error
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if address.local:
        os.makedirs(os.path.dirname(address.where), exist_ok=True)  # noqa: PTH103, PTH120
    with speaking_to(address):
        token = os.environ.get(TOKEN, "")
        return MilvusClient(address.uri, token=token, timeout=CONNECT_SECONDS)


@contextmanager
def speaking_to(address: Address) -> Iterator[None]:
    """Turn what pymilvus raises into a line that says what to do.

    Raises:
        DataError: Milvus does not answer, or refuses.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise DataError(_said(address, error)) from error


def _said(address: Address, error: Exception) -> str:
    text = one_line(getattr(error, "message", None) or error, 300)
    if address.local and "Open local milvus failed" in text:
        return (
            f"{address.where} cannot be opened by Milvus Lite: another process has it open, or it "
            "is no such database; one process at a time can use it, a Milvus server serves many"
        )
    if "Fail connecting" in text or "UNAVAILABLE" in text or "DEADLINE_EXCEEDED" in text:
        return f"{address.where} does not answer; see that Milvus runs there ({text})"
    if "auth" in text.lower():
        return f"{address.where} refuses: {text}; set {TOKEN} to USER:PASSWORD or an API key"
    return f"{address} cannot be used: {text}"
