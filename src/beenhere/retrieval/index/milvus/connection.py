"""Connections to Milvus, whose errors become one line for a person."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beenhere.config.retrieval import MilvusAddress
from beenhere.errors import ConfigError, DataError
from beenhere.wording import one_line

if TYPE_CHECKING:
    from pymilvus import MilvusClient

TOKEN = "BEENHERE_MILVUS_TOKEN"
"""The environment variable with ``USER:PASSWORD`` or an API key, which no file of ours holds."""

CONNECT_SECONDS = 10

# What they log is in our errors, and would stand above them with a traceback.
_TALKATIVE = ("pymilvus", "pymilvus.milvus_client", "milvus_lite")


def connect(address: MilvusAddress) -> "MilvusClient":
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
        os.makedirs(os.path.dirname(address.address), exist_ok=True)  # noqa: PTH103, PTH120
    with speaking_to(address):
        token = os.environ.get(TOKEN, "")
        return MilvusClient(address.uri, token=token, timeout=CONNECT_SECONDS)


@contextmanager
def speaking_to(address: MilvusAddress) -> Iterator[None]:
    """Turn what pymilvus raises into a line that says what to do.

    Raises:
        DataError: Milvus does not answer, or refuses.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise DataError(_message(address, error)) from error


def _message(address: MilvusAddress, error: Exception) -> str:
    text = one_line(getattr(error, "message", None) or error, 300)
    if address.local and "Open local milvus failed" in text:
        return (
            f"{address.address} cannot be opened by Milvus Lite: another process has it open, or "
            "it is no such database; one process at a time can use it, a Milvus server serves many"
        )
    if "Fail connecting" in text or "UNAVAILABLE" in text or "DEADLINE_EXCEEDED" in text:
        return f"{address.address} does not answer; see that Milvus runs there ({text})"
    if "auth" in text.lower():
        return f"{address.address} refuses: {text}; set {TOKEN} to USER:PASSWORD or an API key"
    return f"{address} cannot be used: {text}"
