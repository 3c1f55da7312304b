"""A Milvus collection of photos: connected to, made, read and written."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import MilvusAddress, SearchConfig
from beenhere.errors import ConfigError, DataError, ModelError
from beenhere.retrieval.index.manifest import IndexedModel
from beenhere.retrieval.index.milvus.fields import PHOTO, entities, one_of
from beenhere.wording import one_line

if TYPE_CHECKING:
    from pymilvus import MilvusClient

TOKEN = "BEENHERE_MILVUS_TOKEN"
"""The environment variable with ``USER:PASSWORD`` or an API key, which no file of ours holds."""

CONNECT_SECONDS = 10

FORMAT = 1
"""Raised when an older reader would misread the rows."""

LOOKED_UP = 1000
"""Keys in one question."""

WRITTEN_BYTES = 4 * 2**20
"""Of vectors in one message; servers refuse 64 MiB."""

MOST_HITS = 16_384
"""That a Milvus server gives for one query."""

SEARCHED_BY = {"auto": "FLAT", "exact": "FLAT", "hnsw": "HNSW"}
_TEXT_BYTES = 65_535
# Whose descriptors these are stands in their field's name: it is made with the collection, and
# every version keeps it.
_VECTORS = "beenhere"


class MilvusCollection:
    """Photos and descriptors in Milvus; see :meth:`open` and :meth:`make`.

    Every read sees all writes that were acknowledged (the consistency level Strong).

    Attributes:
        address: where it is.
        dim: of its descriptors.
        graph: whether it is searched by a graph (hnsw), which may miss a photo.
    """

    def __init__(
        self,
        client: "MilvusClient",
        address: MilvusAddress,
        vectors: str,
        dim: int,
        graph: bool,
        ef_search: int,
    ) -> None:
        self.address = address
        self.dim = dim
        self.graph = graph
        self._client = client
        self._vectors = vectors
        self._ef_search = ef_search

    @classmethod
    def open(
        cls, address: MilvusAddress, model: IndexedModel, search: SearchConfig
    ) -> "MilvusCollection":
        """A collection that is there.

        Args:
            address: where it is.
            model: whose descriptors it holds.
            search: how hard to search, where it was made for hnsw.

        Raises:
            ConfigError: pymilvus is not installed.
            DataError: Milvus does not answer, there is no such collection, or it is none of this
                program, or of a newer one.
            ModelError: it holds descriptors of another model.
        """
        if address.local and not os.path.lexists(address.address):  # opened, it would be made
            raise DataError(
                f"{address.address} is not there; bring back the database, or build the index again"
            )
        client = connect(address)
        with speaking_to(address):
            if not client.has_collection(address.collection):
                raise DataError(
                    f"{address} is not there; it was dropped, or the server is another one: build "
                    "the index again"
                )
            fields = client.describe_collection(address.collection)["fields"]
            vectors = _vector_field(address, fields)
            name = vectors["name"]
            _check_model(address, name, model)
            index = client.describe_index(address.collection, name)
            if index is None:
                raise DataError(
                    f"{address}: its making was interrupted; go on with the same command: "
                    "beenhere index build"
                )
            graph = index["index_type"] == "HNSW"
            client.load_collection(address.collection)
        dim = int(vectors["params"]["dim"])
        return cls(client, address, name, dim, graph, search.ef_search)

    @classmethod
    def make(
        cls, address: MilvusAddress, model: IndexedModel, search: SearchConfig
    ) -> "MilvusCollection":
        """A collection of no photos, or the one of this model that is there.

        Raises:
            ConfigError: a search that Milvus does not do; pymilvus is not installed.
            DataError: as :meth:`open`; or it is there, and searched in another way.
            ModelError: as :meth:`open`.
        """
        if search.kind not in SEARCHED_BY:
            raise ConfigError(
                f"search is {search.kind}, which is not for photos in Milvus; give exact or hnsw"
            )
        client = connect(address)
        with speaking_to(address):
            if not client.has_collection(address.collection):
                _remove_half_made(address)
                _create(client, address.collection, _vectors_of(model), model.dim)
            fields = client.describe_collection(address.collection)["fields"]
            vectors = _vector_field(address, fields)["name"]
            # Without one where the process was killed right after it had created the collection.
            if client.describe_index(address.collection, vectors) is None:
                _index(client, address.collection, vectors, search)
        made = cls.open(address, model, search)
        if made.graph != (search.kind == "hnsw"):
            there = "hnsw" if made.graph else "exact"
            raise DataError(
                f"{address} was made for search {there}; give that, or another collection"
            )
        return made

    def count(self) -> int:
        """Photos in it."""
        return int(self._query("", ["count(*)"])[0]["count(*)"])

    def having(self, field: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """Photos whose field has one of some values, with the fields of :data:`PHOTO`.

        There should not be many of one value: servers give no more than 16,384 at once.
        """
        found = []
        for start in range(0, len(values), LOOKED_UP):
            found += self._query(one_of(field, values[start : start + LOOKED_UP]), PHOTO)
        return found

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Descriptors of photos that are there, ``(len(ids), D)``."""
        held = np.empty((len(ids), self.dim), np.float32)
        place = {key: number for number, key in enumerate(ids)}
        for start in range(0, len(ids), LOOKED_UP):
            where = one_of("id", ids[start : start + LOOKED_UP])
            for entity in self._query(where, ["id", self._vectors]):
                held[place[entity["id"]]] = entity[self._vectors]
        return held

    def _query(self, where: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        with speaking_to(self.address):
            found: list[dict[str, Any]] = self._client.query(
                self.address.collection,
                filter=where,
                output_fields=list(fields),
                consistency_level="Strong",
            )
        return found

    def every(self, where: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """All photos that meet an expression, with some fields, a thousand at a time."""
        with speaking_to(self.address):
            photos = self._client.query_iterator(
                self.address.collection,
                batch_size=LOOKED_UP,
                filter=where,
                output_fields=list(fields),
                consistency_level="Strong",
            )
            try:
                while batch := photos.next():
                    yield batch
            finally:
                photos.close()

    def every_vector(self) -> Iterator[tuple[list[dict[str, Any]], NDArray[np.float32]]]:
        """All photos with the fields of :data:`PHOTO`, and their descriptors ``(n, D)``."""
        for batch in self.every("", [*PHOTO, "sha256", self._vectors]):
            yield batch, np.array([entity.pop(self._vectors) for entity in batch], np.float32)

    def put(self, ids: Sequence[str], frame: pl.DataFrame, vectors: NDArray[np.floating]) -> None:
        """Write photos with their primary keys; those with the same keys are replaced."""
        step = max(1, WRITTEN_BYTES // (4 * self.dim))
        for start in range(0, len(ids), step):
            some = slice(start, start + step)
            batch = entities(ids[some], frame[some], vectors[some], self._vectors)
            with speaking_to(self.address):
                # Not insert: written again, as when its answer was lost, a photo would be twice.
                self._client.upsert(self.address.collection, batch)

    def flush(self) -> None:
        """Have what was written searched fast.

        Milvus Lite looks through its last writes one by one in Python, a hundred times as slow as
        through what it has put in order. A server does so by itself.
        """
        if self.address.local:
            with speaking_to(self.address):
                self._client.flush(self.address.collection)

    def delete(self, ids: Sequence[str]) -> None:
        """Take photos out by their keys; those that are not there do not matter."""
        with speaking_to(self.address):
            for start in range(0, len(ids), LOOKED_UP):
                self._client.delete(
                    self.address.collection, filter=one_of("id", ids[start : start + LOOKED_UP])
                )

    def nearest(
        self, queries: NDArray[np.float32], limit: int, where: str
    ) -> list[list[dict[str, Any]]]:
        """Hits of each query ``(m, D)``: ``id``, ``distance``, ``entity`` (``path``, ``photo``).

        Best first, ``limit`` of each, at most :data:`MOST_HITS`; all meet the expression ``where``.
        """
        found: list[list[dict[str, Any]]] = []
        step = max(1, 2 * MOST_HITS // limit)
        params = {"ef": max(self._ef_search, limit)} if self.graph else {}
        with speaking_to(self.address):
            for start in range(0, len(queries), step):
                found += self._client.search(
                    self.address.collection,
                    data=list(queries[start : start + step]),
                    filter=where,
                    limit=limit,
                    output_fields=["path", "photo"],
                    search_params={"metric_type": "IP", "params": params},
                    anns_field=self._vectors,
                    consistency_level="Strong",
                )
        return found


def _remove_half_made(address: MilvusAddress) -> None:
    """Of a process killed while Milvus Lite made a collection: it is none, yet has the name."""
    folder = Path(address.address, "collections", address.collection)
    files = list(folder.iterdir()) if address.local and folder.is_dir() else [folder]
    if all(path.name == "schema.json.tmp" for path in files):
        shutil.rmtree(folder)


def _create(client: "MilvusClient", name: str, vectors: str, dim: int) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=128)
    for field in ("path", "photo"):
        schema.add_field(field, DataType.VARCHAR, max_length=_TEXT_BYTES)
    for field in ("sha256", "earliest", "latest"):
        schema.add_field(field, DataType.VARCHAR, max_length=64)
    schema.add_field("zone", DataType.INT64)
    for field in ("lat", "lon", "easting", "northing", "heading"):
        schema.add_field(field, DataType.DOUBLE)
    schema.add_field(vectors, DataType.FLOAT_VECTOR, dim=dim)
    client.create_collection(name, schema=schema, consistency_level="Strong")


def _index(client: "MilvusClient", name: str, vectors: str, search: SearchConfig) -> None:
    kind = SEARCHED_BY[search.kind]
    params = {"M": search.M, "efConstruction": search.ef_construction} if kind == "HNSW" else {}
    index = client.prepare_index_params()
    index.add_index(vectors, index_type=kind, metric_type="IP", params=params)
    client.create_index(name, index)


def _vectors_of(model: IndexedModel) -> str:
    return f"{_VECTORS}{FORMAT}_{model.precision}_{model.fingerprint}"


def _vector_field(address: MilvusAddress, fields: list[dict[str, Any]]) -> dict[str, Any]:
    field = next((field for field in fields if field["name"].startswith(_VECTORS)), None)
    number = field["name"][len(_VECTORS) :].partition("_")[0] if field is not None else ""
    if field is None or not number.isdecimal():
        raise DataError(f"{address} holds other things than photos; give another collection")
    if int(number) > FORMAT:
        raise DataError(
            f"{address} was made by a newer beenhere, format {number}; this one reads {FORMAT}: "
            "update beenhere"
        )
    return field


def _check_model(address: MilvusAddress, vectors: str, model: IndexedModel) -> None:
    wanted = _vectors_of(model)
    if vectors != wanted:
        held, asked = (name.split("_", 1)[1].split("_") for name in (vectors, wanted))
        raise ModelError(
            f"{address} holds descriptors of the model {held[1][:16]} in the precision {held[0]}, "
            f"and was given {asked[1][:16]} in {asked[0]}; give that one, or another collection"
        )


# --- connections ---------------------------------------------------------------------------------

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
