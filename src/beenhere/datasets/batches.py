"""Training batches: threads decode the photos of the next batches while the device works.

Threads, not processes: the decoder and the resize release Python's interpreter lock, so threads
use every core, while nothing is pickled, copied between processes, or left behind by a kill.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from beenhere.cores import cores
from beenhere.datasets.sampling import PlaceDraw, PlaceSampler
from beenhere.errors import DataError, PhotoError
from beenhere.photos import load_photo, photo_size

AHEAD = 3
"""Batches being decoded while one is trained on."""

SIZES_LOOKED_AT = 200
"""Photos whose sizes are read before training starts."""


@dataclass(frozen=True)
class TrainingBatch:
    """Photos with the place they show.

    Attributes:
        images: ``(B, 3, H, W)`` uint8 in [0, 255]; the photos of a place follow each other.
        places: ``(B,)`` int64 place numbers.
    """

    images: Tensor
    places: Tensor

    def to(self, device: torch.device) -> "TrainingBatch":
        """The same batch on a device."""
        return TrainingBatch(
            self.images.to(device, non_blocking=True), self.places.to(device, non_blocking=True)
        )


class BatchLoader:
    """The batches of one epoch after the other, decoded ahead.

    A photo that cannot be read is replaced by the next one drawn of its place; a place that runs
    out of them gives fewer than K, or none. What was replaced is in :attr:`unreadable`.

    Args:
        sampler: which photos make each batch.
        paths: of the table's rows.
        target_size: height and width of a photo to those it is resized to, in pixels.
        interpolation: ``"bilinear"`` or ``"bicubic"``, antialiased.
        threads: how many decode; None: one a core.
        pin: whether batches go to page-locked memory, from which a GPU copies faster.

    Attributes:
        epoch: number of the epoch that the next iteration gives, from 0.
        unreadable: path to reason of photos that could not be read so far.
    """

    def __init__(
        self,
        sampler: PlaceSampler,
        paths: list[str],
        target_size: Callable[[int, int], tuple[int, int]],
        interpolation: str,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        self.sampler, self.paths = sampler, paths
        self.target_size, self.interpolation = target_size, interpolation
        self.threads = threads or cores()
        self.pin = pin
        self.epoch = 0
        self.unreadable: dict[str, str] = {}

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[TrainingBatch]:
        """The batches of :attr:`epoch`, in order.

        Raises:
            DataError: photos of different sizes meet in a batch, or none of a batch can be read.
        """
        torch.get_num_threads()  # settles this thread's own number before the decoders set theirs
        # One thread puts batches together, so that the training thread does not wait for copies.
        with (
            ThreadPoolExecutor(self.threads, "decode", torch.set_num_threads, (1,)) as decoders,
            ThreadPoolExecutor(1, "collate", torch.set_num_threads, (1,)) as collator,
        ):

            def start(batch: list[PlaceDraw]) -> Future[TrainingBatch]:
                places = [decoders.submit(self._load_place, draw) for draw in batch]
                return collator.submit(self._collate, batch, places)

            batches = iter(self.sampler.epoch(self.epoch))
            pending = deque(start(batch) for batch in islice(batches, AHEAD))
            try:
                while pending:
                    ready = pending.popleft().result()
                    pending.extend(start(batch) for batch in islice(batches, 1))
                    yield ready
            finally:
                decoders.shutdown(wait=False, cancel_futures=True)
                collator.shutdown(wait=False, cancel_futures=True)

    def check_sizes(self) -> None:
        """Look at some photos, spread over the table, so that most mistakes show at the start.

        Raises:
            DataError: two of them have different sizes after preprocessing.
        """
        step = max(1, len(self.paths) // SIZES_LOOKED_AT)
        first: tuple[str, tuple[int, int]] | None = None
        for path in self.paths[::step]:
            try:
                size = self.target_size(*photo_size(path))
            except PhotoError:
                continue  # counted and named when its turn comes
            if first is None:
                first = path, size
            elif size != first[1]:
                raise _sizes_differ(*first, path, size)

    def _load_place(self, draw: PlaceDraw) -> list[tuple[str, Tensor]]:
        """Path and image of the first K readable photos of a place."""
        found: list[tuple[str, Tensor]] = []
        for row in draw.rows:
            if len(found) == self.sampler.config.images:
                break
            path = self.paths[row]
            try:
                found.append((path, load_photo(path, self.target_size, self.interpolation)))
            except PhotoError as error:
                self.unreadable[path] = error.reason
        return found

    def _collate(
        self, batch: list[PlaceDraw], places: list[Future[list[tuple[str, Tensor]]]]
    ) -> TrainingBatch:
        loaded = [place.result() for place in places]
        photos = [photo for place in loaded for photo in place]
        if not photos:
            path = self.paths[batch[0].rows[0]]
            raise DataError(
                f"none of the photos of {len(batch)} places can be read; the first is {path}: "
                f"{self.unreadable[path]}"
            )
        first_path, first = photos[0]
        for path, image in photos:
            if image.shape != first.shape:
                raise _sizes_differ(first_path, _size(first), path, _size(image))
        images = torch.empty((len(photos), *first.shape), dtype=torch.uint8, pin_memory=self.pin)
        torch.stack([image for _, image in photos], out=images)
        numbers = [draw.place for draw, place in zip(batch, loaded, strict=True) for _ in place]
        return TrainingBatch(images, torch.tensor(numbers))


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[1], image.shape[2]


def _sizes_differ(
    path: str, size: tuple[int, int], other: str, other_size: tuple[int, int]
) -> DataError:
    (height, width), (other_height, other_width) = size, other_size
    return DataError(
        f"training photos differ in size: {path} is {height} x {width} (height x width) and "
        f"{other} is {other_height} x {other_width}; set model.preprocessing.image_size, such as "
        f"[{height}, {width}]"
    )
