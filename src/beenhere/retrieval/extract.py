"""Photos to descriptors: each computed once, and found again where there is a store."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.config import ComputeConfig, ExtractConfig
from beenhere.datasets.table import PhotoTable
from beenhere.devices import choose_device, has_bfloat16
from beenhere.errors import ModelError, PhotoError
from beenhere.models.folding import evaluation_mode, fold_batch_norms
from beenhere.progress import progress
from beenhere.retrieval.photo_batches import photo_batches
from beenhere.retrieval.store import DescriptorStore, Keeper, MemoryStore, PhotoKey, missing

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel


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
    device = next(model.parameters()).device
    bfloat16 = precision_on(device, config) == "bf16"
    paths = table.paths
    keys, gone = _keys(paths)
    failed: dict[PhotoKey, str] = {}
    with _keeper(model, config, bfloat16, store, len(keys)) as keeper:
        todo = missing(keeper, keys.values())
        watched = progress(what, len(todo)) if what and todo else nullcontext(lambda steps: None)
        with watched as advance, evaluation_mode(model):
            network: VPRModel | None = None
            for batch in photo_batches([key.path for key in todo], model, config, device):
                if batch.members:
                    done = [todo[member] for member in batch.members]
                    images = batch.images.to(device, non_blocking=True)
                    try:
                        if network is None:
                            network = fold_batch_norms(model, images[:1])
                        keeper.append(done, describe(network, images, bfloat16))
                    except ModelError as error:
                        raise ModelError(f"{done[0].path}: {error}") from error
                failed |= {todo[member]: reason for member, reason in batch.unreadable.items()}
                advance(len(batch.members) + len(batch.unreadable))
        rows = [row for row, path in enumerate(paths) if path in keys and keys[path] in keeper]
        vectors = keeper.take([keys[paths[row]] for row in rows])
    reasons = gone | {path: failed[key] for path, key in keys.items() if key in failed}
    left_out = [(path, reasons[path]) for path in paths if path in reasons]
    seconds = time.perf_counter() - start
    return Descriptors(
        vectors, np.array(rows, np.int64), left_out, seconds, len(todo) - len(failed)
    )


def precision_on(device: torch.device, config: ComputeConfig) -> Literal["32", "bf16"]:
    """The precision in which descriptors are computed on a device: ``auto`` is settled by it."""
    if config.precision == "auto":
        return "bf16" if has_bfloat16(device) else "32"
    return config.precision


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


def _keeper(
    model: "VPRModel", config: ExtractConfig, bfloat16: bool, store: Path | None, photos: int
) -> Keeper:
    if store is None:
        return MemoryStore(photos, model.descriptor_dim, config.dtype)
    fingerprint, precision = model.fingerprint(), "bf16" if bfloat16 else "float32"
    folder = store / f"{fingerprint[:16]}-{precision}-as-{config.dtype}"
    identity = {"model": fingerprint, "precision": precision}
    return DescriptorStore(folder, model.descriptor_dim, config.dtype, identity)


def describe(model: "VPRModel", images: Tensor, bfloat16: bool) -> NDArray[np.float32]:
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
