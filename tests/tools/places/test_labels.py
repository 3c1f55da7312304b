"""Cells and groups by CosPlace's rule, photo by photo; clusters by looking at every pair."""

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from walks import CORNERS, metres_between, streets, town

from beenhere.config.tools import CellsConfig, ClustersConfig
from beenhere.tools.places.labels import form_cells, form_clusters
from beenhere.tools.places.planes import Planes, lay_out


@given(
    corner=st.sampled_from(sorted(CORNERS)),
    seed=st.integers(0, 10_000),
    size=st.sampled_from([5.0, 10.0, 25.0]),
    shape=st.sampled_from([(30.0, 2), (45.0, 4), (360.0, 1), (22.5, 1)]),
    groups=st.integers(1, 5),
    least=st.integers(2, 4),
    headed=st.booleans(),
)
@settings(max_examples=80)
def test_cells_are_those_of_the_rule(
    corner: str,
    seed: int,
    size: float,
    shape: tuple[float, int],
    groups: int,
    least: int,
    headed: bool,
) -> None:
    angle, turns = shape
    config = CellsConfig(size=size, angle=angle, groups=groups, turns=turns)
    planes = lay_out(town(corner, streets(seed, 120, 60.0)))
    heading = np.random.default_rng(seed).uniform(0, 360, 120) if headed else None
    places = form_cells(planes, heading, config, least)

    members = defaultdict(set)
    for row in range(120):
        east, north = int(planes.east[row] // size), int(planes.north[row] // size)
        turn = int(heading[row] // angle) if heading is not None else 0
        members[int(planes.zone[row]), east, north, turn].add(row)
    expected = {cell: rows for cell, rows in members.items() if len(rows) >= least}
    found = defaultdict(set)
    for row, place in enumerate(places.place):
        if place >= 0:
            found[int(place)].add(row)
        assert (place >= 0) == (places.why[row] == "")
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, expected.values()))
    assert len(places.group) == len(expected)

    cell_of = {
        place: next(c for c, rows in expected.items() if rows == found[place]) for place in found
    }
    for one, other in combinations(found, 2):
        (_, e, n, h), (_, f, m, i) = cell_of[one], cell_of[other]
        together = (e - f) % groups == 0 and (n - m) % groups == 0 and (h - i) % turns == 0
        assert (places.group[one] == places.group[other]) == together


def test_no_neighbours_in_a_group() -> None:
    metres = np.stack(np.meshgrid(np.arange(0, 200, 5.0), np.arange(0, 200, 5.0)), -1).reshape(
        -1, 2
    )
    planes = lay_out(town("border of two zones", metres))
    places = form_cells(planes, None, CellsConfig(turns=1), 2)
    middles = np.array(
        [
            [planes.east[places.place == place].mean(), planes.north[places.place == place].mean()]
            for place in range(len(places.group))
        ]
    )
    between = np.abs(middles[:, None] - middles[None]).max(axis=2)
    same = places.group[:, None] == places.group[None]
    np.fill_diagonal(same, False)
    assert same.any()
    assert between[same].min() > 40
    assert len(set(places.group)) == 25


def test_the_circle_must_close() -> None:
    for angle, turns in ((50.0, 1), (40.0, 2), (360.0, 2)):
        with pytest.raises(ValueError, match="full circle"):
            CellsConfig(angle=angle, turns=turns)


def apart(one: float, other: float) -> float:
    """Degrees between two headings."""
    return abs((one - other + 180) % 360 - 180)


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[str, int, float, ClustersConfig, int, NDArray[np.float64] | None]:
    seed = draw(st.integers(0, 10_000))
    config = ClustersConfig(
        radius=draw(st.sampled_from([3.0, 10.0, 40.0])),
        angle=draw(st.sampled_from([30.0, 45.0, 100.0, 360.0])),
        apart=draw(st.sampled_from([0.0, 25.0, 100.0])),
    )
    heading = np.random.default_rng(seed).choice([0.0, 3, 40, 170, 181, 359], 100)
    return (
        draw(st.sampled_from(sorted(CORNERS))),
        seed,
        draw(st.sampled_from([60.0, 400.0, 4000.0])),
        config,
        draw(st.integers(2, 5)),
        heading if draw(st.booleans()) else None,
    )


@given(cases())
@settings(max_examples=80)
def test_photos_of_a_place_are_near_and_places_apart(
    case: tuple[str, int, float, ClustersConfig, int, NDArray[np.float64] | None],
) -> None:
    corner, seed, side, config, least, heading = case
    positions = town(corner, streets(seed, 100, side))
    places = form_clusters(lay_out(positions), heading, config, least)
    metres = metres_between(positions, positions)
    label = places.place
    same = (label[:, None] == label[None]) & (label >= 0)[:, None]
    different = (label[:, None] != label[None]) & (label >= 0)[:, None] & (label >= 0)[None]
    assert (metres[same] <= 2 * config.radius * 1.01 + 0.01).all()
    assert (metres[different] >= config.apart).all()
    counts = np.bincount(label[label >= 0])
    assert len(counts) == len(places.group)
    assert (counts >= least).all()
    assert ((label >= 0) == (places.why == "")).all()
    if heading is not None:
        for one, other in np.argwhere(same):
            assert apart(heading[one], heading[other]) <= config.angle


@given(cases())
@settings(max_examples=60)
def test_they_are_those_of_the_rule(
    case: tuple[str, int, float, ClustersConfig, int, NDArray[np.float64] | None],
) -> None:
    corner, seed, side, config, least, heading = case
    planes = lay_out(town(corner, streets(seed, 100, side)))
    expected = naive(planes, heading, config, least)
    places = form_clusters(planes, heading, config, least)
    found = [
        sorted(np.flatnonzero(places.place == place).tolist()) for place in range(len(places.group))
    ]
    assert sorted(found) == sorted(expected)


def naive(
    planes: Planes, heading: NDArray[np.float64] | None, config: ClustersConfig, least: int
) -> list[list[int]]:
    """Every photo and every sector, the fullest first, each pair by itself."""
    n = len(planes.east)
    starts = [0.0]
    if heading is not None:
        starts = [k * config.angle / 2 for k in range(int(np.ceil(720 / config.angle)))]

    def metres(a: int, b: int) -> float:
        if (planes.area[a], planes.zone[a]) != (planes.area[b], planes.zone[b]):
            return np.inf
        return float(np.hypot(planes.east[a] - planes.east[b], planes.north[a] - planes.north[b]))

    near = [[b for b in range(n) if metres(a, b) <= config.radius] for a in range(n)]
    candidates = []
    for sector, start in enumerate(starts):
        for a in range(n):
            look = [
                b for b in near[a] if heading is None or (heading[b] - start) % 360 <= config.angle
            ]
            if a in look and len(look) >= least:
                candidates.append((-len(look), a, sector, look))
    taken: list[int] = []
    found = []
    for _, a, _, look in sorted(candidates, key=lambda candidate: candidate[:3]):
        if all(metres(a, b) > 1.01 * (config.apart + 2 * config.radius) for b in taken):
            taken.append(a)
            found.append(sorted(look))
    return found


def test_why_a_photo_is_in_no_place() -> None:
    metres = np.repeat([[0.0, 0.0], [0.0, 60.0], [0.0, 500.0]], [6, 4, 3], axis=0)
    planes = lay_out(town("inside a zone", metres))
    near = "a place here would be within 100 m of another (--clusters.apart)"
    places = form_clusters(planes, None, ClustersConfig(), 4)
    few = "fewer than 4 photos within 10 m"
    assert places.why.tolist() == [""] * 6 + [near] * 4 + [few] * 3
    looking = np.array([0.0] * 5 + [180.0] * 8)
    places = form_clusters(planes, looking, ClustersConfig(), 4)
    assert places.why.tolist() == [""] * 5 + [near] * 5 + [f"{few} that look its way"] * 3


def test_numbers_go_by_place_not_by_size() -> None:
    metres = np.repeat([[0.0, 500.0], [0.0, 0.0], [0.0, 1000.0]], [6, 4, 5], axis=0)
    places = form_clusters(lay_out(town("inside a zone", metres)), None, ClustersConfig(), 4)
    assert places.place.tolist() == [1] * 6 + [0] * 4 + [2] * 5
