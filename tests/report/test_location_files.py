import csv
import io
import json
from dataclasses import replace

import pytest
from locations import (
    LAT,
    LON,
    known_location,
    placeless_location,
    uncalibrated_location,
    unknown_location,
)

from beenhere.report.location import CSV_COLUMNS, to_csv, to_json


def test_json_holds_everything() -> None:
    (found,) = json.loads(to_json([known_location()]))
    assert (found["query"], found["known"], found["lat"], found["lon"]) == (
        "walk/q.jpg",
        True,
        LAT,
        LON,
    )
    assert (found["radius_m"], found["probability"], found["threshold"]) == (12.4, 0.93, 0.72)
    assert found["place"] == {
        "lat": LAT,
        "lon": LON,
        "spread_m": 4.5,
        "share": 0.7,
        "supporting": [1, 2, 4],
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
    assert unknown["lat"] is None and unknown["lon"] is None and not unknown["known"]
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
    assert (known["known"], float(known["lat"]), float(known["lon"])) == ("true", LAT, LON)
    assert (known["supporting"], known["matches"], known["guess_lat"]) == ("3", "5", "")
    assert known["best_match"] == "city/1.jpg" and known["inliers"] == ""
    assert float(known["runner_up_distance_m"]) == pytest.approx(200, abs=1)
    assert (unknown["known"], unknown["lat"], float(unknown["guess_lat"])) == ("false", "", LAT)
    assert (uncalibrated["radius_m"], uncalibrated["probability"]) == ("", "")
    assert nowhere["best_match"] == "" and nowhere["reason"] == "no match has a position"
