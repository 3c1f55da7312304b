"""The descriptors of an index: the model that computes them, and those of new photos."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.config.own_parts import check_named
from beenhere.devices import choose_device
from beenhere.errors import BeenhereError, ConfigError, ModelError, PhotoError
from beenhere.models.checkpoint import save_checkpoint
from beenhere.models.load import known_name, load_model, own_function, read_provenance
from beenhere.models.model import VPRModel
from beenhere.models.wrapped import WrappedModel
from beenhere.photos.photo_file import Photo
from beenhere.photos.table import SCHEMA, PhotoTable
from beenhere.retrieval.descriptor_store import PhotoKey
from beenhere.retrieval.extract import Embedder, extract, precision_on
from beenhere.retrieval.index.change import Change, part_of
from beenhere.retrieval.index.manifest import MODEL, IndexedModel
from beenhere.retrieval.index.snapshot import MEND, damage_of


def keep_model(
    change: Change, model: VPRModel, spec: str | None, config: ComputeConfig
) -> IndexedModel:
    """Write a model into a new index, so that nothing else is needed to search it.

    Args:
        change: that makes the index.
        model: to keep, on the device that descriptors will be computed on.
        spec: the text that it was read by, if it was; a built-in or published one is not kept but
            named. A wrapped network cannot be kept: only its fingerprint is.
        config: decides the precision.

    Raises:
        ModelError: it cannot be written.
    """
    name = None if spec is None else known_name(spec)
    provenance = {} if spec is None else {"model": spec, **read_provenance(spec)}
    parts = []
    if name is None and not isinstance(model, WrappedModel):
        folder = change.folder / MODEL
        save_checkpoint(model, folder, provenance)
        parts = [part_of(change.folder, path) for path in sorted(folder.iterdir())]
    return IndexedModel(
        name=name,
        fingerprint=model.fingerprint(),
        dim=model.descriptor_dim,
        precision=precision_on(next(model.parameters()).device, config),
        config=config_yaml.plain(model.config),
        provenance=provenance,
        parts=tuple(parts),
    )


def indexed_model(
    folder: Path, entry: IndexedModel, device: str, given: VPRModel | None = None
) -> VPRModel:
    """The model of an index, on a device; ``"auto"``: the first GPU if there is one.

    One that is given is moved there, and by ``"auto"`` stays where it is.

    Raises:
        ModelError: it is not as it was when the index was built (the damaged file is named), or
            it is a network that the index does not hold.
        ConfigError: no such device.
    """
    if given is not None:
        check_model(folder, entry, given)  # it may have been trained since
        return given if device == "auto" else given.to(choose_device(device))
    spec: str | Path = entry.name if entry.name is not None else folder / MODEL
    if entry.name is None and not entry.parts:
        spec = str(entry.provenance.get("model"))
        function = own_function(spec)
        if function is None:
            raise ModelError(
                f"{folder} was built with a network that it does not hold, "
                f"{entry.config['network']}; open it with that: "
                "Index.open(path, model=beenhere.wrap(network, ...))"
            )
        check_named(function, (), str(folder))
    chosen = choose_device(device)
    try:
        model = load_model(spec, chosen)
        check_model(folder, entry, model)
    except BeenhereError as error:
        # Read whole only now: it takes as long as loading, and nearly always says nothing new.
        for part in entry.parts:
            damage = damage_of(folder, part)
            if damage is not None:
                raise ModelError(f"{damage}; {MEND}") from error
        raise
    return model


def extraction(
    entry: IndexedModel, config: ComputeConfig, dtype: Literal["float32", "float16"]
) -> ExtractConfig:
    """How descriptors are computed to be compared with those of an index: in its precision.

    Raises:
        ConfigError: another precision is asked for.
    """
    if config.precision not in ("auto", entry.precision):
        raise ConfigError(
            f"precision is {config.precision}, but the index's descriptors were computed in "
            f"{entry.precision}; leave it out, or build another index"
        )
    given = config.model_dump(exclude={"precision"})
    return ExtractConfig(**given, precision=entry.precision, dtype=dtype)


def check_model(folder: Path, entry: IndexedModel, model: VPRModel) -> None:
    """Raise ModelError where a model is not the one whose descriptors an index holds."""
    fingerprint = model.fingerprint()
    if fingerprint != entry.fingerprint:
        name = entry.name or entry.provenance.get("model")
        wanted = f"{entry.fingerprint[:16]} ({name})" if name else entry.fingerprint[:16]
        raise ModelError(
            f"{folder} holds descriptors of the model {wanted}, and was given the model "
            f"{fingerprint[:16]}; give that one, or build another index with this one"
            + (f" (the code of {model.own} counts too)" if model.own else "")
        )


@dataclass(frozen=True)
class PhotoDescriptors:
    """Photos with their descriptors, as they go into an index.

    Attributes:
        frame: rows of those that could be read, as they were given.
        vectors: ``(len(frame), D)`` float32 or float16, perhaps memory-mapped.
        unreadable: path and reason of the others.
    """

    frame: pl.DataFrame
    vectors: NDArray[np.floating]
    unreadable: dict[str, str]


def describe_photos(
    photos: pl.DataFrame,
    model: VPRModel,
    config: ExtractConfig,
    store: Path,
    at_once: int,
    what: str | None,
) -> Iterator[PhotoDescriptors]:
    """Descriptors of photo files that stay as they are while they are read, batch by batch.

    Args:
        photos: with the columns of :data:`beenhere.retrieval.index.manifest.COLUMNS`.
        model: that computes them. config: batch size, threads, precision, dtype.
        store: a folder that remembers them: interrupted, the next call goes on there.
        at_once: photos of a batch.
        what: what the progress bars say; None: be silent.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: no such device.
        OSError: the disk is full, say.
    """
    embedder = Embedder(model)
    for start in range(0, photos.height, at_once):
        some = photos[start : start + at_once]
        part = f" from {start + 1:,}" if what and photos.height > at_once else ""
        table = PhotoTable(some.select(list(SCHEMA)))
        done = extract(model, table, config, store, what and what + part, embedder)
        read = some[done.rows]
        files = map(PhotoKey._make, read.select(PhotoKey._fields).iter_rows())
        same = np.array([_unchanged(file) for file in files], np.bool_)
        changed = read.filter(pl.Series(~same))["path"]
        reasons = dict.fromkeys(changed, "changed while it was read: add it again")
        vectors = done.vectors if same.all() else done.vectors[same]
        yield PhotoDescriptors(
            read.filter(pl.Series(same)), vectors, dict(done.unreadable) | reasons
        )


def describe_in_memory(
    photos: pl.DataFrame,
    contents: Mapping[str, Photo],
    model: VPRModel,
    config: ExtractConfig,
    at_once: int,
) -> Iterator[PhotoDescriptors]:
    """Descriptors of photos that have no files, batch by batch; as :func:`describe_photos`.

    Args:
        photos: with the columns of :data:`beenhere.retrieval.index.manifest.COLUMNS`.
        contents: the photos themselves, by their paths.
        model: that computes them. config: batch size, threads, precision, dtype.
        at_once: photos of a batch.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
    """
    embedder = Embedder(model)
    for start in range(0, photos.height, at_once):
        some = photos[start : start + at_once]
        names = some["path"].to_list()
        vectors, failed = embedder.embed_all([contents[name] for name in names], names, config)
        good = [row for row in range(len(names)) if row not in failed]
        unreadable = {names[row]: reason for row, reason in failed.items()}
        yield PhotoDescriptors(some[good], vectors[good].astype(config.dtype), unreadable)


def _unchanged(file: PhotoKey) -> bool:
    try:
        return PhotoKey.of(file.path) == file
    except PhotoError:
        return False
