"""Which photos make each batch, and shares of the places: properties over random tables."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beenhere.config.training import BatchConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.training.sampling import PlaceSampler, share_of_places


def table_of(cities: dict[str, list[int]], shuffle: int | None = None) -> PhotoTable:
    """Places by city, each with so many photos; labels repeat between cities on purpose."""
    rows = [
        (f"{city}/{place}/{photo}.jpg", city, str(place))
        for city, sizes in cities.items()
        for place, size in enumerate(sizes)
        for photo in range(size)
    ]
    if shuffle is not None:
        rows = [rows[i] for i in np.random.default_rng(shuffle).permutation(len(rows))]
    paths, names, places = zip(*rows, strict=True)
    return PhotoTable.from_columns({"path": paths, "city": names, "place": places})


tables = st.dictionaries(
    st.sampled_from(["Lund", "Bonn", "Faro"]),
    st.lists(st.integers(1, 7), min_size=4, max_size=30),
    min_size=1,
)
batch_options = st.builds(
    BatchConfig,
    places=st.integers(2, 6),
    images=st.integers(2, 5),
    min_images=st.integers(2, 4),
    shuffle=st.sampled_from(["across_cities", "within_cities"]),
    drop_last=st.booleans(),
)


@settings(max_examples=80)
@given(tables, batch_options, st.integers(0, 5), st.integers(0, 3), st.integers(1, 3))
def test_every_epoch_keeps_the_promises(cities, config, seed, epoch, world):
    table = table_of(cities)
    try:
        samplers = [PlaceSampler(table, config, seed, rank, world) for rank in range(world)]
    except DataError:
        return
    per_rank = [sampler.epoch(epoch) for sampler in samplers]
    assert {len(batches) for batches in per_rank} == {len(samplers[0])}, "ranks step together"
    batches = [batch for rank in per_rank for batch in rank]

    frame = table.frame
    for batch in batches:
        assert 2 <= len(batch) <= config.places + 1
        if config.shuffle == "within_cities":
            assert len({samplers[0].places[draw.place][0] for draw in batch}) == 1
        for draw in batch:
            city, place = samplers[0].places[draw.place]
            own = frame.with_row_index().filter(city=city, place=place)["index"].to_list()
            assert sorted(draw.rows.tolist()) == own
            assert len(own) >= config.min_images

    seen = Counter(draw.place for batch in batches for draw in batch)
    assert set(seen.values()) <= {1}, "no place twice, on any rank"
    eligible = sum(size >= config.min_images for sizes in cities.values() for size in sizes)
    assert len(samplers[0].places) == eligible
    if not config.drop_last:
        assert len(seen) == eligible, "no place is lost"
    else:
        assert all(len(batch) == config.places for batch in batches)


@settings(max_examples=30)
@given(tables, st.integers(0, 1000), st.integers(0, 50))
def test_order_comes_from_seed_and_epoch_alone(cities, seed, epoch):
    config = BatchConfig(places=2, images=2, min_images=2)

    def paths(shuffle: int | None) -> list[list[list[str]]]:
        table = table_of(cities, shuffle)
        sampler = PlaceSampler(table, config, seed)
        if shuffle is not None:
            sampler.epoch(0)  # what was drawn before must not matter
        return [
            [[table.paths[row] for row in draw.rows] for draw in batch]
            for batch in sampler.epoch(epoch)
        ]

    try:
        first = paths(None)
    except DataError:
        return
    assert first == paths(1) == paths(2)


def test_epochs_and_seeds_differ():
    table = table_of({"Lund": [6] * 50})
    config = BatchConfig(places=10, images=4)
    orders = [
        [(draw.place, tuple(draw.rows[:4])) for batch in batches for draw in batch]
        for batches in (
            PlaceSampler(table, config, 0).epoch(0),
            PlaceSampler(table, config, 0).epoch(1),
            PlaceSampler(table, config, 1).epoch(0),
        )
    ]
    assert all(a != b for a, b in pairwise(orders))
    assert orders[0] != orders[2]


def test_every_photo_of_a_place_is_drawn_equally_often():
    table = table_of({"Lund": [8] * 4})
    sampler = PlaceSampler(table, BatchConfig(places=4, images=2), 0)
    drawn = Counter(
        row
        for epoch in range(400)
        for batch in sampler.epoch(epoch)
        for d in batch
        for row in d.rows[:2].tolist()
    )
    # 400 epochs x 2 of 8: each photo 100 times, give or take 5 standard deviations.
    assert len(drawn) == 32
    assert all(abs(count - 100) < 5 * np.sqrt(400 * 0.25 * 0.75) for count in drawn.values())


def test_a_lone_last_place_joins_the_batch_before():
    table = table_of({"Lund": [4] * 13})
    sizes = [len(b) for b in PlaceSampler(table, BatchConfig(places=4), 0).epoch(0)]
    assert sizes == [4, 4, 5]


def test_the_rest_is_a_smaller_batch_or_left_out():
    table = table_of({"Lund": [4] * 14})
    keep = PlaceSampler(table, BatchConfig(places=4), 0)
    assert [len(b) for b in keep.epoch(0)] == [4, 4, 4, 2]
    drop = PlaceSampler(table, BatchConfig(places=4, drop_last=True), 0)
    assert [len(b) for b in drop.epoch(0)] == [4, 4, 4]


def test_batches_are_halved_to_share_out_evenly():
    table = table_of({"Lund": [4] * 12})
    sizes = [
        [len(b) for b in PlaceSampler(table, BatchConfig(places=4), 0, rank, 2).epoch(0)]
        for rank in range(2)
    ]
    assert sizes == [[2, 4], [2, 4]]


def test_places_with_few_photos_are_counted():
    sampler = PlaceSampler(table_of({"Lund": [4] * 5 + [3] * 7}), BatchConfig(places=5), 0)
    assert (len(sampler.places), sampler.left_out) == (5, 7)


@pytest.mark.parametrize(
    ("cities", "options", "message"),
    [
        (
            {"Lund": [4] * 3 + [3]},
            {"places": 4},
            "found 3 places with at least 4 photos (and 1 with fewer)",
        ),
        (
            {"Lund": [4] * 3, "Bonn": [4]},
            {"places": 2, "shuffle": "within_cities"},
            "city 'Bonn' has a single place",
        ),
        (
            {"Lund": [4] * 3, "Bonn": [4] * 3},
            {"places": 4, "shuffle": "within_cities", "drop_last": True},
            "the biggest has 3",
        ),
    ],
)
def test_what_cannot_make_a_batch_is_refused(cities, options, message):
    with pytest.raises(DataError) as error:
        PlaceSampler(table_of(cities), BatchConfig(**options), 0)
    assert message in str(error.value)
    assert "batch." in str(error.value), "says what to set"


def test_too_few_places_for_two_devices():
    table = table_of({"Lund": [4] * 7})
    with pytest.raises(DataError, match="on each of 2 devices"):
        PlaceSampler(table, BatchConfig(places=4), 0, 0, 2)


def test_photos_without_a_place_are_refused():
    with pytest.raises(DataError, match="no photo has a place label"):
        PlaceSampler(PhotoTable.from_columns({"path": ["a.jpg"]}), BatchConfig(), 0)


def table_without_some(places: int, order: np.ndarray | None = None) -> PhotoTable:
    """Three photos a place, the first half of the places in no city, and three of no place."""
    names = [f"{place}-{photo}.jpg" for place in range(places) for photo in range(3)]
    labels: list[str | None] = [str(place) for place in range(places) for _ in range(3)]
    cities = [None if place < places // 2 else "Lund" for place in range(places) for _ in range(3)]
    columns = {
        "path": [*names, "a.jpg", "b.jpg", "c.jpg"],
        "place": [*labels, None, None, None],
        "city": [*cities, None, None, None],
    }
    rows = np.arange(len(columns["path"])) if order is None else order
    return PhotoTable.from_columns(
        {key: [values[i] for i in rows] for key, values in columns.items()}
    )


@settings(max_examples=30)
@given(st.integers(1, 40), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_shares_are_nested_whole_and_of_the_right_size(
    places: int, one: float, two: float, seed: int
) -> None:
    small, large = sorted((one, two))
    photos = table_without_some(places)
    few = set(share_of_places(photos, small, seed).paths)
    many = set(share_of_places(photos, large, seed).paths)
    assert few <= many
    if small < 1:
        assert len(few) == 3 * max(1, round(small * places))
        assert not few & {"a.jpg", "b.jpg", "c.jpg"}


def test_the_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    shuffled = np.random.default_rng(0).permutation(63)
    kept = share_of_places(table_without_some(20), 0.5, 0)
    assert set(kept.paths) == set(share_of_places(table_without_some(20, shuffled), 0.5, 0).paths)
    assert set(kept.paths) != set(share_of_places(table_without_some(20), 0.5, 1).paths)
    assert kept.paths == sorted(kept.paths, key=table_without_some(20).paths.index)


def test_the_whole_share_is_the_table_itself() -> None:
    photos = table_without_some(3)
    assert share_of_places(photos, 1.0, 0) is photos
