from dataclasses import replace

from locations import (
    known_location,
    match,
    place,
    placeless_location,
    uncalibrated_location,
    unknown_location,
)

from beenhere.report.location import describe_location, likeness


def test_a_known_place() -> None:
    assert describe_location(known_location()) == [
        "37.78000, -122.42000 within 12 m (90%), probability 0.93",
        "3 of 5 matches for it; best city/1.jpg (similarity 0.990)",
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


def test_without_calibration_nothing_is_said_of_sureness() -> None:
    assert describe_location(uncalibrated_location()) == [
        "37.78000, -122.42000",
        "1 of 1 match for it; best city/1.jpg (similarity 0.990)",
    ]


def test_the_best_match_has_the_most_inliers() -> None:
    verified = place(match(1, 0, 12), match(2, 1, 80))
    location = replace(uncalibrated_location(), place=verified, matches=verified.matches)
    assert "best city/2.jpg (similarity 0.980, 80 inliers)" in describe_location(location)[1]


def test_the_rank_by_similarity_where_verification_gave_another_number() -> None:
    assert likeness(match(17, 0, inliers=45), 1) == "17th by similarity 0.830, 45 inliers"
    assert likeness(match(1, 0, inliers=1), 1) == "similarity 0.990, 1 inlier"
    assert likeness(match(2, 0), 1) == "similarity 0.980"
    said = [likeness(match(rank, 0, inliers=4), 5) for rank in (1, 2, 3, 4, 11, 12, 13, 21)]
    ranks = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st"]
    assert [each.split()[0] for each in said] == ranks
