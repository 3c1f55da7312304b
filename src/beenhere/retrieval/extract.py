"""Photos to descriptors: decoded in threads ahead of the model, in batches of one size."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.config import ExtractConfig
from beenhere.cores import cores
from beenhere.datasets.table import PhotoTable
from beenhere.devices import choose_device, has_bfloat16
from beenhere.errors import ModelError, PhotoError
from beenhere.photos import load_photo, photo_size
from beenhere.progress import progress
from beenhere.retrieval.store import DescriptorStore, Keeper, MemoryStore, PhotoKey, missing

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

AHEAD = 2
"""Batches being decoded while the model works on one."""

BATCH_PIXELS = {"cpu": 1_700_000, "cuda": 30_000_000}
"""Pixels at once on a device at most, so that photos at their own size fit.

On a CPU 16 photos of 320 x 320: larger batches leave its caches and were up to twice as slow.
"""

WINDOW = 1024
"""Photos whose sizes are looked at together, to make batches of one size from them."""


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
    bfloat16 = config.precision == "bf16" or (config.precision == "auto" and has_bfloat16(device))
    keys, gone = _keys(table.paths)
    failed: dict[PhotoKey, str] = {}
    with _keeper(model, config, bfloat16, store, len(keys)) as keeper:
        todo = missing(keeper, keys.values())
        watched = progress(what, len(todo)) if what and todo else nullcontext(lambda steps: None)
        with watched as advance, _evaluating(model):
            for batch in _batches([key.path for key in todo], model, config, device):
                if batch.members:
                    done = [todo[member] for member in batch.members]
                    images = batch.images.to(device, non_blocking=True)
                    try:
                        keeper.append(done, _describe(model, images, bfloat16))
                    except ModelError as error:
                        raise ModelError(f"{done[0].path}: {error}") from error
                failed |= {todo[member]: reason for member, reason in batch.unreadable.items()}
                advance(len(batch.members) + len(batch.unreadable))
        rows = [
            row for row, path in enumerate(table.paths) if path in keys and keys[path] in keeper
        ]
        vectors = keeper.take([keys[table.paths[row]] for row in rows])
    reasons = gone | {path: failed[key] for path, key in keys.items() if key in failed}
    left_out = [(path, reasons[path]) for path in table.paths if path in reasons]
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


def _keeper(
    model: "VPRModel", config: ExtractConfig, bfloat16: bool, store: Path | None, photos: int
) -> Keeper:
    if store is None:
        return MemoryStore(photos, model.descriptor_dim, config.dtype)
    fingerprint, precision = model.fingerprint(), "bf16" if bfloat16 else "float32"
    folder = store / f"{fingerprint[:16]}-{precision}-as-{config.dtype}"
    identity = {"model": fingerprint, "precision": precision}
    return DescriptorStore(folder, model.descriptor_dim, config.dtype, identity)


@contextmanager
def _evaluating(model: "VPRModel") -> Iterator[None]:
    """Evaluation mode, and afterwards each part in the mode that it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _describe(model: "VPRModel", images: Tensor, bfloat16: bool) -> NDArray[np.float32]:
    """Images ``(B, 3, H, W)`` uint8 on the model's device to descriptors ``(B, D)``."""
    with (
        torch.inference_mode(),
        torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16),
    ):
        descriptors: Tensor = model(images)
    return descriptors.float().cpu().numpy()


@dataclass(frozen=True)
class _Plan:
    """Photos that will be one batch of one size, in pixels; those whose header says no size."""

    members: list[int]
    size: tuple[int, int]
    unreadable: dict[int, str]


@dataclass(frozen=True)
class _Batch:
    """``images[i]`` is the photo ``members[i]``; channels last in memory, on the host."""

    members: list[int]
    images: Tensor
    unreadable: dict[int, str]


def _batches(
    paths: list[str], model: "VPRModel", config: ExtractConfig, device: torch.device
) -> Iterator[_Batch]:
    """All photos in batches; a few batches are decoded ahead of the one that is handed out."""
    torch.get_num_threads()  # settles this thread's own number before the decoders set theirs
    pool = ThreadPoolExecutor(config.workers or cores(), "decode", torch.set_num_threads, (1,))
    interpolation = model.preprocessing.interpolation
    waiting: deque[tuple[_Plan, Tensor, list[Future[str | None]]]] = deque()
    try:
        for plan in _plans(paths, model, config.batch_size, device, pool):
            images = torch.empty(
                (len(plan.members), 3, *plan.size),
                dtype=torch.uint8,
                memory_format=torch.channels_last,
                pin_memory=device.type == "cuda",
            )
            decoding = [
                pool.submit(_load_into, images, place, paths[member], plan.size, interpolation)
                for place, member in enumerate(plan.members)
            ]
            waiting.append((plan, images, decoding))
            if len(waiting) > AHEAD:
                yield _decoded(*waiting.popleft())
        while waiting:
            yield _decoded(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _plans(
    paths: list[str],
    model: "VPRModel",
    batch_size: int,
    device: torch.device,
    pool: ThreadPoolExecutor,
) -> Iterator[_Plan]:
    """Batches in the order of the photos, where all get one size; else sorted out in windows."""
    preprocessing = model.preprocessing
    everyone = range(len(paths))
    pixels = BATCH_PIXELS.get(device.type, BATCH_PIXELS["cpu"])
    one_size = preprocessing.config.image_size
    if one_size is not None and not preprocessing.config.keep_aspect:
        yield from _of_one_size(everyone, one_size, batch_size, pixels)
        return
    for start in range(0, len(paths), WINDOW):
        window = everyone[start : start + WINDOW]
        groups: dict[tuple[int, int], list[int]] = {}
        unreadable: dict[int, str] = {}
        for member, size in zip(
            window, pool.map(_size, paths[start : start + WINDOW]), strict=True
        ):
            if isinstance(size, str):
                unreadable[member] = size
            else:
                groups.setdefault(preprocessing.target_size(*size), []).append(member)
        for size, members in groups.items():
            yield from _of_one_size(members, size, batch_size, pixels)
        if unreadable:
            yield _Plan([], (0, 0), unreadable)


def _of_one_size(
    members: Sequence[int], size: tuple[int, int], batch_size: int, pixels: int
) -> Iterator[_Plan]:
    at_once = min(batch_size, max(1, pixels // (size[0] * size[1])))
    for first in range(0, len(members), at_once):
        yield _Plan(list(members[first : first + at_once]), size, {})


def _size(path: str) -> tuple[int, int] | str:
    """Height and width in pixels, or why the photo cannot be read."""
    try:
        return photo_size(path)
    except PhotoError as error:
        return error.reason


def _load_into(
    images: Tensor, place: int, path: str, size: tuple[int, int], interpolation: str
) -> str | None:
    """Decode a photo to its place in a batch; the reason if it cannot be read."""
    target: Callable[[int, int], tuple[int, int]] = lambda height, width: size  # noqa: E731
    try:
        images[place] = load_photo(path, target, interpolation)
    except PhotoError as error:
        return error.reason
    return None


def _decoded(plan: _Plan, images: Tensor, decoding: list[Future[str | None]]) -> _Batch:
    reasons = [future.result() for future in decoding]
    unreadable = plan.unreadable | {
        member: reason
        for member, reason in zip(plan.members, reasons, strict=True)
        if reason is not None
    }
    good = [place for place, reason in enumerate(reasons) if reason is None]
    members = [plan.members[place] for place in good]
    return _Batch(members, images if len(good) == len(images) else images[good], unreadable)
