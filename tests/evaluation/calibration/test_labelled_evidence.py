"""Streets: who is held out together."""

import numpy as np
import pytest

from beenhere import geo
from beenhere.evaluation.calibration.labelled_evidence import BETWEEN, streets
from beenhere.photos.reference import LocalPoints


def at(east: np.ndarray, north: np.ndarray) -> geo.Positions:
    zone = np.full(len(east), 10, np.int8)
    lat, lon = geo.to_wgs84(550_000 + east, 4_180_000 + north, zone)
    return geo.Positions(lat, lon, 550_000 + east, 4_180_000 + north, zone)


def naive(positions: geo.Positions, gap: float) -> list[int]:
    """By walking from each position to all within reach."""
    numbers = [-1] * len(positions)
    for start in range(len(positions)):
        reached, number = [start], max(numbers) + 1
        while reached and numbers[start] in (-1, number):
            here = reached.pop()
            if numbers[here] != -1:
                continue
            numbers[here] = number
            for there in range(len(positions)):
                east = positions.easting[here] - positions.easting[there]
                north = positions.northing[here] - positions.northing[there]
                if np.hypot(east, north) <= gap:
                    reached.append(there)
    return numbers


@pytest.mark.parametrize("seed", range(4))
def test_streets_are_what_steps_of_a_gap_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positions = at(*rng.uniform(0, 800, (2, 120)))
    assert streets(positions, 50, 120).tolist() == naive(positions, 50)


def test_positions_of_two_streets_are_more_than_a_gap_apart_however_dense_the_city() -> None:
    rng = np.random.default_rng(0)
    positions = at(*rng.uniform(-700, 700, (2, 1500)))
    numbers = streets(positions, 50, 1)
    assert len(np.unique(numbers[numbers != BETWEEN])) > 8
    assert 0.05 < (numbers == BETWEEN).mean() < 0.3
    for number in np.unique(numbers[numbers != BETWEEN]):
        plane = np.stack([positions.easting, positions.northing])[:, numbers == number]
        assert (np.ptp(plane, axis=1) < 500).all(), "a street stays within one block of ten gaps"
    metres = np.hypot(
        positions.easting[:, None] - positions.easting,
        positions.northing[:, None] - positions.northing,
    )
    used = numbers != BETWEEN
    apart = numbers[:, None] != numbers[None]
    assert metres[apart & used[:, None] & used[None]].min() > 50


def local(x: list[float], y: list[float], **texts: list[str | None]) -> LocalPoints:
    nothing = [None] * len(x)
    map, name = (np.array(texts.get(key, nothing), object) for key in ("map", "name"))
    return LocalPoints(map, name, np.array(x), np.array(y))


def test_a_corridor_is_cut_along_its_length_alone() -> None:
    x = np.arange(200.0)
    numbers = streets(local(x.tolist(), [0.0] * 200), 4, 10)
    (out,) = np.nonzero(numbers == BETWEEN)
    lines = np.split(out, np.flatnonzero(np.diff(out) > 1) + 1)
    assert len(out) <= 25 and all(len(line) <= 5 for line in lines)
    assert len(set(numbers[numbers != BETWEEN])) >= 5
    assert np.bincount(numbers[numbers != BETWEEN]).max() <= 36, "40 less those near a line"


@pytest.mark.parametrize("north", [0.0, 20.0, 250.0, 480.0])
@pytest.mark.parametrize("wide", [0.0, 8.0, 70.0])
def test_no_street_along_a_line_of_the_map_is_lost(north: float, wide: float) -> None:
    """UTM's lines at multiples of 500 m: the northing is 4,180,000 and so much."""
    rng = np.random.default_rng(0)
    along, across = np.sort(rng.uniform(0, 2000, 200)), north + rng.uniform(-wide, wide, 200)
    for positions in (at(along, across), at(across, along)):
        numbers = streets(positions, 50, 100)
        assert (numbers == BETWEEN).mean() < 0.15
        assert np.bincount(numbers[numbers != BETWEEN]).max() <= 70


def test_a_short_street_is_cut_in_its_middle_wherever_it_lies() -> None:
    for start in (0.0, 130.0, 260.0, 390.0):
        numbers = streets(at(start + np.arange(0, 300, 3.0), np.zeros(100)), 50, 50)
        first, second = np.bincount(numbers[numbers != BETWEEN])
        assert abs(first - second) <= 10 and first + second >= 80


def test_two_long_streets_are_cut_each_by_itself() -> None:
    along, zeros = np.arange(0, 1000, 5.0), np.zeros(200)
    east, north = np.r_[along, zeros - 900], np.r_[zeros, along]
    both = streets(at(east, north), 50, 100)
    alone = streets(at(along, zeros), 50, 100)
    assert ((both[:200] == BETWEEN) == (alone == BETWEEN)).all()


def test_maps_and_names_are_groups_of_their_own() -> None:
    floors = streets(local([0.0, 1.0, 0.0], [0.0] * 3, map=["a", "a", "b"]), 5, 9)
    assert floors[0] == floors[1] != floors[2]
    zeros = [0.0] * 30
    rooms = streets(local(zeros, zeros, name=["hall"] * 20 + ["attic"] * 10), 1, 5)
    assert set(rooms[:20]) == {rooms[0]} and set(rooms[20:]) == {rooms[29]} != {rooms[0]}


def test_a_query_without_a_position_stands_alone() -> None:
    unknown = geo.positions([37.7, 37.7, np.nan, np.nan], [-122.4, -122.4, np.nan, np.nan])
    numbers = streets(unknown, 50, 1)
    assert len(set(numbers[2:])) == 2 and not set(numbers[2:]) & set(numbers[:2])
    assert len(streets(unknown[:0], 50, 1)) == 0
