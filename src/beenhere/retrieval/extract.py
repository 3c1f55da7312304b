"""Photos to descriptors: each computed once, and found again where there is a store.

Every descriptor of the package comes out of :meth:`Embedder.embed`.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.devices import choose_device, cores, has_bfloat16
from beenhere.errors import ModelError, PhotoError
from beenhere.models.folding import evaluation_mode, fold_batch_norms
from beenhere.models.model import VPRModel
from beenhere.photos.photo_file import Photo, photo_size
from beenhere.photos.pixels import load_photo
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.descriptor_store import (
    DescriptorStore,
    FileStamp,
    MemoryStore,
    missing,
    photo_keys,
)

AHEAD = 2
"""Batches being decoded while the model works on one."""

BATCH_PIXELS = {"cpu": 850_000, "cuda": 30_000_000}
"""Pixels at once on a device at most, so that photos at their own size fit.

On a CPU 8 photos of 320 x 320: larger batches leave its caches, are slower and take more memory.
"""

WINDOW = 1024
"""Photos whose sizes are looked at together, to make batches of one size from them."""

TIMED_PHOTOS, TIMED_TRIES = 16, 8


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of the photos of a table that could be read, in the table's order.

    >>> beenhere.Index.open("city.index").describe("queries").vectors.shape
    (3, 6328)

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
    model: VPRModel,
    table: PhotoTable,
    config: ExtractConfig,
    store: Path | None,
    what: str | None,
    embedder: "Embedder | None" = None,
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
        embedder: the model made ready by an earlier table of the same; None: make it ready here.

    Raises:
        ModelError: a photo has a size that the model cannot take; it is named.
        ConfigError: no such device.
        DataError: another process writes the store.
    """
    start = time.perf_counter()
    if config.device != "auto":
        model.to(choose_device(config.device))
    paths = table.paths
    keys, gone = photo_keys(paths, FileStamp)
    failed: dict[FileStamp, str] = {}
    embedder = embedder or Embedder(model)
    with open_descriptors(model, config, store, len(keys)) as kept:
        todo = missing(kept, keys.values())
        files = [key.path for key in todo]
        watched = progress(what, len(todo)) if what and todo else nullcontext(lambda steps: None)
        with watched as advance, closing(embedder.embed(files, files, config)) as batches:
            for batch in batches:
                kept.append([todo[number] for number in batch.members], batch.vectors)
                failed |= {todo[number]: reason for number, reason in batch.unreadable.items()}
                advance(len(batch.members) + len(batch.unreadable))
        rows = [row for row, path in enumerate(paths) if path in keys and keys[path] in kept]
        vectors = kept.take([keys[paths[row]] for row in rows])
    reasons = gone | {path: failed[key] for path, key in keys.items() if key in failed}
    left_out = [(path, reasons[path]) for path in paths if path in reasons]
    computed = len(todo) - len(failed)
    seconds = time.perf_counter() - start
    return Descriptors(vectors, np.array(rows, np.int64), left_out, seconds, computed)


def open_descriptors(
    model: VPRModel, config: ExtractConfig, store: Path | None, photos: int
) -> MemoryStore | DescriptorStore:
    """Where :func:`extract` keeps and finds descriptors of so many photos; a context manager."""
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

    def __init__(self, model: VPRModel) -> None:
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
            for members, images, unreadable in _photo_batches(photos, self._model, config, device):
                vectors = np.empty((0, self._model.descriptor_dim), np.float32)
                if members:
                    images = images.to(device, non_blocking=True)
                    try:
                        if self._folded is None:
                            self._folded = fold_batch_norms(self._model, images[:1])
                        vectors = _forward(self._folded, images, bfloat16)
                    except ModelError as error:
                        raise ModelError(f"{names[members[0]]}: {error}") from error
                yield DescriptorBatch(members, vectors, unreadable)

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


def _forward(model: VPRModel, images: Tensor, bfloat16: bool) -> NDArray[np.float32]:
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
    model: VPRModel, config: ExtractConfig, height: int, width: int, photos: int = TIMED_PHOTOS
) -> float:
    """Wall-clock time of the model alone, as descriptors are computed; nothing is decoded.

    The best of several tries, so that it says what the model costs and not what else the machine
    had to do.

    Args:
        model: on the device to time.
        config: its precision is used.
        height, width: of the images, in pixels.
        photos: in a batch.
    """
    device = next(model.parameters()).device
    bfloat16 = precision_on(device, config) == "bf16"
    images = torch.zeros(photos, 3, height, width, dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    seconds = []
    with evaluation_mode(model):
        network = fold_batch_norms(model, images[:1])
        for _ in range(1 + TIMED_TRIES):  # the first warms up
            start = time.perf_counter()
            _forward(network, images, bfloat16)  # ends on the processor, so a GPU has finished
            seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds[1:]) / photos


def milliseconds_for(
    model: VPRModel, config: ExtractConfig, photos: Sequence[Photo]
) -> float | None:
    """:func:`milliseconds_per_photo` at the size of the first photo that can be read, if any."""
    for photo in photos:
        try:
            size = model.preprocessing.target_size(*photo_size(photo))
        except PhotoError:
            continue
        return round(milliseconds_per_photo(model, config, *size), 3)
    return None


# --- decoding, ahead of the model ----------------------------------------------------------------

_PhotoBatch = tuple[list[int], Tensor, dict[int, str]]
"""Numbers of photos of one size, their pixels ``(n, 3, H, W)`` uint8 RGB on the host, channels last
in memory; numbers of the other photos of the batch, and why they cannot be read."""


def _photo_batches(
    photos: Sequence[Photo], model: VPRModel, config: ComputeConfig, device: torch.device
) -> Iterator[_PhotoBatch]:
    """All photos in batches of one size; a few are decoded ahead of the one that is handed out."""
    torch.get_num_threads()  # fixes this thread's own number before the decoders set theirs
    pool = ThreadPoolExecutor(config.workers or cores(), "decode", torch.set_num_threads, (1,))
    waiting: deque[Callable[[], _PhotoBatch]] = deque()
    pixels = BATCH_PIXELS.get(device.type, BATCH_PIXELS["cpu"])
    try:
        for members, size, unreadable in _groups(photos, model, pool):
            at_once = min(config.batch_size, max(1, pixels // max(1, size[0] * size[1])))
            for first in range(0, len(members), at_once):
                some = members[first : first + at_once]
                waiting.append(_decode(photos, some, size, model, device, pool))
                if len(waiting) > AHEAD:
                    yield waiting.popleft()()
            if unreadable:
                yield [], torch.empty(0, 3, *size, dtype=torch.uint8), unreadable
        while waiting:
            yield waiting.popleft()()
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(
    photos: Sequence[Photo], model: VPRModel, pool: ThreadPoolExecutor
) -> Iterator[tuple[Sequence[int], tuple[int, int], dict[int, str]]]:
    """Numbers of photos of one size, and that size; those whose header says no size, and why.

    In the order of the photos, where all get one size; else sorted out in windows.
    """
    preprocessing = model.preprocessing
    one_size = preprocessing.config.image_size
    if one_size is not None and not preprocessing.config.keep_aspect:
        yield range(len(photos)), one_size, {}
        return
    for start in range(0, len(photos), WINDOW):
        groups: dict[tuple[int, int], list[int]] = {}
        unreadable: dict[int, str] = {}
        sizes = pool.map(_size, photos[start : start + WINDOW])
        for member, size in enumerate(sizes, start):
            if isinstance(size, str):
                unreadable[member] = size
            else:
                groups.setdefault(preprocessing.target_size(*size), []).append(member)
        for size, members in groups.items():
            yield members, size, {}
        yield [], (0, 0), unreadable


def _size(photo: Photo) -> tuple[int, int] | str:
    """Height and width in pixels, or why the photo cannot be read."""
    try:
        return photo_size(photo)
    except PhotoError as error:
        return error.reason


def _decode(
    photos: Sequence[Photo],
    members: Sequence[int],
    size: tuple[int, int],
    model: VPRModel,
    device: torch.device,
    pool: ThreadPoolExecutor,
) -> Callable[[], _PhotoBatch]:
    """Have threads decode some photos to one size; the function returned waits for them."""
    images = torch.empty(
        (len(members), 3, *size),
        dtype=torch.uint8,
        memory_format=torch.channels_last,
        pin_memory=device.type == "cuda",  # page-locked memory is copied while the GPU works
    )

    def load(place: int, photo: Photo) -> str | None:
        try:
            images[place] = load_photo(photo, lambda *own: size, model.preprocessing.interpolation)
        except PhotoError as error:
            return error.reason
        return None

    loading = [pool.submit(load, place, photos[member]) for place, member in enumerate(members)]

    def batch() -> _PhotoBatch:
        reasons = [future.result() for future in loading]
        good = [place for place, reason in enumerate(reasons) if reason is None]
        whole = len(good) == len(reasons)
        failed = {member: why for member, why in zip(members, reasons, strict=True) if why}
        return [members[place] for place in good], images if whole else images[good], failed

    return batch
