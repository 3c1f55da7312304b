"""Batches of places out of shards, each read once from front to end in an epoch.

Which places make each batch is worked out from the manifest before a byte is read. Shards are read
in an order drawn for each epoch, some side by side: a place of each in turn. The places gather in a
buffer of so many bytes, and each place of a batch is drawn from it.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.training import BatchConfig, StreamConfig
from beenhere.errors import ConfigError
from beenhere.models.model import Preprocessing
from beenhere.training.batches import PlacePhotos, TrainingBatches, sizes_differ
from beenhere.training.sampling import batch_sizes, check_enough, shared_out
from beenhere.training.shards.shards_manifest import Shards
from beenhere.training.shards.tar import Photos, ShardReader, read_places


@dataclass(frozen=True)
class ShardPart:
    """Places of one shard that a device reads, in the order in which they lie there.

    Attributes:
        shard: its number.
        places: numbers of the places.
    """

    shard: int
    places: list[int]


@dataclass(frozen=True)
class EpochPlan:
    """The shards that one device reads, and the batches it trains on, in an epoch.

    Attributes:
        parts: in the order in which they are opened; the next one when another is through.
        arrivals: for each place that is read, the index of its part.
        batches: numbers of the places of each batch.
        needed: how many of the arrivals must have been read for each batch.
    """

    parts: list[ShardPart]
    arrivals: list[int]
    batches: list[list[int]]
    needed: list[int]


class StreamPlan:
    """Batches of P places; every place with enough photos once an epoch.

    The numbers of places, the sizes of batches, the shares of devices and ``drop_last`` are as of
    :class:`beenhere.training.sampling.PlaceSampler`. An epoch depends on the seed, its number and
    the options, never on what was read before or how fast.

    With several devices each reads its part of the epoch's shards; a shard at the border of two
    parts is read by both.

    Args:
        places: as of :class:`beenhere.training.shards.shards_manifest.Shards`.
        batch: P, K, ``min_images``; places are shuffled across cities.
        stream: how many shards side by side, and how big a buffer.
        seed: of the order.
        rank, world: which of how many devices.

    Attributes:
        labels: ``(city, place)``, by place number: as a folder of the same photos has them.
        rows: of the places in the order of writing, by place number.

    Raises:
        ConfigError: shuffling within cities.
        DataError: too few places for a batch on each device.
    """

    def __init__(
        self,
        places: pl.DataFrame,
        batch: BatchConfig,
        stream: StreamConfig,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch.shuffle == "within_cities":
            raise ConfigError(
                "batch.shuffle is 'within_cities', and shards hold the places of all cities mixed, "
                "to be read once from front to end; set batch.shuffle=across_cities, or train on "
                "the folder of photos"
            )
        self.batch, self.stream, self.seed, self.rank = batch, stream, seed, rank
        kept = places.filter(pl.col("photos") >= batch.min_images).sort("city", "place")
        check_enough(places.height, kept.height, batch, world)
        self.labels: list[tuple[str | None, str]] = list(
            zip(kept["city"].to_list(), kept["place"].to_list(), strict=True)
        )
        self.rows = kept["row"].to_numpy().astype(np.intp)
        self._bytes = kept["bytes"].to_list()
        # As they were written, which is by shard.
        numbers = np.argsort(self.rows)
        shards = kept["shard"].to_numpy()[numbers]
        parts = np.split(numbers, np.flatnonzero(np.diff(shards)) + 1)
        self._shards = list(zip(np.unique(shards).tolist(), parts, strict=True))
        sizes = shared_out(batch_sizes(kept.height, batch), batch, world)
        self._sizes = [sizes[other::world] for other in range(world)]

    def __len__(self) -> int:
        """Batches an epoch, for each device."""
        return len(self._sizes[self.rank])

    def epoch(self, number: int) -> EpochPlan:
        """This device's part of an epoch, counted from 0."""
        random = np.random.default_rng([self.seed, number])
        parts = self._parts(random.permutation(len(self._shards)))
        random = np.random.default_rng([self.seed, number, self.rank])
        arrivals = list(_in_turn([len(one.places) for one in parts], self.stream.shards))
        read = [iter(one.places) for one in parts]
        order, seen = self._drawn([next(read[part]) for part in arrivals], random)
        ends = np.cumsum([0, *self._sizes[self.rank]]).tolist()
        return EpochPlan(
            parts=parts,
            arrivals=arrivals,
            batches=[order[start:end] for start, end in pairwise(ends)],
            needed=[seen[end - 1] for end in ends[1:]],
        )

    def _parts(self, order: NDArray[np.intp]) -> list[ShardPart]:
        """This device's stretch of the shards in their order."""
        counts = [sum(sizes) for sizes in self._sizes]
        start = sum(counts[: self.rank])
        end = start + counts[self.rank]
        parts, before = [], 0
        for shard, places in (self._shards[one] for one in order):
            inside = places[max(0, start - before) : max(0, end - before)]
            if len(inside):
                parts.append(ShardPart(shard, inside.tolist()))
            before += len(places)
        return parts

    def _drawn(
        self, arriving: list[int], random: np.random.Generator
    ) -> tuple[list[int], list[int]]:
        """Places as they leave the buffer, and how many had arrived by then."""
        limit = self.stream.buffer_mib << 20
        buffer: list[int] = []
        order, seen, arrived, held = [], [], 0, 0
        for turn in random.random(len(arriving)):
            while arrived < len(arriving) and (not buffer or held < limit):
                buffer.append(arriving[arrived])
                held += self._bytes[arriving[arrived]]
                arrived += 1
            one = int(turn * len(buffer))
            buffer[one], buffer[-1] = buffer[-1], buffer[one]
            order.append(buffer.pop())
            held -= self._bytes[order[-1]]
            seen.append(arrived)
        return order, seen


class StreamLoader(TrainingBatches):
    """The batches of a plan, read as a stream.

    In memory are at most: the buffer, and one place more; two pieces of each open shard (see
    :data:`beenhere.training.shards.tar.PIECE`); the batches that are being decoded.

    Args:
        shards: where they are and what they hold.
        plan: which places make each batch.
        preprocessing, threads, pin: as of :class:`TrainingBatches`.
    """

    def __init__(
        self,
        shards: Shards,
        plan: StreamPlan,
        preprocessing: Preprocessing,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        super().__init__(plan.batch.images, preprocessing, threads, pin)
        self.shards, self.plan = shards, plan
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
            self.preprocessing.target_size(height, width): f"one of {width} x {height} pixels"
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
        epoch, read = self.epoch, 0
        plan = self.plan.epoch(epoch)
        held: dict[int, Photos] = {}
        with ThreadPoolExecutor(self.plan.stream.shards, "shard") as pool:
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
        coming = iter(enumerate(plan.parts))
        for number, part in islice(coming, self.plan.stream.shards):
            opened[number] = self._places_of(part, pool, stop)
        for index in plan.arrivals:
            place, photos = next(opened[index])
            if place == plan.parts[index].places[-1]:
                next(opened.pop(index), None)  # compares the checksum
                for number, part in islice(coming, 1):
                    opened[number] = self._places_of(part, pool, stop)
            yield place, photos

    def _places_of(
        self, part: ShardPart, pool: ThreadPoolExecutor, stop: threading.Event
    ) -> Iterator[tuple[int, Photos]]:
        """Begins to read at once."""
        shards, first = self.shards, self._starts[part.shard]
        entry = shards.manifest.shards[part.shard]
        reader = ShardReader(shards.store, entry, pool, stop, self.plan.stream.verify)
        photos = shards.written.slice(first, entry.places).select("photos", "bytes").rows()
        wanted = self.plan.rows[part.places].tolist()
        return zip(part.places, read_places(reader, first, photos, wanted), strict=True)

    def _drawn(self, place: int, photos: Photos, epoch: int) -> PlacePhotos:
        """The photos in an order of the epoch's own: the first K are drawn without replacement."""
        random = np.random.default_rng([self.plan.seed, epoch, place])
        return PlacePhotos(place, [photos[one] for one in random.permutation(len(photos))])


def _in_turn(counts: list[int], together: int) -> Iterator[int]:
    """One of each of the first few, in turn; one that is used up makes way for the next."""
    waiting = iter(range(len(counts)))
    left = list(counts)
    active = deque(islice(waiting, together))
    while active:
        one = active.popleft()
        yield one
        left[one] -= 1
        if left[one]:
            active.append(one)
        elif (following := next(waiting, None)) is not None:
            active.append(following)
