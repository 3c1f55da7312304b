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
        block = np.stack([positions.easting, positions.northing])[:, numbers == number] // 500
        assert (block == block[:, :1]).all(), "a street stays within one block of ten gaps"
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
    """All of it lies on the line y = 0 of the grid."""
    x = np.arange(200.0)
    numbers = streets(local(x.tolist(), [0.0] * 200), 4, 10)
    cut = np.abs(x - 40 * np.round(x / 40)) <= 2
    assert ((numbers == BETWEEN) == cut).all()
    assert [len(set(numbers[~cut & (x // 40 == block)])) for block in range(5)] == [1] * 5


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
