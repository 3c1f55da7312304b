"""Which places of a stream make each batch, worked out from the manifest before a byte is read.

Shards are read in an order drawn for each epoch, some side by side: a place of each in turn. The
places gather in a buffer of so many bytes, and each place of a batch is drawn from it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config import BatchConfig, StreamConfig
from beenhere.errors import ConfigError
from beenhere.training.sampling import batch_sizes, check_enough, shared_out


@dataclass(frozen=True)
class Segment:
    """Places of one shard that a device reads, in the order in which they lie there.

    Attributes:
        shard: its number.
        places: numbers of the places.
    """

    shard: int
    places: list[int]


@dataclass(frozen=True)
class EpochPlan:
    """What one device reads and trains on in an epoch.

    Attributes:
        segments: in the order in which they are opened; the next one when another is through.
        arrivals: for each place that is read, the index of its segment.
        batches: numbers of the places of each batch.
        needed: how many of the arrivals must have been read for each batch.
    """

    segments: list[Segment]
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
        places: as of :class:`beenhere.training.shards.shards.Shards`.
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
        self.stream, self.seed, self.rank = stream, seed, rank
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
        segments = self._part(random.permutation(len(self._shards)))
        random = np.random.default_rng([self.seed, number, self.rank])
        arrivals = list(_in_turn([len(one.places) for one in segments], self.stream.shards))
        read = [iter(one.places) for one in segments]
        order, seen = self._drawn([next(read[segment]) for segment in arrivals], random)
        ends = np.cumsum([0, *self._sizes[self.rank]]).tolist()
        return EpochPlan(
            segments=segments,
            arrivals=arrivals,
            batches=[order[start:end] for start, end in pairwise(ends)],
            needed=[seen[end - 1] for end in ends[1:]],
        )

    def _part(self, order: NDArray[np.intp]) -> list[Segment]:
        """This device's stretch of the shards in their order."""
        counts = [sum(sizes) for sizes in self._sizes]
        start = sum(counts[: self.rank])
        end = start + counts[self.rank]
        segments, before = [], 0
        for shard, places in (self._shards[one] for one in order):
            inside = places[max(0, start - before) : max(0, end - before)]
            if len(inside):
                segments.append(Segment(shard, inside.tolist()))
            before += len(places)
        return segments

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
