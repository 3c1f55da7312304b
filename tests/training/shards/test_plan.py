"""Which places meet in a batch: properties over made-up manifests, no shard read."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beenhere.config.training import BatchConfig, StreamConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.table import PhotoTable
from beenhere.training.sampling import PlaceSampler
from beenhere.training.shards.shards_manifest import PLACES_SCHEMA
from beenhere.training.shards.stream import StreamPlan

MIB = 1 << 20


def places_of(
    photos: list[int], size: int = MIB, per_shard: int = 7, seed: int = 0
) -> pl.DataFrame:
    """Places with so many photos each, in two cities, written in a random order."""
    order = np.random.default_rng(seed).permutation(len(photos))
    rows = [
        (at // per_shard, "Aston" if one % 2 else "Bray", str(one), photos[one], size)
        for at, one in enumerate(order)
    ]
    return pl.DataFrame(rows, PLACES_SCHEMA, orient="row").with_row_index("row")


def table_of(places: pl.DataFrame) -> PhotoTable:
    """The photos of these places, as a folder would have them."""
    rows = [
        (f"{city}/{place}/{photo}.jpg", city, place)
        for city, place, photos in places.select("city", "place", "photos").iter_rows()
        for photo in range(photos)
    ]
    paths, cities, labels = zip(*rows, strict=True)
    return PhotoTable.from_columns({"path": paths, "city": cities, "place": labels})


@settings(max_examples=80)
@given(
    st.lists(st.integers(1, 7), min_size=8, max_size=90),
    st.builds(
        BatchConfig,
        places=st.integers(2, 6),
        min_images=st.integers(2, 4),
        drop_last=st.booleans(),
    ),
    st.builds(StreamConfig, shards=st.integers(1, 5), buffer_mib=st.integers(1, 30)),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_every_epoch_keeps_the_samplers_promises(photos, batch, stream, epoch, world):
    places = places_of(photos)
    try:
        samplers = [PlaceSampler(table_of(places), batch, 0, rank, world) for rank in range(world)]
    except DataError as error:
        with pytest.raises(DataError) as other:
            StreamPlan(places, batch, stream, 0, 0, world)
        assert str(other.value) == str(error), "what a folder cannot give, shards cannot either"
        return
    plans = [StreamPlan(places, batch, stream, 0, rank, world) for rank in range(world)]
    assert plans[0].labels == samplers[0].places, "the same place numbers"
    epochs = [plan.epoch(epoch) for plan in plans]
    for plan, sampler, one in zip(plans, samplers, epochs, strict=True):
        drawn = [len(draws) for draws in sampler.epoch(epoch)]
        assert [len(places) for places in one.batches] == drawn, "batches of the same sizes"
        assert len(plan) == len(sampler) == len(drawn)
    seen = Counter(place for one in epochs for batch in one.batches for place in batch)
    assert set(seen.values()) <= {1}, "no place twice, on any device"
    assert len(seen) == sum(len(batch) for one in epochs for batch in one.batches)
    if not batch.drop_last:
        assert len(seen) == len(plans[0].labels), "no place is lost"

    for plan, one in zip(plans, epochs, strict=True):
        shards = [part.shard for part in one.parts]
        assert len(shards) == len(set(shards)), "no shard is read twice by one device"
        read = [iter(part.places) for part in one.parts]
        arriving = [next(read[index]) for index in one.arrivals]
        assert all(next(rest, None) is None for rest in read)
        for part in one.parts:
            rows = plan.rows[part.places]
            assert (np.diff(rows) > 0).all(), "a shard's places come as they lie in it"
            assert set(places["shard"].gather(rows).to_list()) == {part.shard}
        open_at_once = 0
        left = Counter(one.arrivals)
        begun: set[int] = set()
        for index in one.arrivals:
            begun.add(index)
            open_at_once = max(open_at_once, sum(left[other] > 0 for other in begun))
            left[index] -= 1
        assert open_at_once <= stream.shards
        held: set[int] = set()
        before = 0
        for batch_places, needed in zip(one.batches, one.needed, strict=True):
            held |= set(arriving[before:needed])
            before = needed
            # The buffer's MiB, of places of one each, and what this batch took since it was full.
            assert len(held) <= stream.buffer_mib + len(batch_places)
            assert set(batch_places) <= held, "no place before it was read"
            held -= set(batch_places)


def test_an_epoch_comes_from_seed_and_number_alone():
    places = places_of([4] * 80)
    batch, stream = BatchConfig(places=8), StreamConfig(buffer_mib=10)
    first = StreamPlan(places, batch, stream, 5)
    epochs = [first.epoch(number) for number in (0, 1, 2)]
    again = StreamPlan(places, batch, stream, 5)
    assert again.epoch(2) == epochs[2]
    assert epochs[0].batches != epochs[1].batches
    assert [one.shard for one in epochs[0].parts] != [one.shard for one in epochs[1].parts]
    assert StreamPlan(places, batch, stream, 6).epoch(0) != epochs[0]


def meetings(places: int, buffer: int, epochs: int, seed: int) -> float:
    """Share of all pairs of places that met in a batch, over what uniform draws would give."""
    batch, stream = BatchConfig(places=10), StreamConfig(buffer_mib=buffer, shards=4)
    plan = StreamPlan(places_of([4] * places, per_shard=20), batch, stream, seed)
    met = {
        (min(a, b), max(a, b))
        for epoch in range(epochs)
        for one in plan.epoch(epoch).batches
        for a in one
        for b in one
        if a != b
    }
    chance = 9 / (places - 1)
    return len(met) / (places * (places - 1) / 2) / (1 - (1 - chance) ** epochs)


def test_a_buffer_of_all_places_mixes_as_the_folder_does():
    assert np.mean([meetings(200, 200, 10, seed) for seed in range(4)]) == pytest.approx(
        1, abs=0.01
    )


def test_a_bigger_buffer_mixes_better():
    shares = [np.mean([meetings(200, size, 10, seed) for seed in range(4)]) for size in (1, 20, 80)]
    assert shares[0] < shares[1] < shares[2]
    assert shares[1] > 0.9, "a tenth of the places in the buffer comes near"


def test_within_cities_is_refused():
    with pytest.raises(ConfigError, match=r"set batch\.shuffle=across_cities"):
        StreamPlan(
            places_of([4] * 20), BatchConfig(places=4, shuffle="within_cities"), StreamConfig(), 0
        )
