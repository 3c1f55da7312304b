"""Photos decoded in threads ahead of the model, in batches of one size."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from beenhere.config.evaluation import ComputeConfig
from beenhere.devices import cores
from beenhere.errors import PhotoError
from beenhere.photos.photo_file import Photo, photo_size
from beenhere.photos.pixels import load_photo

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
    waiting: deque[_Decoding] = deque()
    pixels = BATCH_PIXELS.get(device.type, BATCH_PIXELS["cpu"])
    try:
        for members, size, unreadable in _groups(photos, model, pool):
            at_once = min(config.batch_size, max(1, pixels // max(1, size[0] * size[1])))
            for first in range(0, len(members), at_once):
                some = members[first : first + at_once]
                waiting.append(_Decoding(photos, some, size, model, device, pool))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().batch()
            if unreadable:
                yield PhotoBatch([], torch.empty(0, 3, *size, dtype=torch.uint8), unreadable)
        while waiting:
            yield waiting.popleft().batch()
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(
    photos: Sequence[Photo], model: "VPRModel", pool: ThreadPoolExecutor
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


class _Decoding:
    """A batch that is being decoded by threads."""

    def __init__(
        self,
        photos: Sequence[Photo],
        members: Sequence[int],
        size: tuple[int, int],
        model: "VPRModel",
        device: torch.device,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._members = members
        self._size = size
        self._interpolation = model.preprocessing.interpolation
        self._images = torch.empty(
            (len(members), 3, *size),
            dtype=torch.uint8,
            memory_format=torch.channels_last,
            pin_memory=device.type == "cuda",
        )
        self._reasons = [
            pool.submit(self._load, place, photos[member]) for place, member in enumerate(members)
        ]

    def _load(self, place: int, photo: Photo) -> str | None:
        """Decode a photo to its place; the reason if it cannot be read."""
        try:
            image = load_photo(photo, lambda height, width: self._size, self._interpolation)
        except PhotoError as error:
            return error.reason
        self._images[place] = image
        return None

    def batch(self) -> PhotoBatch:
        """Wait for it."""
        reasons = [future.result() for future in self._reasons]
        good = [place for place, reason in enumerate(reasons) if reason is None]
        images = self._images if len(good) == len(reasons) else self._images[good]
        unreadable = {
            member: reason
            for member, reason in zip(self._members, reasons, strict=True)
            if reason is not None
        }
        return PhotoBatch([self._members[place] for place in good], images, unreadable)
