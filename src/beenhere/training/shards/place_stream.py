"""Batches of places out of shards, each read once from front to end in an epoch."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from beenhere.config import StreamConfig
from beenhere.training.batches import PlacePhotos, TrainingBatches, sizes_differ
from beenhere.training.shards.plan import EpochPlan, Segment, StreamPlan
from beenhere.training.shards.read import Photos, ShardReader, read_places
from beenhere.training.shards.shards import Shards


class StreamLoader(TrainingBatches):
    """The batches of a plan, read as a stream.

    In memory are at most: the buffer, and one place more; two pieces of each open shard (see
    :data:`beenhere.training.shards.read.PIECE`); the batches that are being decoded.

    Args:
        shards: where they are and what they hold.
        plan: which places make each batch.
        stream: how to read.
        images: K, photos of a place.
        target_size, interpolation, threads, pin: as of :class:`TrainingBatches`.
    """

    def __init__(
        self,
        shards: Shards,
        plan: StreamPlan,
        stream: StreamConfig,
        images: int,
        target_size: Callable[[int, int], tuple[int, int]],
        interpolation: str,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        super().__init__(images, target_size, interpolation, threads, pin)
        self.shards, self.plan, self.stream = shards, plan, stream
        counts = [shard.places for shard in shards.manifest.shards]
        self._starts = np.cumsum([0, *counts]).tolist()

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.plan)

    def check_sizes(self) -> None:
        """Look at the sizes that the manifest names.

        Raises:
            DataError: two of them differ after preprocessing.
        """
        found = {
            self.target_size(height, width): f"one of {width} x {height} pixels"
            for width, height in self.shards.manifest.sizes().counts
        }
        first, *others = found.items()
        for size, name in others:
            raise sizes_differ(first[1], first[0], name, size)

    def places(self, stop: threading.Event) -> Iterator[list[PlacePhotos]]:
        """The places of each batch of :attr:`epoch`, in order.

        Raises:
            DataError: a shard is not there, damaged or cut off, or cannot be read.
        """
        epoch = self.epoch
        plan = self.plan.epoch(epoch)
        held: dict[int, Photos] = {}
        read = 0
        with ThreadPoolExecutor(self.stream.shards, "shard") as pool:
            arriving = self._arriving(plan, pool, stop)
            try:
                for batch, needed in zip(plan.batches, plan.needed, strict=True):
                    held.update(islice(arriving, needed - read))
                    read = needed
                    yield [self._drawn(place, held.pop(place), epoch) for place in batch]
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _arriving(
        self, plan: EpochPlan, pool: ThreadPoolExecutor, stop: threading.Event
    ) -> Iterator[tuple[int, Photos]]:
        """Number and photos of each place, in the order of the plan's arrivals."""
        opened: dict[int, Iterator[tuple[int, Photos]]] = {}
        coming = iter(enumerate(plan.segments))
        for number, segment in islice(coming, self.stream.shards):
            opened[number] = self._places_of(segment, pool, stop)
        for index in plan.arrivals:
            place, photos = next(opened[index])
            if place == plan.segments[index].places[-1]:
                next(opened.pop(index), None)  # compares the checksum
                for number, segment in islice(coming, 1):
                    opened[number] = self._places_of(segment, pool, stop)
            yield place, photos

    def _places_of(
        self, segment: Segment, pool: ThreadPoolExecutor, stop: threading.Event
    ) -> Iterator[tuple[int, Photos]]:
        """Begins to read at once."""
        shards, first = self.shards, self._starts[segment.shard]
        entry = shards.manifest.shards[segment.shard]
        reader = ShardReader(shards.location, entry, pool, stop, self.stream.verify)
        photos = shards.written["photos"].slice(first, entry.places).to_list()
        wanted = self.plan.rows[segment.places].tolist()
        return zip(segment.places, read_places(reader, first, photos, wanted), strict=True)

    def _drawn(self, place: int, photos: Photos, epoch: int) -> PlacePhotos:
        """The photos in an order of the epoch's own: the first K are drawn without replacement."""
        random = np.random.default_rng([self.plan.seed, epoch, place])
        return PlacePhotos(place, [photos[one] for one in random.permutation(len(photos))])
