"""Answers as layers for other programs, held against what their formats ask."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import gpxpy
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

from beenhere.report.location import CSV_COLUMNS
from beenhere.report.map_layers import circle, to_geojson, to_gpx, to_kml
from beenhere.retrieval.locate.answer import Location

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
    assert guess["geometry"] == point["geometry"] and guess["properties"]["status"] == "guess"


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


KML = {"k": "http://www.opengis.net/kml/2.2"}
ANSWERS = [
    known_location(),
    unknown_location(),
    uncalibrated_location(),
    guessed_location(),
    placeless_location(),
]


def test_kml_has_a_folder_a_status_and_the_answers_with_their_types() -> None:
    odd = replace(known_location(), query="<&> \x1b[31m.jpg")
    document = ElementTree.fromstring(to_kml([odd, *ANSWERS[1:]])).find("k:Document", KML)
    assert document is not None
    folders = {
        folder.findtext("k:name", namespaces=KML): folder.findall("k:Placemark", KML)
        for folder in document.findall("k:Folder", KML)
    }
    counts = {name: len(placemarks) for name, placemarks in folders.items()}
    assert counts == {"known": 2, "radius (90%)": 1, "guess": 1, "unknown": 2}
    types = {
        field.get("name"): field.get("type")
        for field in document.findall("k:Schema/k:SimpleField", KML)
    }
    assert list(types) == list(CSV_COLUMNS)
    assert (types["status"], types["radius_m"], types["matches"], types["x"]) == (
        *("string", "double", "int"),
        "string",
    )
    first = folders["known"][0]
    values = {
        data.get("name"): data.text
        for data in first.findall("k:ExtendedData/k:SchemaData/k:SimpleData", KML)
    }
    assert values["query"] == first.findtext("k:name", namespaces=KML) == "<&> \ufffd[31m.jpg"
    assert (values["probability"], values["radius_m"], values["status"]) == (
        *("0.93", "12.4"),
        "known",
    )
    assert first.findtext("k:Point/k:coordinates", namespaces=KML) == f"{LON},{LAT}"
    styles = {style.get("id") for style in document.findall("k:Style", KML)}
    used = {each.text for each in document.iter("{http://www.opengis.net/kml/2.2}styleUrl")}
    assert used == {f"#{style}" for style in styles}
    # Opacity, blue, green, red: the blue of #0072b2, and a fifth of it within the circle.
    colours = [each.text for each in document.findall("k:Style[@id='known']//k:color", KML)]
    assert colours == ["ffb27200", "ffb27200", "33b27200"]
    # A guess has its point, but in its own folder; an unknown place has none.
    assert folders["guess"][0].find("k:Point", KML) is not None
    assert all(each.find("k:Point", KML) is None for each in folders["unknown"])


def test_the_ring_in_kml_is_geodesic() -> None:
    (ring,) = ElementTree.fromstring(to_kml([known_location()])).iter(
        "{http://www.opengis.net/kml/2.2}LinearRing"
    )
    text = ring.findtext("k:coordinates", namespaces=KML)
    assert text is not None
    points = [tuple(map(float, pair.split(","))) for pair in text.split()]
    assert points[0] == points[-1] and len(points) > 60
    for lon, lat in points:
        assert GEOD.inv(LON, LAT, lon, lat)[2] == pytest.approx(12.4, abs=0.02)
    sides = [GEOD.inv(*one, *other)[2] for one, other in pairwise(points)]
    assert sides == pytest.approx([2 * np.pi * 12.4 / len(sides)] * len(sides), rel=0.03)


def test_gpx_has_a_waypoint_for_what_may_be_somewhere() -> None:
    text = to_gpx(ANSWERS)
    points = gpxpy.parse(text).waypoints
    assert [(each.name, each.type) for each in points] == [
        ("walk/q.jpg", "known"),
        ("q.jpg", "known"),
        ("guess: q.jpg", "guess"),
    ]
    assert (points[0].latitude, points[0].longitude) == (LAT, LON)
    assert "within 12 m (90%), probability 0.93" in points[0].description
    assert points[0].horizontal_dilution is None and "extensions" not in text
    # In the order that the schema of GPX 1.1 asks.
    (first, *_) = ElementTree.fromstring(text)
    assert [each.tag.rpartition("}")[2] for each in first] == ["name", "desc", "src", "type"]


@pytest.mark.parametrize("lon", [180.0, 179.99999999, -180.0])
def test_gpx_has_the_180th_meridian_by_one_name(lon: float) -> None:
    """``longitudeType`` of its schema ends before 180."""
    known = known_location()
    assert known.place is not None
    there = replace(known, place=replace(known.place, lon=lon))
    assert 'lon="-180.0000000"' in to_gpx([there])


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's ogrinfo is not installed")
@pytest.mark.parametrize(("suffix", "write"), [("kml", to_kml), ("geojson", to_geojson)])
def test_gdal_reads_points_and_circles(
    suffix: str, write: Callable[[list[Location]], str], tmp_path: Path
) -> None:
    (tmp_path / f"a.{suffix}").write_text(write(ANSWERS), encoding="utf-8")
    command = ["ogrinfo", "-ro", "-al", str(tmp_path / f"a.{suffix}")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not said.stderr
    assert said.stdout.count("POLYGON ((") == 1
    assert said.stdout.count("POINT (") == 3
    assert "probability (Real) = 0.93" in said.stdout and "radius_m (Real) = 12.4" in said.stdout
