"""Build an index, add photos, remove photos, calibrate: once for every store.

:mod:`beenhere.retrieval.index.photo_store` has what differs between a folder and Milvus.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from beenhere.config.evaluation import ComputeConfig
from beenhere.config.retrieval import HALF, IndexConfig, MilvusAddress, WhiteningConfig
from beenhere.errors import BeenhereError, DataError
from beenhere.photos.photo_file import Photo
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.change import Change, changing, clear_staging
from beenhere.retrieval.index.diff import GivenPhotos, PhotoDiff, compare_photos, stands_for
from beenhere.retrieval.index.manifest import STAGING, read_manifest, written_at
from beenhere.retrieval.index.photo_store import StoreEdit, open_edit
from beenhere.wording import count

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.hloc import GlobalDescriptors
    from beenhere.retrieval.index.describing import PhotoDescriptors

# What computes descriptors is imported when it is called: to remove photos needs no torch.

JOURNAL = f"{STAGING}/contents.jsonl"
"""Where the SHA-256 of files are remembered until they stand in the index."""

DESCRIBED = f"{STAGING}/descriptors"
"""Where descriptors are kept until they stand in the index."""

TRAINING = "photos in the search structure"

FEWEST_TO_WHITEN = 100
"""Photos of a new index; fewer say nothing of how others will vary."""


class _NothingReadable(DataError):
    """None of the photos that are given can be read."""


@dataclass(frozen=True)
class Added:
    """The result of a build or an add.

    Attributes:
        photos: in the index now.
        new: described and added. replaced: old photos whose files hold others now.
        moved: known under another path before. restored: had been removed.
        updated: known, but the file has another time, or its position, date, ... are given anew.
        unchanged: known as they are.
        unreadable: path and reason of those given that could not be read.
        seconds: the time that it took.
    """

    photos: int
    new: int
    replaced: int
    moved: int
    restored: int
    updated: int
    unchanged: int
    unreadable: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Removed:
    """The result of a removal: photos that went, and photos in the index now."""

    removed: int
    photos: int


@dataclass(frozen=True)
class Compacted:
    """Bytes of all parts before and after."""

    bytes_before: int
    bytes_after: int


def index_folder(photos: Path) -> Path:
    """Where an index of a folder or table of photos is made unless another place is given."""
    return Path(f"{photos.expanduser().resolve().stem}.index")


def build_index(
    folder: Path,
    photos: PhotoTable,
    model: "VPRModel | str | Path",
    config: IndexConfig,
    wait: float = 0,
    what: str | None = None,
    in_memory: Sequence[Photo] | None = None,
    described: "GlobalDescriptors | None" = None,
) -> Added:
    """Make an index of photos, in its folder or in a Milvus collection, which is made too.

    Interrupted, the same call goes on where it was. Where the index is there already, nothing is
    done. With Milvus the folder keeps the model and where the collection is; copied to another
    machine, it is all that is needed there.

    Args:
        folder: of the index; made with its parents.
        photos: to be found later.
        model: a checkpoint or run folder, ``"offline-lite0"``, or a model, on any device; it is
            kept in the index, unless it is built in or a wrapped network.
        config: options of the index.
        wait: seconds to wait for another writer.
        what: what progress bars say; None: be silent.
        in_memory: the photos themselves, where the table names what has no files, by its rows.
        described: a file of descriptors; only those of other photos are computed.

    Raises:
        DataError: no photo can be read; the folder or the collection holds an index of other photos
            or another dtype, or other things; Milvus does not answer; another process writes the
            index; or it cannot be written.
        ModelError: no such model, something else than a model, or the folder or the collection is
            of another one.
        ConfigError: no such device or address, an option that is not for Milvus, or pymilvus is not
            installed.
    """
    from beenhere.devices import choose_device
    from beenhere.models.load import check_is_model, load_model
    from beenhere.retrieval.index.describing import keep_model

    start = time.perf_counter()
    entry = config.milvus_address()
    spec = str(model) if isinstance(model, str | Path) else None
    if isinstance(model, str | Path):
        model = load_model(model, choose_device(config.extract.device))
    check_is_model(model)
    if spec is None and config.extract.device != "auto":
        model.to(choose_device(config.extract.device))
    made = not folder.exists()
    with changing(folder, wait, new=True) as change:
        try:
            learn = _whitening(config, model, len(photos), change)
            if change.before is None:
                kept = keep_model(change, model, spec, config.extract)
                change.begin(kept, config.dtype, config.search, entry)
            else:
                _refuse_another(change, model, config, learn, entry)
            edit = open_edit(change, new=True, learn=learn)
            given = _given(change, photos, what, in_memory)
            diff = compare_photos(given, edit.known(given))
            edit.refuse_others(diff)
            _take_over(change, edit, diff, model, config.extract, described)
        except BeenhereError:
            if made and change.before is None:
                shutil.rmtree(folder, ignore_errors=True)  # nothing in it is worth going on with
            raise
        try:
            return _put(change, edit, given, diff, model, config.extract, what, start)
        except _NothingReadable:
            if made:
                shutil.rmtree(folder, ignore_errors=True)
            raise


def add_photos(
    folder: Path,
    photos: PhotoTable,
    config: ComputeConfig,
    model: "VPRModel",
    wait: float = 0,
    what: str | None = None,
    in_memory: Sequence[Photo] | None = None,
    described: "GlobalDescriptors | None" = None,
) -> Added:
    """Add photos to an index; those that it knows already are not computed again.

    A file is known by its path, size and modification time, else by its content. A photo that is
    known under a path where it is no more has moved; a path that holds another photo than before
    has been replaced. Positions, headings, dates, ... that are given take the place of those that
    were known; what is not given stays. Interrupted, the same call goes on where it was.

    In Milvus photos can be found as soon as their batch is written, and a photo that was removed is
    computed again when it comes back.

    Args:
        folder: of the index.
        photos: of which it may hold some.
        config: how descriptors are computed.
        model: the one of the index.
        wait, what, in_memory, described: as for :func:`build_index`.

    Raises:
        DataError: no photo can be read; no index, a damaged one, Milvus does not answer, another
            process writes the index, or it cannot be written.
        ModelError: a model that is not the index's, or a photo of a size that it cannot take.
        ConfigError: no such device, or a precision that is not the index's.
    """
    from beenhere.models.load import check_is_model
    from beenhere.retrieval.index.describing import check_model

    start = time.perf_counter()
    check_is_model(model)
    check_model(folder, read_manifest(folder).model, model)
    with changing(folder, wait) as change:
        edit = open_edit(change)
        given = _given(change, photos, what, in_memory)
        diff = compare_photos(given, edit.known(given))
        _take_over(change, edit, diff, model, config, described)
        return _put(change, edit, given, diff, model, config, what, start)


def remove_photos(
    folder: Path,
    paths: Sequence[str | Path],
    wait: float = 0,
    agree: Callable[[int, int], None] | None = None,
) -> Removed:
    """Take photos out of an index. Their files are not touched, and need not be there.

    Args:
        folder: of the index.
        paths: of photos; of folders, for all below them; or patterns in which ``*`` stands for
            any characters (``/`` too), ``?`` for one, ``[ab]`` for a or b. One that begins with
            ``*`` fits wherever the photo lies.
        wait: seconds to wait for another writer.
        agree: told how many photos would go, and of how many; raises where they shall not.

    Raises:
        DataError: an empty path, or one that stands for no photo of the index, which is then as it
            was; no index; Milvus does not answer; another process writes the index; or it cannot be
            written.
    """
    if not all(str(path).strip() for path in paths):
        raise DataError("an empty path is given; expected a photo, a folder or a pattern")
    with changing(folder, wait) as change:
        edit = open_edit(change)
        known = edit.under([str(path) for path in paths])
        names, unreadable = known.frame["path"].to_list(), change.unreadable
        rows: set[int] = set()
        forgotten: set[str] = set()
        for path in map(str, paths):
            chosen = np.flatnonzero(stands_for(path, names) & known.allowed).tolist()
            gone = list(compress(unreadable, stands_for(path, list(unreadable))))
            if not chosen and not gone:
                raise DataError(
                    f"{folder} holds no photo {path}; expected a photo, a folder of photos, or a "
                    "pattern in quotes, such as '*/2019/*.jpg'"
                )
            rows.update(chosen)
            forgotten.update(gone)
        if agree is not None:
            agree(len(rows), int(known.allowed.sum()))
        edit.remove(known, sorted(rows))
        edit.commit({name: why for name, why in unreadable.items() if name not in forgotten})
        return Removed(len(rows), change.manifest.photos)


def _given(
    change: Change, photos: PhotoTable, what: str | None, in_memory: Sequence[Photo] | None
) -> GivenPhotos:
    reading = "photo files" if what else None
    known_at = written_at(change.folder, change.before.manifest) if change.before else None
    return GivenPhotos(photos, change.folder / JOURNAL, reading, in_memory, known_at)


def _take_over(
    change: Change,
    edit: StoreEdit,
    diff: PhotoDiff,
    model: "VPRModel",
    config: ComputeConfig,
    described: "GlobalDescriptors | None",
) -> None:
    """Put descriptors of new photos that a file has where an interrupted change leaves its own."""
    from beenhere.retrieval.index.describing import extraction

    if described is not None:
        new = diff.given["path"].gather(diff.new).to_list()
        computing = extraction(change.manifest.model, config, edit.compute_dtype)
        described.keep(new, model, computing, change.folder / DESCRIBED)


def _put(
    change: Change,
    edit: StoreEdit,
    given: GivenPhotos,
    diff: PhotoDiff,
    model: "VPRModel",
    config: ComputeConfig,
    what: str | None,
    start: float,
) -> Added:
    """Bring photos into an index that they were compared with."""
    from beenhere.retrieval.index.describing import describe_in_memory, describe_photos, extraction

    chosen, unreadable, new = diff.given[diff.new], dict(diff.unreadable), 0
    computing = extraction(change.manifest.model, config, edit.compute_dtype)

    def batches() -> "Iterator[PhotoDescriptors]":
        nonlocal new
        store = change.folder / DESCRIBED
        described = describe_photos(chosen, model, computing, store, edit.at_once, what)
        if given.in_memory is not None:
            described = describe_in_memory(chosen, given.by_path(), model, computing, edit.at_once)
        for batch in described:
            unreadable.update(batch.unreadable)
            new += batch.frame.height
            yield batch

    first = change.before is None
    edit.remove(diff.known, diff.replaced)
    rows, frame = diff.updates()
    edit.update(diff.known, rows, frame)
    edit.append(chosen.height, batches())
    if unreadable and not new and not len(diff.same | diff.moved | diff.restored):
        path, why = next(iter(unreadable.items()))
        then = "there is nothing to make an index of" if first else "the index is as it was"
        raise _NothingReadable(
            f"none of {count(len(unreadable), 'photo')} can be read, such as {path} ({why}); {then}"
        )
    # Given again and read, a photo is not unreadable any more.
    before = {path: why for path, why in change.unreadable.items() if path not in diff.paths}
    edit.commit(dict(sorted((before | unreadable).items())))
    clear_staging(change.folder)
    edit.prepare_search(TRAINING if what else None)
    updated = len(set(rows.tolist()) & set(diff.same.values()))
    return Added(
        photos=change.manifest.photos,
        new=new,
        replaced=len(diff.replaced),
        moved=len(diff.moved),
        restored=len(diff.restored),
        updated=updated,
        unchanged=len(diff.same) - updated,
        unreadable=unreadable,
        seconds=time.perf_counter() - start,
    )


def _whitening(
    config: IndexConfig, model: "VPRModel", photos: int, change: Change
) -> WhiteningConfig | None:
    """The whitening that is asked for; ``auto`` of an index that is there: its own."""
    if isinstance(config.whitening, WhiteningConfig):
        return config.whitening
    if config.whitening == "auto" and change.before is not None:
        kept = change.manifest.whitening
        return kept.options if kept is not None else None
    # Others lose by it (GeM 7 points of R@1 on a corridor), or were trained for what they are.
    pooling = getattr(getattr(model.config, "aggregator", None), "name", None)
    gains = pooling == "sqrt_cov" and config.store is None and photos >= FEWEST_TO_WHITEN
    return HALF if config.whitening == "half" or (config.whitening == "auto" and gains) else None


def _refuse_another(
    change: Change,
    model: "VPRModel",
    config: IndexConfig,
    learn: WhiteningConfig | None,
    entry: MilvusAddress | None,
) -> None:
    """See that an index that is there is the one that is to be built."""
    from beenhere.retrieval.index.describing import check_model

    folder, manifest = change.folder, change.manifest
    check_model(folder, manifest.model, model)
    if manifest.store != entry:
        if entry is not None:
            raise DataError(f"{folder} holds an index that is not in {entry}; give another")
        raise DataError(
            f"{folder} holds an index whose photos lie in {manifest.store}; give --store "
            f"{manifest.store}, or another folder by -o"
        )
    if manifest.dtype != config.dtype:
        raise DataError(
            f"{folder} holds an index in {manifest.dtype}, not {config.dtype}; give another "
            "folder by -o"
        )
    learned = manifest.whitening.options if manifest.whitening is not None else None
    if learned != learn:
        raise DataError(
            f"{folder} holds an index {_whitened(learned)}, not {_whitened(learn)}; "
            "give another folder by -o"
        )
    # How Milvus searches was decided when the collection was made, and is compared with that.
    if entry is None and manifest.search != config.search:
        raise DataError(
            f"{folder} holds an index that is searched in another way; change it: "
            f"beenhere index train {folder} --search {config.search.kind}"
        )


def _whitened(options: WhiteningConfig | None) -> str:
    if options is None:
        return "without whitening"
    numbers = "all" if options.dim is None else options.dim
    return f"whitened to {numbers} numbers by the power {options.power:g}"
