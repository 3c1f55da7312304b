"""Answers as layers for other programs, held against what their formats ask."""

import json
from itertools import pairwise

import numpy as np
import pytest
from locations import (
    LAT,
    LON,
    guessed_location,
    known_location,
    placeless_location,
    uncalibrated_location,
    unknown_location,
)
from pyproj import Geod

from beenhere.report.map_layers import circle, to_geojson

GEOD = Geod(ellps="WGS84")


def signed_area(ring: list[list[float]]) -> float:
    """Twice the area in square degrees; positive where the ring runs anticlockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))


def check_ring(ring: list[list[float]]) -> None:
    assert ring[0] == ring[-1] and signed_area(ring) > 0
    assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in ring)


def test_features_of_known_and_unknown_places() -> None:
    locations = [
        known_location(),
        unknown_location(),
        uncalibrated_location(),
        placeless_location(),
    ]
    locations.append(guessed_location())
    found = json.loads(to_geojson(locations))
    assert found["type"] == "FeatureCollection"
    shapes = [feature["properties"]["shape"] for feature in found["features"]]
    assert shapes == ["position", "radius", *["position"] * 4]
    point, area, unknown, uncalibrated, nowhere, guess = found["features"]
    assert point["geometry"] == {"type": "Point", "coordinates": [LON, LAT]}
    assert point["properties"]["probability"] == 0.93
    assert area["geometry"]["type"] == "Polygon"
    assert uncalibrated["geometry"] is not None
    assert unknown["geometry"] is None and nowhere["geometry"] is None
    assert unknown["properties"]["guess_lat"] == guess["properties"]["guess_lat"] == LAT
    assert guess["geometry"] is None and guess["properties"]["status"] == "guess"


@pytest.mark.parametrize("lat", [0.0, 55.7, -33.9, 84.0])
def test_the_circle_is_geodesic(lat: float) -> None:
    area = circle(lat, 13.2, 250.0)
    assert area is not None
    (ring,) = area["coordinates"]
    check_ring(ring)
    for lon, north in ring:
        assert GEOD.inv(13.2, lat, lon, north)[2] == pytest.approx(250, abs=0.05)


@pytest.mark.parametrize("lon", [179.999, -179.999, 180.0, -180.0])
def test_the_circle_is_cut_at_the_180th_meridian(lon: float) -> None:
    area = circle(-17.0, lon, 500.0)
    assert area is not None and area["type"] == "MultiPolygon"
    rings = [polygon[0] for polygon in area["coordinates"]]
    for ring in rings:
        check_ring(ring)
    west, east = (np.array(ring) for ring in rings)
    assert (west[:, 0] > 179).all() and (east[:, 0] < -179).all()
    assert west[:, 0].max() == 180 and east[:, 0].min() == -180
    whole = circle(-17.0, 0.0, 500.0)
    assert whole is not None
    parts = sum(map(signed_area, rings))
    assert parts == pytest.approx(signed_area(whole["coordinates"][0]), rel=1e-3)


def test_a_circle_around_a_pole_is_no_polygon() -> None:
    assert circle(89.9999, 0.0, 500.0) is None
    assert circle(-90.0, 0.0, 10.0) is None
    assert circle(10.0, 10.0, 0.0) is None
    assert circle(89.0, 0.0, 500.0) is not None
