"""One plane an area, over the borders of zones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import CORNERS, metres_between, streets, town

from beenhere import geo
from beenhere.tools.places.planes import APART, lay_out


@given(
    corner=st.sampled_from(sorted(CORNERS)),
    seed=st.integers(0, 10_000),
    side=st.sampled_from([30.0, 900.0, 6000.0]),
)
@settings(max_examples=60)
def test_distances_in_a_plane_are_those_on_the_ground(corner: str, seed: int, side: float) -> None:
    positions = town(corner, streets(seed, 40, side))
    planes = lay_out(positions)
    metres = metres_between(positions, positions)
    points = planes.points()
    flat = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = planes.area[:, None] == planes.area[None]
    np.testing.assert_allclose(flat[same], metres[same], rtol=5e-3, atol=0.01)
    assert (metres[~same] > 0.99 * APART).all()
    assert (flat[~same] > 1e6).all()


def test_areas_are_linked_by_steps() -> None:
    row = np.column_stack([np.arange(0, 20_000, 900.0), np.zeros(23)])
    assert len(set(lay_out(town("border of two zones", row)).area)) == 1
    two = np.array([[0.0, 0.0], [3000.0, 0.0]])
    assert len(set(lay_out(town("inside a zone", two)).area)) == 2


def test_most_photos_decide_and_keep_their_numbers() -> None:
    east = np.array([-30.0, -20, -10, 5])
    positions = town("border of two zones", np.column_stack([east, np.zeros(4)]))
    assert positions.zone.tolist() == [31, 31, 31, 32]
    planes = lay_out(positions)
    assert planes.zone.tolist() == [31] * 4
    assert planes.east[:3].tolist() == positions.easting[:3].tolist()
    assert planes.east[3] - planes.east[2] == pytest.approx(15, rel=2e-3)


def test_a_chain_of_towns_over_many_zones_keeps_to_nearby_planes() -> None:
    lon = np.arange(0.0, 25.0, 0.008)
    planes = lay_out(geo.positions(np.full(len(lon), 50.0), lon))
    assert len(set(planes.area)) == 1
    own = geo.positions(np.full(len(lon), 50.0), lon).zone
    assert (np.abs(planes.zone.astype(int) - own) <= 1).all()
