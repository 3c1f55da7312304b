"""Where a Milvus collection is: how a person writes it."""

import os
import re
from dataclasses import dataclass

from beenhere.errors import ConfigError

PORT = 19530
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
