"""Cells and groups against CosPlace's rule, written out for one photo at a time."""

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import CORNERS, streets, town

from beenhere.config import CellsConfig
from beenhere.datasets.places.cells import form_cells
from beenhere.datasets.places.planes import lay_out


@given(
    corner=st.sampled_from(sorted(CORNERS)),
    seed=st.integers(0, 10_000),
    size=st.sampled_from([5.0, 10.0, 25.0]),
    shape=st.sampled_from([(30.0, 2), (45.0, 4), (360.0, 1), (22.5, 1)]),
    groups=st.integers(1, 5),
    least=st.integers(2, 4),
    headed=st.booleans(),
)
@settings(max_examples=80, deadline=None)
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
