"""Make an index whose photos and descriptors lie in Milvus."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.config.retrieval import IndexConfig
from beenhere.devices import choose_device
from beenhere.errors import BeenhereError, ConfigError, DataError
from beenhere.models.checkpoint import load_model
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.adding import Added
from beenhere.retrieval.index.change import Change, changing
from beenhere.retrieval.index.manifest import Store
from beenhere.retrieval.index.models import check_model, keep_model
from beenhere.retrieval.milvus.adding import held_at, put_in_collection
from beenhere.retrieval.milvus.address import Address
from beenhere.retrieval.milvus.collection import Collection

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel


def build_in_milvus(
    folder: Path,
    photos: PhotoTable,
    model: "VPRModel | str | Path",
    store: str,
    config: IndexConfig,
    wait: float = 0,
    what: str | None = None,
) -> Added:
    """Make an index of photos in a Milvus collection, which is made too.

    The folder keeps the model and where the collection is; copied to another machine, it is all
    that is needed there. Interrupted, the same call goes on where it was.

    Args:
        folder: of the index; made with its parents.
        photos: to be found later.
        model: as in :func:`beenhere.retrieval.index.building.build_index`.
        store: where; see :class:`beenhere.retrieval.milvus.address.Address`.
        config: search exact or hnsw, and how descriptors are computed.
        wait: seconds to wait for another writer.
        what: what progress bars say; None: be silent.

    Raises:
        ConfigError: no such address, an option that is not for photos in Milvus, no such device,
            or pymilvus is not installed.
        DataError: Milvus does not answer; the collection or the folder holds other things;
            another process writes the index; or it cannot be written.
        ModelError: no such model, or the collection or the folder is of another one.
    """
    start = time.perf_counter()
    address = Address.parse(store)
    if config.dtype != "float32" or config.whitening is not None:
        raise ConfigError(
            "in Milvus descriptors are kept as the model gives them, in float32; leave out dtype "
            "and whitening"
        )
    spec = str(model) if isinstance(model, str | Path) else None
    if isinstance(model, str | Path):
        model = load_model(model, choose_device(config.extract.device))
    elif config.extract.device != "auto":
        model.to(choose_device(config.extract.device))
    made = not folder.exists()
    with changing(folder, wait, new=True) as change:
        try:
            collection = _begin(change, photos, model, spec, address, config)
        except BeenhereError:
            if made and change.before is None:
                shutil.rmtree(folder, ignore_errors=True)  # nothing in it is worth going on with
            raise
        return put_in_collection(change, collection, photos, model, config.extract, what, start)


def _begin(
    change: Change,
    photos: PhotoTable,
    model: "VPRModel",
    spec: str | None,
    address: Address,
    config: IndexConfig,
) -> Collection:
    """The collection that photos go into; the folder then says where it is.

    Raises:
        ConfigError, DataError, ModelError: as :func:`build_in_milvus`.
    """
    kept = Store(address=address.where, collection=address.collection)
    if change.before is not None:
        check_model(change.folder, change.manifest.model, model)
        if change.manifest.store != kept:
            raise DataError(
                f"{change.folder} holds an index that is not in {address}; give another"
            )
        entry = change.manifest.model
    else:
        entry = keep_model(change, model, spec, config.extract)
    collection = Collection.make(address, entry, config.search)
    count = collection.count()
    if len(held_at(collection, photos).ids) < count:
        raise DataError(
            f"{address} holds {count:,} photos, and not all are among these; give another "
            "collection, or add these: beenhere index add INDEX PHOTOS, with the folder of "
            "the index that the collection was made for"
        )
    if change.before is None:
        change.begin(entry, "float32", config.search, store=kept)
        change.commit_store(count, {})
    return collection
