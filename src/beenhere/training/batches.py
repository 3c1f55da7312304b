"""From photos of places to training batches: threads decode the next ones while the device works.

Threads, not processes: the decoder and the resize release Python's interpreter lock, so threads
use every core, while nothing is pickled, copied between processes, or left behind by a kill.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from beenhere.devices import cores
from beenhere.errors import DataError, PhotoError
from beenhere.models.model import Preprocessing
from beenhere.photos.photo_file import photo_size
from beenhere.photos.pixels import load_photo
from beenhere.training.sampling import Sampler

SIZES_LOOKED_AT = 200
"""Photos whose sizes are read before training starts."""
AHEAD = 3
"""Batches being decoded while one is trained on."""


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


@dataclass(frozen=True)
class PlacePhotos:
    """The photos of one place in a batch, not decoded yet.

    Attributes:
        place: its number, the label.
        photos: name and file of all its photos, in the order drawn: a path, or what the file
            holds. The first K that can be read are the batch's.
    """

    place: int
    photos: Sequence[tuple[str, str | bytes]]


class TrainingBatches(ABC):
    """The batches of one epoch after the other, decoded ahead.

    A photo that cannot be read is replaced by the next one drawn of its place; a place that runs
    out of them gives fewer than K, or none. What was replaced is in :attr:`unreadable`.

    Args:
        images: K, photos of a place.
        preprocessing: the model's; to its sizes photos are decoded.
        threads: how many decode; None: one a core.
        pin: whether batches go to page-locked memory, from which a GPU copies faster.

    Attributes:
        epoch: number of the epoch that the next iteration gives, from 0.
        unreadable: path to reason of photos that could not be read so far.
    """

    def __init__(
        self,
        images: int,
        preprocessing: Preprocessing,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        self.images, self.preprocessing = images, preprocessing
        self.threads = threads or cores()
        self.pin = pin
        self.epoch = 0
        self.unreadable: dict[str, str] = {}

    @abstractmethod
    def __len__(self) -> int:
        """Batches an epoch."""

    @abstractmethod
    def check_sizes(self) -> None:
        """See that photos have one size after preprocessing, as far as that shows quickly.

        Raises:
            DataError: two of them differ.
        """

    @abstractmethod
    def places(self, stop: threading.Event) -> Iterator[list[PlacePhotos]]:
        """The places of each batch of :attr:`epoch`, in order.

        Args:
            stop: set when nobody waits for them any more.
        """

    def __iter__(self) -> Iterator[TrainingBatch]:
        """The batches of :attr:`epoch`, in order.

        Raises:
            DataError: photos of different sizes meet in a batch, or none of a batch can be read.
        """
        torch.get_num_threads()  # settles this thread's own number before the decoders set theirs
        stop = threading.Event()
        # One thread gathers photos that may have to be waited for, and one puts batches together:
        # the training thread does neither.
        with (
            ThreadPoolExecutor(self.threads, "decode", torch.set_num_threads, (1,)) as decoders,
            ThreadPoolExecutor(1, "collate", torch.set_num_threads, (1,)) as collator,
            ThreadPoolExecutor(1, "gather") as gatherer,
        ):
            batches = self.places(stop)

            def start() -> Future[TrainingBatch] | None:
                batch = next(batches, None)
                if batch is None:
                    return None
                loaded = [decoders.submit(self._load, place) for place in batch]
                return collator.submit(self._collate, batch, loaded)

            pending = deque(gatherer.submit(start) for _ in range(AHEAD))
            try:
                while (ready := pending.popleft().result()) is not None:
                    batch = ready.result()
                    pending.append(gatherer.submit(start))
                    yield batch
            finally:
                stop.set()
                for pool in (gatherer, decoders, collator):
                    pool.shutdown(wait=False, cancel_futures=True)

    def _load(self, place: PlacePhotos) -> list[tuple[str, Tensor]]:
        """Name and image of the first K readable photos of a place."""
        found: list[tuple[str, Tensor]] = []
        into = self.preprocessing
        for name, photo in place.photos:
            if len(found) == self.images:
                break
            try:
                found.append((name, load_photo(photo, into.target_size, into.interpolation)))
            except PhotoError as error:
                self.unreadable[name] = error.reason
        return found

    def _collate(
        self, batch: list[PlacePhotos], loading: list[Future[list[tuple[str, Tensor]]]]
    ) -> TrainingBatch:
        loaded = [place.result() for place in loading]
        photos = [photo for place in loaded for photo in place]
        if not photos:
            name = batch[0].photos[0][0]
            raise DataError(
                f"none of the photos of {len(batch)} places can be read; the first is {name}: "
                f"{self.unreadable[name]}"
            )
        first_name, first = photos[0]
        for name, image in photos:
            if image.shape != first.shape:
                raise sizes_differ(first_name, first.shape[1:], name, image.shape[1:])
        images = torch.empty((len(photos), *first.shape), dtype=torch.uint8, pin_memory=self.pin)
        torch.stack([image for _, image in photos], out=images)
        numbers = [one.place for one, found in zip(batch, loaded, strict=True) for _ in found]
        return TrainingBatch(images, torch.tensor(numbers))


class BatchLoader(TrainingBatches):
    """The batches that a sampler draws.

    Args:
        sampler: which photos make each batch.
        paths: of the table's rows.
        preprocessing, threads, pin: as of :class:`TrainingBatches`.
    """

    def __init__(
        self,
        sampler: Sampler,
        paths: list[str],
        preprocessing: Preprocessing,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        super().__init__(sampler.config.images, preprocessing, threads, pin)
        self.sampler, self.paths = sampler, paths

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.sampler)

    def places(self, stop: threading.Event) -> Iterator[list[PlacePhotos]]:
        """The sampler's draws, as paths."""
        for batch in self.sampler.epoch(self.epoch):
            yield [
                PlacePhotos(draw.place, [(self.paths[row],) * 2 for row in draw.rows])
                for draw in batch
            ]

    def check_sizes(self) -> None:
        """Look at some photos, spread over the table, so that most mistakes show at the start.

        Raises:
            DataError: two of them have different sizes after preprocessing.
        """
        step = max(1, len(self.paths) // SIZES_LOOKED_AT)
        first: tuple[str, tuple[int, int]] | None = None
        for path in self.paths[::step]:
            try:
                size = self.preprocessing.target_size(*photo_size(path))
            except PhotoError:
                continue  # counted and named when its turn comes
            if first is None:
                first = path, size
            elif size != first[1]:
                raise sizes_differ(*first, path, size)


def sizes_differ(
    name: str, size: Sequence[int], other: str, other_size: Sequence[int]
) -> DataError:
    """The error of two photos that cannot be in one batch; sizes are height and width."""
    (height, width), (other_height, other_width) = size, other_size
    return DataError(
        f"training photos differ in size: {name} is {height} x {width} (height x width) and "
        f"{other} is {other_height} x {other_width}; set model.preprocessing.image_size, such as "
        f"[{height}, {width}]"
    )
