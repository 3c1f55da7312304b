"""Positions along a track, against a slow way that takes one vector at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from tracks import naive_position

from beenhere.config.tools import TrackConfig
from beenhere.tools.tracks.interpolate import (
    camera_headings,
    directions_of_travel,
    positions_at,
)
from beenhere.tools.tracks.track import Track, timeline

GEOD = Geod(ellps="WGS84")


def track(*lines: list[tuple[float, float, float]]) -> Track:
    """A track of ``(time, lat, lon)``."""
    return Track(tuple(timeline(*np.array(line, np.float64).T) for line in lines))


@st.composite
def ways(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """A way of up to 12 points anywhere, over poles and the date line too."""
    lat, lon = draw(st.floats(-89.5, 89.5)), draw(st.floats(-180, 180))
    time = 1.7e9
    points = []
    for _ in range(draw(st.integers(1, 12))):
        points.append((time, lat, lon))
        time += draw(st.floats(0.1, 100))
        azimuth, metres = draw(st.floats(0, 360)), draw(st.floats(0, 400))
        lon, lat, _ = GEOD.fwd(lon, lat, azimuth, metres)
    return points


@settings(max_examples=150)
@given(way=ways(), shares=st.lists(st.floats(-0.2, 1.2), min_size=1, max_size=8))
def test_positions_are_those_of_the_slow_way(
    way: list[tuple[float, float, float]], shares: list[float]
) -> None:
    times, lats, lons = (list(values) for values in zip(*way, strict=True))
    asked = [times[0] + share * (times[-1] - times[0] + 1) for share in shares] + times
    found = positions_at(track(way), np.array(asked), 60.0, 200.0)
    for row, at in enumerate(asked):
        wanted = naive_position(times, lats, lons, at)
        nearest = [i for i in range(len(times) - 1) if times[i] < at < times[i + 1]]
        if wanted is None:
            assert found.missing[row] == ("before" if at < times[0] else "after")
        elif nearest and at not in times:
            i = nearest[0]
            metres = GEOD.inv(lons[i], lats[i], lons[i + 1], lats[i + 1])[2]
            gap = times[i + 1] - times[i] > 60 or metres > 200
            if abs(metres - 200) > 1e-6:
                assert found.missing[row] == ("gap" if gap else "")
        if found.timeline[row] < 0:
            assert np.isnan(found.lat[row])
            assert np.isnan(found.lon[row])
        else:
            assert wanted is not None
            off = GEOD.inv(wanted[1], wanted[0], found.lon[row], found.lat[row])[2]
            assert off < 1e-3


def test_a_gap_is_not_filled_but_its_ends_are_known() -> None:
    way = track([(0, 50, 10), (10, 50.0001, 10), (100, 50.0002, 10), (101, 50.1, 10)])
    found = positions_at(way, np.array([5, 10, 50, 100, 100.5, 101, -3, 108]), 60, 200)
    assert found.missing.tolist() == ["", "", "gap", "", "gap", "", "before", "after"]
    assert found.seconds[[2, 4, 6, 7]].tolist() == [90, 1, 3, 7]
    assert found.metres[2] == pytest.approx(11.1, abs=0.1)
    assert found.lat[[1, 3, 5]] == pytest.approx([50.0001, 50.0002, 50.1], abs=1e-12)


def test_of_two_receivers_the_denser_counts() -> None:
    slow = [(float(t), 50.0, 10.0) for t in range(0, 100, 20)]
    dense = [(float(t), 51.0, 10.0) for t in range(30, 50)]
    found = positions_at(track(slow, dense), np.array([10, 35.5, 55.5]), 60, 200)
    assert found.lat.tolist() == pytest.approx([50, 51, 50])
    assert found.timeline.tolist() == [0, 1, 0]
    # Where one has a gap, the other counts.
    sparse = [(0.0, 50.0, 10.0), (90.0, 50.0, 10.0)]
    found = positions_at(track(sparse, dense), np.array([35.5, 10.0]), 60, 200)
    assert found.missing.tolist() == ["", "gap"]


def test_one_point_is_a_track() -> None:
    found = positions_at(track([(5, 50, 10)]), np.array([4.0, 5.0, 6.0]), 60, 200)
    assert found.missing.tolist() == ["before", "", "after"]
    assert found.lat[1] == pytest.approx(50, abs=1e-12)


def test_no_time_asked_is_no_position() -> None:
    found = positions_at(track([(5, 50, 10)]), np.array([]), 60, 200)
    assert found.missing.tolist() == []


def travel(way: Track, times: list[float], seconds: float = 60) -> list[float]:
    asked = np.array(times, np.float64)
    fixes = positions_at(way, asked, 60, 200)
    return directions_of_travel(way, asked, fixes, seconds).tolist()


@pytest.mark.parametrize("azimuth", [0.0, 45.0, 180.0, 271.0, 359.9])
def test_the_direction_is_that_of_travel(azimuth: float) -> None:
    points = []
    for second in range(60):
        lon, lat, _ = GEOD.fwd(13.2, 55.7, azimuth, 1.5 * second)
        points.append((float(second), lat, lon))
    for found in travel(track(points), [0, 20.5, 30, 59]):
        assert abs((found - azimuth + 180) % 360 - 180) < 0.01


def test_noise_while_standing_is_no_direction() -> None:
    rng = np.random.default_rng(0)
    still = [(float(t), 55.7 + rng.normal(0, 2e-6), 13.2) for t in range(30)]
    assert np.isnan(travel(track(still), [15.0])).all()
    # Who stops on the way looks where the way goes.
    before = [(float(t), 55.7, 13.2 + t * 2e-5) for t in range(-30, 0)]
    after = [(float(t), 55.7, 13.2 + (t - 30) * 2e-5) for t in range(30, 60)]
    (found,) = travel(track(before + still + after), [15.0])
    assert found == pytest.approx(90, abs=5)
    # But not from a time long ago.
    assert np.isnan(travel(track(before + still + after), [15.0], seconds=10)).all()


def test_a_mount_turns_the_heading_and_none_is_asked_for_by_default() -> None:
    way = track([(0, 50, 10), (10, 50.001, 10)])
    asked = np.array([5.0])
    fixes = positions_at(way, asked, 60, 200)
    for mount, wanted in ((0, 0), (90, 90), (-90, 270), (360, 0)):
        found = camera_headings(way, asked, fixes, TrackConfig(mount=mount))
        assert found[0] == pytest.approx(wanted, abs=1e-9)
        assert 0 <= found[0] < 360
    assert np.isnan(camera_headings(way, asked, fixes, TrackConfig())).all()
