"""Make a new index."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.config.retrieval import IndexConfig, WhiteningConfig
from beenhere.devices import choose_device
from beenhere.errors import DataError
from beenhere.models.checkpoint import load_model
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.adding import JOURNAL, Added, put_in
from beenhere.retrieval.index.change import changing, clear_staging
from beenhere.retrieval.index.models import check_model, keep_model
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.index.sorting import sort_photos
from beenhere.retrieval.index.structures import settle_as_before

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel


def build_index(
    folder: Path,
    photos: PhotoTable,
    model: "VPRModel | str | Path",
    config: IndexConfig,
    wait: float = 0,
    what: str | None = None,
) -> Added:
    """Make an index of photos.

    Interrupted, the same call goes on where it was. Where the index is there already, nothing is
    done.

    Args:
        folder: of the index; made with its parents.
        photos: to be found later.
        model: a checkpoint or run folder, ``"offline-lite0"``, or a model, on any device; it is
            kept in the index, unless it is built in.
        config: dtype, whitening, search, store, and how descriptors are computed.
        wait: seconds to wait for another writer.
        what: what progress bars say; None: be silent.

    Raises:
        DataError: the folder holds an index of other photos or another dtype, or other things;
            another process writes it; or it cannot be written.
        ModelError: no such model, or the folder holds an index of another one.
        ConfigError: no such device.
    """
    if config.store is not None:
        from beenhere.retrieval.milvus.building import build_in_milvus

        return build_in_milvus(folder, photos, model, config.store, config, wait, what)
    start = time.perf_counter()
    spec = str(model) if isinstance(model, str | Path) else None
    if isinstance(model, str | Path):
        model = load_model(model, choose_device(config.extract.device))
    elif config.extract.device != "auto":
        model.to(choose_device(config.extract.device))
    with changing(folder, wait, new=True) as change:
        if change.before is not None:
            found = _built_before(change.before, photos, model, config, start)
            clear_staging(folder)
            settle_as_before(change, "photos in the search structure" if what else None)
            return found
        entry = keep_model(change, model, spec, config.extract)
        change.begin(entry, config.dtype, config.search)
        return put_in(change, photos, model, config.extract, what, start, config.whitening)


def _built_before(
    index: Snapshot, photos: PhotoTable, model: "VPRModel", config: IndexConfig, start: float
) -> Added:
    """See that an index is the one that is asked for.

    Raises:
        DataError: it is of another dtype or of other photos.
        ModelError: it is of another model.
    """
    folder, manifest = index.folder, index.manifest
    check_model(folder, manifest.model, model)
    if manifest.store is not None:
        where = f"{manifest.store.address}/{manifest.store.collection}"
        raise DataError(
            f"{folder} holds an index whose photos lie in {where}; give --store {where}, or "
            "another folder by -o"
        )
    if manifest.dtype != config.dtype:
        raise DataError(
            f"{folder} holds an index in {manifest.dtype}, not {config.dtype}; give another "
            "folder by -o"
        )
    learned = manifest.whitening.options if manifest.whitening is not None else None
    if learned != config.whitening:
        raise DataError(
            f"{folder} holds an index {_whitened(learned)}, not {_whitened(config.whitening)}; "
            "give another folder by -o"
        )
    if manifest.search != config.search:
        raise DataError(
            f"{folder} holds an index that is searched in another way; change it: "
            f"beenhere index train {folder} --search {config.search.kind}"
        )
    found = sort_photos(photos, index, folder / JOURNAL, None)
    new = found.given["path"][found.new].to_list()
    if len(found.same) < manifest.photos or not set(new) <= index.left_out.keys():
        raise DataError(
            f"{folder} holds an index of {manifest.photos} photos already, and these are others; "
            f"add them: beenhere index add {folder} PHOTOS"
        )
    unreadable = found.unreadable | {path: index.left_out[path] for path in new}
    seconds = time.perf_counter() - start
    same = len(found.same)
    return Added(manifest.photos, 0, 0, 0, 0, 0, same, unreadable, seconds)


def _whitened(options: WhiteningConfig | None) -> str:
    if options is None:
        return "without whitening"
    return f"whitened to {options.dim} numbers by the power {options.power:g}"
