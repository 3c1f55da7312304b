"""Photos decoded in threads ahead of the model, in batches of one size."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from beenhere.config import ComputeConfig
from beenhere.cores import cores
from beenhere.errors import PhotoError
from beenhere.photos import Photo, load_photo, photo_size

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

AHEAD = 2
"""Batches being decoded while the model works on one."""

BATCH_PIXELS = {"cpu": 850_000, "cuda": 30_000_000}
"""Pixels at once on a device at most, so that photos at their own size fit.

On a CPU 8 photos of 320 x 320: larger batches leave its caches, are slower and take more memory.
"""

WINDOW = 1024
"""Photos whose sizes are looked at together, to make batches of one size from them."""


@dataclass(frozen=True)
class _Plan:
    """Photos that will be one batch of one size, in pixels; those whose header says no size."""

    members: list[int]
    size: tuple[int, int]
    unreadable: dict[int, str]


@dataclass(frozen=True)
class PhotoBatch:
    """Photos of one size.

    Attributes:
        members: numbers of the photos.
        images: ``(len(members), 3, H, W)`` uint8 RGB, channels last in memory, on the host.
        unreadable: numbers of the other photos of the batch, and why they cannot be read.
    """

    members: list[int]
    images: Tensor
    unreadable: dict[int, str]


def photo_batches(
    photos: Sequence[Photo], model: "VPRModel", config: ComputeConfig, device: torch.device
) -> Iterator[PhotoBatch]:
    """All photos in batches of one size; a few are decoded ahead of the one that is handed out.

    Args:
        photos: their paths mostly; they are numbered in this order.
        model: says which size each photo is to have.
        config: batch size and threads.
        device: where the batches will go; for a GPU they lie in page-locked memory.
    """
    torch.get_num_threads()  # fixes this thread's own number before the decoders set theirs
    pool = ThreadPoolExecutor(config.workers or cores(), "decode", torch.set_num_threads, (1,))
    interpolation = model.preprocessing.interpolation
    waiting: deque[tuple[_Plan, Tensor, list[Future[str | None]]]] = deque()
    try:
        for plan in _plans(photos, model, config.batch_size, device, pool):
            images = torch.empty(
                (len(plan.members), 3, *plan.size),
                dtype=torch.uint8,
                memory_format=torch.channels_last,
                pin_memory=device.type == "cuda",
            )
            decoding = [
                pool.submit(_load_into, images, place, photos[member], plan.size, interpolation)
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
    photos: Sequence[Photo],
    model: "VPRModel",
    batch_size: int,
    device: torch.device,
    pool: ThreadPoolExecutor,
) -> Iterator[_Plan]:
    """Batches in the order of the photos, where all get one size; else sorted out in windows."""
    preprocessing = model.preprocessing
    everyone = range(len(photos))
    pixels = BATCH_PIXELS.get(device.type, BATCH_PIXELS["cpu"])
    one_size = preprocessing.config.image_size
    if one_size is not None and not preprocessing.config.keep_aspect:
        yield from _of_one_size(everyone, one_size, batch_size, pixels)
        return
    for start in range(0, len(photos), WINDOW):
        window = everyone[start : start + WINDOW]
        groups: dict[tuple[int, int], list[int]] = {}
        unreadable: dict[int, str] = {}
        for member, size in zip(
            window, pool.map(_size, photos[start : start + WINDOW]), strict=True
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


def _size(photo: Photo) -> tuple[int, int] | str:
    """Height and width in pixels, or why the photo cannot be read."""
    try:
        return photo_size(photo)
    except PhotoError as error:
        return error.reason


def _load_into(
    images: Tensor, place: int, photo: Photo, size: tuple[int, int], interpolation: str
) -> str | None:
    """Decode a photo to its place in a batch; the reason if it cannot be read."""
    target: Callable[[int, int], tuple[int, int]] = lambda height, width: size  # noqa: E731
    try:
        images[place] = load_photo(photo, target, interpolation)
    except PhotoError as error:
        return error.reason
    return None


def _decoded(plan: _Plan, images: Tensor, decoding: list[Future[str | None]]) -> PhotoBatch:
    reasons = [future.result() for future in decoding]
    unreadable = plan.unreadable | {
        member: reason
        for member, reason in zip(plan.members, reasons, strict=True)
        if reason is not None
    }
    good = [place for place, reason in enumerate(reasons) if reason is None]
    members = [plan.members[place] for place in good]
    return PhotoBatch(members, images if len(good) == len(images) else images[good], unreadable)
