"""Photos to descriptors: each computed once, and found again where there is a store.

Every descriptor of the package comes out of :meth:`Embedder.embed`.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.devices import choose_device, has_bfloat16
from beenhere.errors import ModelError, PhotoError
from beenhere.models.folding import evaluation_mode, fold_batch_norms
from beenhere.photos.photo_file import Photo
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.descriptor_store import DescriptorStore, MemoryStore, PhotoKey, missing
from beenhere.retrieval.photo_batches import photo_batches

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

TIMED_PHOTOS, TIMED_TRIES = 16, 8


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of the photos of a table that could be read, in the table's order.

    Attributes:
        vectors: ``(n, D)`` float32 or float16, L2-normalised; memory-mapped if kept on disk.
        rows: ``(n,)`` int64 rows of the table.
        unreadable: path and reason of the table's other photos.
        seconds: what it took, with decoding.
        images_computed: how many went through the model now; the others were on disk.
    """

    vectors: NDArray[np.floating]
    rows: NDArray[np.int64]
    unreadable: list[tuple[str, str]]
    seconds: float
    images_computed: int


def extract(
    model: "VPRModel",
    table: PhotoTable,
    config: ExtractConfig,
    store: Path | None,
    what: str | None,
) -> Descriptors:
    """Compute the descriptors of a table's photos, or find those computed before.

    Memory holds a few batches, whatever the number of photos. Interrupted, the next call goes on
    where this one was; photos that could not be read are tried again.

    Args:
        model: on the device to use, unless ``config.device`` names another; its mode is restored.
        table: the photos.
        config: batch size, threads, precision, dtype.
        store: a folder; descriptors of each model, precision and dtype get their own folder in
            it. None: keep them in memory alone.
        what: what the progress bar says; None: be silent.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: no such device.
        DataError: another process writes the store.
    """
    start = time.perf_counter()
    if config.device != "auto":
        model.to(choose_device(config.device))
    paths = table.paths
    keys, gone = _keys(paths)
    failed: dict[PhotoKey, str] = {}
    with _open_store(model, config, store, len(keys)) as kept:
        todo = missing(kept, keys.values())
        files = [key.path for key in todo]
        watched = progress(what, len(todo)) if what and todo else nullcontext(lambda steps: None)
        with watched as advance, closing(Embedder(model).embed(files, files, config)) as batches:
            for batch in batches:
                kept.append([todo[number] for number in batch.members], batch.vectors)
                failed |= {todo[number]: reason for number, reason in batch.unreadable.items()}
                advance(len(batch.members) + len(batch.unreadable))
        rows = [row for row, path in enumerate(paths) if path in keys and keys[path] in kept]
        vectors = kept.take([keys[paths[row]] for row in rows])
    reasons = gone | {path: failed[key] for path, key in keys.items() if key in failed}
    left_out = [(path, reasons[path]) for path in paths if path in reasons]
    seconds = time.perf_counter() - start
    return Descriptors(
        vectors, np.array(rows, np.int64), left_out, seconds, len(todo) - len(failed)
    )


def _keys(paths: list[str]) -> tuple[dict[str, PhotoKey], dict[str, str]]:
    """The key of each file, and the reason for each file that is not there."""
    keys: dict[str, PhotoKey] = {}
    gone: dict[str, str] = {}
    for path in paths:
        try:
            keys[path] = PhotoKey.of(path)
        except PhotoError as error:
            gone[path] = error.reason
    return keys, gone


def _open_store(
    model: "VPRModel", config: ExtractConfig, store: Path | None, photos: int
) -> MemoryStore | DescriptorStore:
    if store is None:
        return MemoryStore(photos, model.descriptor_dim, config.dtype)
    device = next(model.parameters()).device
    precision = "bf16" if precision_on(device, config) == "bf16" else "float32"
    fingerprint = model.fingerprint()
    folder = store / f"{fingerprint[:16]}-{precision}-as-{config.dtype}"
    identity = {"model": fingerprint, "precision": precision}
    return DescriptorStore(folder, model.descriptor_dim, config.dtype, identity)


@dataclass(frozen=True)
class DescriptorBatch:
    """Descriptors of some photos that came in one batch.

    Attributes:
        members: numbers of the photos that could be read.
        vectors: ``(len(members), D)`` float32, L2-normalised.
        unreadable: numbers of the others, and why they cannot be read.
    """

    members: list[int]
    vectors: NDArray[np.float32]
    unreadable: dict[int, str]


class Embedder:
    """A model made ready to compute descriptors of photos.

    The batch norms are folded with the first photo, and not again: each later call takes one
    forward pass a batch.

    Args:
        model: on the device to use; its mode is restored after each call.
    """

    def __init__(self, model: "VPRModel") -> None:
        self._model = model
        self._folded: VPRModel | None = None

    def embed(
        self, photos: Sequence[Photo], names: Sequence[str], config: ComputeConfig
    ) -> Generator[DescriptorBatch, None, None]:
        """Descriptors of photos, batch by batch; they are decoded in threads ahead of the model.

        Args:
            photos: paths, bytes of files, images of Pillow's or pixels; numbered in this order.
            names: one for each, for errors.
            config: batch size, threads, precision.

        Raises:
            ModelError: a photo has a size that the model cannot take; it is named.
        """
        device = next(self._model.parameters()).device
        bfloat16 = precision_on(device, config) == "bf16"
        with evaluation_mode(self._model):
            for batch in photo_batches(photos, self._model, config, device):
                vectors = np.empty((0, self._model.descriptor_dim), np.float32)
                if batch.members:
                    images = batch.images.to(device, non_blocking=True)
                    try:
                        if self._folded is None:
                            self._folded = fold_batch_norms(self._model, images[:1])
                        vectors = _forward(self._folded, images, bfloat16)
                    except ModelError as error:
                        raise ModelError(f"{names[batch.members[0]]}: {error}") from error
                yield DescriptorBatch(batch.members, vectors, batch.unreadable)

    def embed_all(
        self, photos: Sequence[Photo], names: Sequence[str], config: ComputeConfig
    ) -> tuple[NDArray[np.float32], dict[int, str]]:
        """:meth:`embed` at once: ``(n, D)``, with rows of NaN for photos that cannot be read, and
        the numbers of these with the reasons.

        Raises:
            ModelError: a photo has a size that the model cannot take; it is named.
        """
        vectors = np.full((len(photos), self._model.descriptor_dim), np.nan, np.float32)
        unreadable: dict[int, str] = {}
        for batch in self.embed(photos, names, config):
            vectors[batch.members] = batch.vectors
            unreadable |= batch.unreadable
        return vectors, unreadable


def precision_on(device: torch.device, config: ComputeConfig) -> Literal["32", "bf16"]:
    """The precision of descriptors computed on a device; ``auto`` is what suits the device."""
    if config.precision == "auto":
        return "bf16" if has_bfloat16(device) else "32"
    return config.precision


def _forward(model: "VPRModel", images: Tensor, bfloat16: bool) -> NDArray[np.float32]:
    """Images ``(B, 3, H, W)`` uint8 on the model's device to descriptors ``(B, D)``."""
    with (
        torch.inference_mode(),
        torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16),
    ):
        descriptors: Tensor = model(images)
    if not torch.isfinite(descriptors).all():
        raise ModelError(
            "the descriptor is not finite (NaN or infinity), so the weights are broken, as by a "
            "training that diverged; train again with a lower optimizer.lr"
        )
    return descriptors.float().cpu().numpy()


def milliseconds_per_photo(
    model: "VPRModel", config: ExtractConfig, height: int, width: int
) -> float:
    """Wall-clock time of the model alone, as descriptors are computed; nothing is decoded.

    The best of several tries, so that it says what the model costs and not what else the machine
    had to do.

    Args:
        model: on the device to time.
        config: its precision is used.
        height, width: of the images, in pixels.
    """
    device = next(model.parameters()).device
    bfloat16 = precision_on(device, config) == "bf16"
    images = torch.zeros(TIMED_PHOTOS, 3, height, width, dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    seconds = []
    with evaluation_mode(model):
        network = fold_batch_norms(model, images[:1])
        for _ in range(1 + TIMED_TRIES):  # the first warms up
            start = time.perf_counter()
            _forward(network, images, bfloat16)  # ends on the processor, so a GPU has finished
            seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds[1:]) / TIMED_PHOTOS
