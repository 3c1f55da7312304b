"""None"""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from locations import (
    LAT,
    LON,
    guessed_location,
    known_location,
    match,
    place,
    placeless_location,
    uncalibrated_location,
    unknown_location,
)
from pyproj import Geod

from beenhere.photos.own_position import OwnPosition
from beenhere.report.location import (
    CSV_COLUMNS,
    describe_location,
    flat,
    likeness,
    to_csv,
    to_json,
)
from beenhere.report.map_layers import to_geojson
from beenhere.retrieval.locate.answer import Location, Match, Place

GEOD = Geod(ellps="WGS84")


def test_a_known_place() -> None:
    assert describe_location(known_location()) == [
        "known: 37.78000, -122.42000 within 12 m (90%), probability 0.93",
        "3 of 5 matches for it; best by similarity city/1.jpg (similarity 0.990)",
        "runner-up: 37.78180, -122.42000, 200 m away, 1 match",
    ]


def test_nobody_is_certain() -> None:
    first, *_ = describe_location(replace(known_location(), probability=0.9999))
    assert first.endswith("probability above 0.99")


def test_an_unknown_place_says_why_and_what_it_would_be() -> None:
    first, *_ = describe_location(unknown_location())
    assert first == (
        "unknown place: probability 0.31 is below 0.72 (best guess 37.78000, -122.42000)"
    )
    assert describe_location(placeless_location()) == ["unknown place: no match has a position"]


def test_where_the_photo_itself_was_taken_is_in_every_form() -> None:
    own = OwnPosition(LAT, LON + 0.0001, "EXIF")
    there = replace(known_location(), own=own)
    far = GEOD.inv(LON, LAT, LON + 0.0001, LAT)[2]
    assert describe_location(there)[-1] == "EXIF says: 37.78000, -122.41990, 8.8 m from there"
    (found,) = json.loads(to_json([there]))
    assert found["own"] == {
        "lat": LAT,
        "lon": LON + 0.0001,
        "source": "EXIF",
        "distance_m": pytest.approx(far, abs=0.01),
    }
    row = next(csv.DictReader(io.StringIO(to_csv([there]))))
    assert (float(row["own_lat"]), float(row["own_lon"])) == (LAT, LON + 0.0001)
    assert row["own_source"] == "EXIF" and float(row["own_distance_m"]) == pytest.approx(far, 1e-3)
    nowhere = replace(placeless_location(), own=own)
    assert describe_location(nowhere)[-1] == "EXIF says: 37.78000, -122.41990"
    (found,) = json.loads(to_json([nowhere]))
    assert found["own"]["lat"] == LAT and found["own"]["distance_m"] is None
    assert json.loads(to_json([known_location()]))[0]["own"] is None


def test_without_calibration_inliers_say_why_it_is_known_or_a_guess() -> None:
    best = "1 of 1 match for it; best by inliers city/1.jpg (similarity 0.990, 34 inliers)"
    known = "known: 37.78000, -122.42000, 34 inliers, at most 5 elsewhere"
    assert describe_location(uncalibrated_location()) == [known, best]
    guess, why = "a guess: 37.78000, -122.42000", "not known: its best match has 9 inliers"
    assert describe_location(guessed_location()) == [guess, why, best]


def test_the_best_match_is_one_photo_throughout() -> None:
    verified = place(match(1, 0, 12), match(2, 1, 80))
    location = replace(uncalibrated_location(), place=verified, matches=verified.matches)
    assert (
        "best by inliers city/2.jpg (similarity 0.980, 80 inliers)"
        in describe_location(location)[1]
    )
    (values,) = json.loads(to_json([location]))
    assert values["place"]["best"] == 2 and flat(location)["best_match"] == "city/2.jpg"


def test_a_photo_that_is_in_the_index_is_said_to_be() -> None:
    location = uncalibrated_location()
    for itself in (False, True):
        found = replace(location, in_index=itself)
        assert ("the photo is itself in the index" in describe_location(found)) == itself
        assert json.loads(to_json([found]))[0]["in_index"] is itself
        assert flat(found)["in_index"] is itself


def test_the_rank_by_similarity_where_verification_gave_another_number() -> None:
    assert likeness(match(17, 0, inliers=45), 1) == "17th by similarity 0.830, 45 inliers"
    assert likeness(match(1, 0, inliers=1), 1) == "similarity 0.990, 1 inlier"
    assert likeness(match(2, 0), 1) == "similarity 0.980"
    said = [likeness(match(rank, 0, inliers=4), 5) for rank in (1, 2, 3, 4, 11, 12, 13, 21)]
    ranks = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st"]
    assert [each.split()[0] for each in said] == ranks


def test_json_holds_everything() -> None:
    (found,) = json.loads(to_json([known_location()]))
    assert (found["query"], found["status"], found["lat"], found["lon"]) == (
        "walk/q.jpg",
        "known",
        LAT,
        LON,
    )
    assert (found["radius_m"], found["probability"], found["threshold"]) == (12.4, 0.93, 0.72)
    assert (found["radius"], found["unit"]) == (12.4, "m")
    assert found["place"] == {
        "lat": LAT,
        "lon": LON,
        "spread_m": 4.5,
        "spread": 4.5,
        "x": None,
        "y": None,
        "frame": None,
        "map": None,
        "place": None,
        "share": 0.7,
        "supporting": [1, 2, 4],
        "best": 1,
    }
    assert found["runner_up"]["supporting"] == [3]
    assert found["runner_up"]["distance_m"] == pytest.approx(200, abs=1)
    assert [match["rank"] for match in found["matches"]] == [1, 2, 3, 4, 5]
    assert found["matches"][1]["distance_m"] == pytest.approx(5, abs=0.1)
    assert found["matches"][4]["distance_m"] is None and found["matches"][4]["lat"] is None
    assert found["matches"][0]["heading"] == 90 and found["matches"][0]["captured"] == "2015-06"
    assert found["reason"] is None


def test_json_of_an_unknown_place_keeps_the_guess_apart() -> None:
    unknown, nowhere = json.loads(to_json([unknown_location(), placeless_location()]))
    assert unknown["lat"] is None and unknown["lon"] is None
    assert unknown["status"] == "unknown"
    assert unknown["place"]["lat"] == LAT and unknown["reason"].startswith("probability 0.31")
    assert nowhere["place"] is None and nowhere["runner_up"] is None
    assert json.loads(to_json([])) == []


def test_csv_has_a_row_a_photo() -> None:
    odd = replace(known_location(), query='a "b", ü\nc.jpg')
    locations = [odd, unknown_location(), uncalibrated_location(), placeless_location()]
    text = to_csv(locations)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["query"] for row in rows] == [each.query for each in locations]
    known, unknown, uncalibrated, nowhere = rows
    assert (known["status"], float(known["lat"]), float(known["lon"])) == ("known", LAT, LON)
    assert (known["supporting"], known["matches"], known["guess_lat"]) == ("3", "5", "")
    assert known["best_match"] == "city/1.jpg" and known["inliers"] == ""
    assert float(known["runner_up_distance_m"]) == pytest.approx(200, abs=1)
    assert (unknown["status"], unknown["lat"], float(unknown["guess_lat"])) == ("unknown", "", LAT)
    assert (uncalibrated["radius_m"], uncalibrated["inliers_elsewhere"]) == ("", "5")
    assert nowhere["best_match"] == "" and nowhere["reason"] == "no match has a position"


def at(rank: int, **known: Any) -> Match:
    return Match(f"hall/{rank}.jpg", rank, 1 - rank / 100, None, None, None, None, **known)


@pytest.mark.parametrize(
    ("here", "there", "words", "away"),
    [
        (
            {"x": 4.1, "y": 0.32, "map": "floor 2"},
            {"x": 1.1, "y": 4.32, "map": "floor 2"},
            "x 4.10, y 0.32 on floor 2",
            ", 5.0 m away",
        ),
        ({"x": 4.1, "y": 0.32}, {"x": 1.1, "y": 4.32, "map": "b"}, "x 4.10, y 0.32", ""),
        (
            {"frame": 17, "map": "night"},
            {"frame": 16, "map": "night"},
            "frame 17 of night",
            ", 1 frame",
        ),
        ({"name": "kitchen"}, {"name": "hall"}, "kitchen", ""),
    ],
)
def test_places_that_are_not_on_earth(
    here: dict[str, Any], there: dict[str, Any], words: str, away: str
) -> None:
    matches = at(1, **here), at(2, **there)
    one, other = (
        Place(None, None, 1.0, share, (match,), **known)
        for match, known, share in zip(matches, (here, there), (0.7, 0.3), strict=True)
    )
    location = Location("q.jpg", "guess", one, None, None, None, other, matches, "by chance")
    first, why, evidence, rival = describe_location(location)
    assert (first, why) == (f"a guess: {words}", "not known: by chance")
    assert "1 of 2 matches" in evidence
    assert f"{away}" in rival and ("away" in rival) == bool(away)
    (found,) = json.loads(to_json([location]))
    row = next(csv.DictReader(io.StringIO(to_csv([location]))))
    for name, value in here.items():
        column = "place" if name == "name" else name
        assert found["place"][column] == value and row[column] == str(value)
    assert found["matches"][1]["distance_m"] == (5.0 if away == ", 5.0 m away" else None)
    (point,) = json.loads(to_geojson([location]))["features"]
    assert point["geometry"] is None


@pytest.mark.parametrize(
    ("where", "radius", "said", "unit"),
    [
        (
            {"x": 4.1, "y": 0.32},
            1.234,
            "known: x 4.10, y 0.32 within 1.2 m (90%), probability 0.93",
            "m",
        ),
        ({"frame": 17}, 1.0, "known: frame 17 within 1 frame (90%), probability 0.93", "frames"),
        ({"frame": 17}, None, "known: frame 17, probability 0.93", "frames"),
        ({"name": "kitchen"}, None, "known: kitchen, probability 0.93", None),
    ],
)
def test_a_radius_has_the_unit_of_its_place(
    where: dict[str, Any], radius: float | None, said: str, unit: str | None
) -> None:
    only = at(1, **where)
    one = Place(None, None, 0.5, 1.0, (only,), **where)
    location = Location("q.jpg", "known", one, radius, 0.93, 0.72, None, (only,), None)
    assert describe_location(location)[0] == said
    in_metres = radius if unit == "m" else None
    (found,) = json.loads(to_json([location]))
    assert (found["radius"], found["unit"], found["radius_m"]) == (radius, unit, in_metres)
    assert found["place"]["spread"] == (0.5 if unit else None)
    assert found["place"]["spread_m"] == (0.5 if unit == "m" else None)
    assert found["matches"][0]["distance"] == (0.0 if unit else None)
    row = next(csv.DictReader(io.StringIO(to_csv([location]))))
    assert row["unit"] == (unit or "") and row["radius"] == str(radius or "")
    assert row["radius_m"] == str(in_metres or "")
