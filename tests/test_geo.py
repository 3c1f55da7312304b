"""Positions against pyproj's geodesic and against comparing every pair."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from beenhere import geo
from beenhere.errors import DataError

GEOD = Geod(ellps="WGS84")
LATITUDES = st.floats(-79.9, 83.9)
LONGITUDES = st.floats(-180, 180)


def positions(lat: Any, lon: Any) -> geo.Positions:
    lat, lon = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
    easting, northing, names = geo.to_utm(lat, lon)
    zone = np.array([geo.zone_code(name) if name else 0 for name in names], np.int8)
    return geo.Positions(lat, lon, easting, northing, zone)


def geodesic(a: geo.Positions, b: geo.Positions) -> NDArray[np.float64]:
    metres: NDArray[np.float64] = GEOD.inv(a.lon, a.lat, b.lon, b.lat)[2]
    return metres


def moved(lat: float, lon: float, azimuth: float, metres: float) -> tuple[float, float]:
    east, north, _ = GEOD.fwd(lon, lat, azimuth, metres)
    return north, east


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lat", "lon", "name"),
    [
        (37.77, -122.42, "10S"),  # San Francisco
        (35.66, 139.70, "54S"),  # Tokyo
        (-33.87, 151.21, "56H"),  # Sydney
        (55.70, 13.19, "33U"),  # Lund
        (60.39, 5.32, "32V"),  # Bergen, in the wide zone of Norway
        (60.39, 2.99, "31V"),
        (78.22, 15.65, "33X"),  # Svalbard has four zones for seven
        (78.22, 8.9, "31X"),
        (78.22, 21.0, "35X"),
        (78.22, 33.0, "37X"),
        (83.9, 41.9, "37X"),
        (83.9, 42.0, "38X"),
        (0.0, 0.0, "31N"),
        (-1e-9, 0.0, "31M"),
        (0.0, -1e-9, "30N"),
        (0.0, 180.0, "1N"),
        (0.0, -180.0, "1N"),
        (-1.0, -180.00000000000003, "60M"),
        (1.0, 179.99999999999997, "60N"),
        (0.0, 179.999, "60N"),
        (84.0, 0.0, "31X"),
        (-80.0, 0.0, "31C"),
        (84.001, 0.0, None),
        (-80.001, 0.0, None),
    ],
)
def test_zone_names(lat: float, lon: float, name: str | None) -> None:
    assert geo.zone_name(lat, lon) == name


WIDER = {  # west, east and number of zones that are not six degrees wide
    "V": [(0, 3, 31), (3, 12, 32)],
    "X": [(0, 9, 31), (9, 21, 33), (21, 33, 35), (33, 42, 37)],
}


def test_the_zone_of_every_degree_and_of_its_edges() -> None:
    """Against the standard's table: 43,200 points, a third of them a hair beside a border."""
    bands = [
        (letter, -80 + 8 * at, -72 + 8 * at) for at, letter in enumerate("CDEFGHJKLMNPQRSTUVWX")
    ]
    bands[-1] = ("X", 72, 84.000001)
    checked = 0
    for letter, south, north in bands:
        sixes = [(-180 + 6 * at, -174 + 6 * at, at + 1) for at in range(60)]
        special = WIDER.get(letter, [])
        table = special + [
            each for each in sixes if not any(w <= each[0] and each[1] <= e for w, e, _ in special)
        ]
        lats = [south, south + 1e-9, (south + north) / 2, north - 1e-5]
        for lon in range(-180, 180):
            for beside in (0.0, 1e-9, -1e-9 if lon > -180 else 0.5):
                number = next(n for w, e, n in table if w <= lon + beside < e)
                for lat in lats if beside == 0 else lats[2:3]:
                    assert geo.zone_name(lat, lon + beside) == f"{number}{letter}", (lat, lon)
                    checked += 1
    assert checked == 20 * 360 * 6


@pytest.mark.parametrize(
    "name", ["", "10", "S", "0S", "61S", "10I", "10O", "10A", "10Z", "-1S", "1 S"]
)
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(DataError, match="expected the number 1 to 60"):
        geo.zone_code(name)


@given(lat=LATITUDES, lon=LONGITUDES)
@example(lat=0.0, lon=180.0)
@example(lat=-0.0, lon=-180.0)
@example(lat=64.0, lon=3.0)
@settings(max_examples=80)
def test_utm_comes_back_as_wgs84(lat: float, lon: float) -> None:
    there = positions(lat, lon)
    back_lat, back_lon = geo.to_wgs84(there.easting, there.northing, there.zone)
    assert back_lat[0] == pytest.approx(lat, abs=1e-8)
    assert (back_lon[0] - lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-7)
    assert 100_000 < there.easting[0] < 900_000


def by_series(lat: float, lon: float, zone: int) -> tuple[float, float]:
    """UTM by Krueger's series in the third flattening (Karney, 2011, equations 7 to 11 and 35)."""
    f = 1 / 298.257223563
    n = f / (2 - f)
    radius = 6378137 / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    alpha = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16,
        13 * n**2 / 48 - 3 * n**3 / 5,
        61 * n**3 / 240,
    )
    e = math.sqrt(f * (2 - f))
    phi, lam = math.radians(lat), math.radians(lon - (6 * abs(zone) - 183))
    conformal = math.sinh(math.atanh(math.sin(phi)) - e * math.atanh(e * math.sin(phi)))
    xi = math.atan2(conformal, math.cos(lam))
    eta = math.asinh(math.sin(lam) / math.hypot(conformal, math.cos(lam)))
    north = xi + sum(
        a * math.sin(2 * j * xi) * math.cosh(2 * j * eta) for j, a in enumerate(alpha, 1)
    )
    east = eta + sum(
        a * math.cos(2 * j * xi) * math.sinh(2 * j * eta) for j, a in enumerate(alpha, 1)
    )
    return 500_000 + 0.9996 * radius * east, (zone < 0) * 1e7 + 0.9996 * radius * north


@given(lat=LATITUDES, lon=st.floats(-180, 179.999))
@settings(max_examples=80)
def test_utm_is_what_the_series_gives(lat: float, lon: float) -> None:
    there = positions(lat, lon)
    expected = by_series(lat, lon, int(there.zone[0]))
    assert (there.easting[0], there.northing[0]) == pytest.approx(expected, abs=1e-3)


def test_an_unknown_position_has_nothing() -> None:
    there = positions([np.nan, 10, np.nan], [5, np.nan, np.nan])
    assert not there.known.any()
    assert np.isnan(there.easting).all() and np.isnan(there.northing).all()
    assert there.zone.tolist() == [0, 0, 0]


def test_beyond_the_zones_there_is_a_position_but_no_utm() -> None:
    there = positions([85, -81], [10, 10])
    assert there.known.all() and np.isnan(there.easting).all() and not there.zone.any()


# --- distance -------------------------------------------------------------------------------------


def test_in_one_zone_the_distance_is_the_planes() -> None:
    a, b = (
        positions([37.77, 37.0], [-122.42, -121.0]),
        positions([37.7702, 37.5], [-122.4203, -123]),
    )
    expected = [
        ((e0 - e1) ** 2 + (n0 - n1) ** 2) ** 0.5
        for e0, n0, e1, n1 in zip(a.easting, a.northing, b.easting, b.northing, strict=True)
    ]
    assert geo.distance(a, b) == pytest.approx(expected, rel=1e-12)


@given(
    lat=LATITUDES,
    lon=LONGITUDES,
    azimuth=st.floats(0, 360),
    metres=st.floats(0, 2000),
)
@example(lat=0.0, lon=10.0, azimuth=180.0, metres=30.0)  # over the equator
@example(lat=10.0, lon=179.9999, azimuth=90.0, metres=30.0)  # over the 180th meridian
@example(lat=0.00001, lon=-179.99999, azimuth=225.0, metres=30.0)  # over both
@example(lat=45.0, lon=5.99999, azimuth=90.0, metres=30.0)  # from zone 31 to 32
@example(lat=83.99, lon=10.0, azimuth=0.0, metres=2000.0)  # out of the zones
@example(lat=55.999, lon=3.5, azimuth=0.0, metres=500.0)  # into the wide zone of Norway
@example(lat=71.9999, lon=5.0, azimuth=0.0, metres=100.0)  # into Svalbard's
@settings(max_examples=80)
def test_the_distance_is_the_geodesic_within_a_thousandth(
    lat: float, lon: float, azimuth: float, metres: float
) -> None:
    a, b = positions(lat, lon), positions(*moved(lat, lon, azimuth, metres))
    wide = a.zone[0] == b.zone[0] and (lat > 55 and 0 < lon < 43)  # Norway's zones are wider
    assert geo.distance(a, b)[0] == pytest.approx(metres, rel=2e-3 if wide else 1.1e-3, abs=1e-4)
    if a.zone[0] != b.zone[0] or a.zone[0] == 0:
        assert geo.distance(a, b)[0] == pytest.approx(metres, rel=1e-9, abs=1e-4)


@given(
    lat=st.floats(-90, 90),
    lon=LONGITUDES,
    azimuth=st.lists(st.floats(-360, 720), min_size=1, max_size=4),
    metres=st.floats(0, 1e7),
)
def test_a_geodesic_is_pyprojs_for_each_pair(
    lat: float, lon: float, azimuth: list[float], metres: float
) -> None:
    north, east = geo.destination(lat, lon, azimuth, metres)
    turned, far = geo.geodesic(lat, lon, north, east)
    for row, each in enumerate(azimuth):
        x, y, _ = GEOD.fwd(lon, lat, each, metres)
        assert (north[row], east[row]) == (y, x)
        there, _, length = GEOD.inv(lon, lat, x, y)
        assert (turned[row], far[row]) == (there, length)
        assert far[row] == pytest.approx(metres, abs=1e-6)


def test_a_geodesic_leaves_its_arguments_as_they_are() -> None:
    lat, lon = np.array([1.0, np.nan]), np.array([2.0, 3.0])
    azimuth, metres = geo.geodesic(lat, lon, 5.0, [6.0, 7.0])
    assert np.isnan(azimuth[1])
    assert np.isnan(metres[1])
    assert geo.destination(lat, lon, 90, 10)[0].shape == (2,)
    assert lat[0] == 1.0
    assert lon.tolist() == [2.0, 3.0]
    assert geo.geodesic(0, 0, 0, 1)[1] == pytest.approx(111319.49, abs=0.01)
    assert geo.geodesic(np.zeros((2, 0)), 0, 0, 1)[1].shape == (2, 0)


def test_far_across_zones_and_the_poles() -> None:
    a, b = (
        positions([48.86, 85.0, -85.0, 10], [2.35, 0, 10, 179]),
        positions([35.66, 85.0, 35.0, 10], [139.7, 180, 10, -179]),
    )
    assert geo.distance(a, b) == pytest.approx(geodesic(a, b), rel=1e-12)


def test_a_distance_to_nowhere_is_nan() -> None:
    a, b = (
        positions([10, np.nan, np.nan], [10, np.nan, 3]),
        positions([np.nan, 10, np.nan], [10, 3, 3]),
    )
    assert np.isnan(geo.distance(a, b)).all()


# --- radius ---------------------------------------------------------------------------------------

CORNERS = [
    (0.0, 10.0),
    (0.0, 180.0),
    (45.0, 6.0),
    (64.0, 3.0),
    (84.0, 20.0),
    (-80.0, -60.0),
    (52, 13),
]


@st.composite
def clouds(draw: st.DrawFn) -> tuple[geo.Positions, geo.Positions, float]:
    """A database and queries scattered over a corner where zones meet."""
    lat, lon = draw(st.sampled_from(CORNERS))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scale = draw(st.sampled_from([20.0, 200.0, 3000.0]))
    sides = []
    for count in (draw(st.integers(0, 40)), draw(st.integers(0, 15))):
        points = [moved(lat, lon, rng.uniform(0, 360), rng.uniform(0, scale)) for _ in range(count)]
        lats, lons = np.array(points).reshape(-1, 2).T.copy()
        gone = rng.random(count) < 0.1
        lats[gone] = np.nan
        sides.append(positions(lats, lons))
    return sides[0], sides[1], draw(st.sampled_from([0.0, 5.0, 25.0, 1000.0]))


@given(clouds())
@settings(max_examples=60)
def test_within_is_comparing_every_pair(case: tuple[geo.Positions, geo.Positions, float]) -> None:
    database, queries, radius = case
    found = geo.within(database, queries, radius)
    assert len(found) == len(queries)
    for query in range(len(queries)):
        expected = []
        for row in range(len(database)):
            one = geo.distance(database[np.array([row])], queries[np.array([query])])[0]
            if one <= radius:
                expected.append(row)
        assert found[query].tolist() == expected


def test_the_same_point_is_within_nothing_at_all() -> None:
    there = positions([10, 0, 45], [10, 180, 6])
    assert [rows.tolist() for rows in geo.within(there, there, 0)] == [[0], [1], [2]]


def test_the_edge_is_inside() -> None:
    def at(easting: float) -> geo.Positions:
        lat, lon = geo.to_wgs84([easting], [4_180_000], [10])
        return geo.Positions(
            lat, lon, np.array([easting]), np.array([4.18e6]), np.array([10], np.int8)
        )

    assert geo.within(at(550_000), at(550_025), 25)[0].tolist() == [0]
    assert geo.within(at(550_000), at(550_025.001), 25)[0].tolist() == []


@pytest.mark.parametrize("radius", [-1.0, float("nan")])
def test_a_radius_that_is_none(radius: float) -> None:
    there = positions([10], [10])
    with pytest.raises(DataError, match="radius"):
        geo.within(there, there, radius)


# --- extent ---------------------------------------------------------------------------------------


@given(
    lat=st.floats(-70, 70),
    lon=LONGITUDES,
    points=st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=20),
)
@settings(max_examples=60)
def test_the_extent_holds_every_point_and_touches_its_sides(
    lat: float, lon: float, points: list[tuple[float, float]]
) -> None:
    lats = np.array([lat + dy for dy, _ in points])
    lons = (np.array([lon + dx for _, dx in points]) + 180) % 360 - 180
    box = geo.extent(positions(lats, lons))
    assert box is not None
    assert (box.south, box.north) == (lats.min(), lats.max())
    across = (box.east - box.west) % 360
    from_west = (lons - box.west) % 360
    assert across == pytest.approx(
        max(dx for _, dx in points) - min(dx for _, dx in points), abs=1e-9
    )
    assert (np.minimum(from_west, 360 - from_west) <= across + 1e-9).all()


def test_the_extent_in_metres() -> None:
    box = geo.extent(positions([10.0, 10.5], [179.9, -179.9]))
    assert box is not None
    assert (box.west, box.east) == (179.9, -179.9)
    assert box.width == pytest.approx(GEOD.inv(0, 10.25, 0.2, 10.25)[2], rel=1e-6)
    assert box.height == pytest.approx(GEOD.inv(0, 10, 0, 10.5)[2], rel=1e-9)


def test_no_extent_without_positions() -> None:
    assert geo.extent(positions([np.nan], [np.nan])) is None


@given(st.integers(0, 2**32 - 1))
def test_the_nearest_is_that_of_all_pairs(seed: int) -> None:
    """Across a zone's border too, where the plane and the geodesic measure otherwise."""
    rng = np.random.default_rng(seed)

    def some(n: int) -> geo.Positions:
        lat = 57.7 + rng.normal(0, 0.002, n)
        lon = 12 + rng.normal(0, 0.004, n)  # zones 32 and 33 meet at 12 degrees east
        unknown = rng.random(n) < 0.2
        return positions(np.where(unknown, np.nan, lat), np.where(unknown, np.nan, lon))

    database, queries = some(20), some(8)
    excluded = [rng.choice(20, rng.integers(0, 4), replace=False) for _ in range(8)]
    for query, metres in enumerate(geo.nearest(database, queries, excluded)):
        rows = np.setdiff1d(np.arange(20), excluded[query])
        every = geo.distance(database[rows], queries[np.full(len(rows), query)])
        expected = np.nanmin(every) if np.isfinite(every).any() else np.nan
        np.testing.assert_equal(metres, expected)


# --- planes ---------------------------------------------------------------------------------------

EVERYWHERE = {"lat": [55.7, 48.0, -17.0, 90.0, -89.9999, 0.0], "lon": [13.2, 12, 180, 0, -50, -180]}


@given(east=st.floats(-5000, 5000), north=st.floats(-5000, 5000))
def test_a_plane_goes_there_and_back(east: float, north: float) -> None:
    centre = geo.positions(**EVERYWHERE)
    points = geo.from_plane(centre, np.full(6, east), np.full(6, north))
    back = geo.to_plane(centre, points)
    np.testing.assert_allclose(back, [np.full(6, east), np.full(6, north)], atol=1e-5)
    assert (np.abs(points.lon) <= 180).all()


def test_a_plane_has_east_and_north_in_metres() -> None:
    centre = geo.positions([55.7, -17.0], [13.2, 180.0])
    points = geo.positions([55.701, -17.0], [13.2, -179.999])
    east, north = geo.to_plane(centre, points)
    _, _, metres = Geod(ellps="WGS84").inv(centre.lon, centre.lat, points.lon, points.lat)
    np.testing.assert_allclose(north, [metres[0], 0], atol=1e-3)
    np.testing.assert_allclose(east, [0, metres[1]], atol=1e-3)


def test_positions_of_degrees_have_both_systems() -> None:
    got = geo.positions([55.7, np.nan, 89.0], [13.2, np.nan, 5.0])
    easting, northing, names = geo.to_utm(got.lat, got.lon)
    np.testing.assert_equal(got.easting, easting)
    np.testing.assert_equal(got.northing, northing)
    assert names == ["33U", None, None] and got.zone.tolist() == [33, 0, 0]
    assert got.known.tolist() == [True, False, True]


def test_positions_joined() -> None:
    one, two = geo.positions([55.7], [13.2]), geo.positions([-17.0, np.nan], [180.0, np.nan])
    both = geo.joined([one, two])
    np.testing.assert_equal(both.lat, [55.7, -17.0, np.nan])
    assert both.zone.tolist() == [33, -1, 0]
    assert len(geo.joined([])) == 0


@given(
    radius=st.floats(0, 30_000),
    lat=st.floats(-89, 89),
    lon=st.floats(-180, 180),
    seed=st.integers(0, 1000),
)
def test_near_is_distance(radius: float, lat: float, lon: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    degrees = radius / 80_000 + 0.001
    around = np.clip(lat + rng.uniform(-degrees, degrees, 40), -90, 90)
    lons = (lon + rng.uniform(-3 * degrees, 3 * degrees, 40) + 180) % 360 - 180
    database = geo.positions(np.append(around, np.nan), np.append(lons, np.nan))
    centre = geo.positions([lat], [lon])
    metres = geo.distance(database, centre[np.zeros(41, np.intp)])
    assert (geo.near(database, centre, radius) == (metres <= radius)).all()


# --- places -----------------------------------------------------------------------------------


@given(case=clouds())
@example(case=(positions([0, 0], [6, 6]), positions([], []), 5.0))
@settings(max_examples=150)
def test_any_within_is_within(case: tuple[geo.Positions, geo.Positions, float]) -> None:
    database, queries, radius = case
    expected = [len(rows) > 0 for rows in geo.within(database, queries, radius)]
    assert geo.any_within(database, queries, radius).tolist() == expected


def test_any_within_at_the_edge() -> None:
    def at(*eastings: float) -> geo.Positions:
        easting, northing = np.array(eastings), np.full(len(eastings), 4.18e6)
        zone = np.full(len(eastings), 10, np.int8)
        return geo.Positions(*geo.to_wgs84(easting, northing, zone), easting, northing, zone)

    assert geo.any_within(at(550_000), at(550_050, 550_050.002), 50.001).tolist() == [True, False]
    nowhere = positions([np.nan], [np.nan])
    assert geo.any_within(at(550_000), nowhere, 50).tolist() == [False]
    assert geo.any_within(nowhere, at(550_000, 550_000), 50).tolist() == [False, False]


@given(lat=st.floats(-79, 83), lon=LONGITUDES, east=st.floats(-400, 400))
@settings(max_examples=150)
def test_a_neighbour_zone_continues_the_plane(lat: float, lon: float, east: float) -> None:
    here = positions(lat, lon)
    there = geo.from_plane(here, [east], [300.0])
    easting, northing = geo.project(there.lat, there.lon, here.zone)
    metres = math.hypot(easting[0] - here.easting[0], northing[0] - here.northing[0])
    assert metres == pytest.approx(math.hypot(east, 300), rel=3e-3)
    own = geo.project(here.lat, here.lon, here.zone)
    assert (own[0][0], own[1][0]) == (here.easting[0], here.northing[0])
    assert np.isnan(geo.project(here.lat, here.lon, np.zeros(1, np.int8))).all()
