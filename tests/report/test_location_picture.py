import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import (
    LAT,
    LON,
    METRE,
    known_location,
    match,
    place,
    placeless_location,
    uncalibrated_location,
    unknown_location,
)
from matplotlib.figure import Figure
from PIL import Image
from tiny import write_photo

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.own_position import OwnPosition
from beenhere.photos.reference import LocalPoints
from beenhere.report.location_map import PHOTO, location_map
from beenhere.report.location_picture import draw_location
from beenhere.report.location_plan import location_plan
from beenhere.report.location_view import (
    FOR_IT,
    FOR_NEITHER,
    FOR_RUNNER_UP,
    match_colour,
    streets,
)
from beenhere.report.photo_boxes import PhotoSheet
from beenhere.report.pictures import PAPER
from beenhere.retrieval.locate.answer import Location, Match, Place

STREET = geo.positions(LAT + np.arange(-30, 30) * 7 * METRE, np.full(60, LON + 5 * METRE))
SIZE, SHOWN = (562, 780), 5


def colours(picture: Image.Image, colour: str) -> int:
    """Pixels of a colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.asarray(picture) == wanted).all(axis=2).sum())


def hall(rank: int, **known: Any) -> Match:
    return Match(f"hall/{rank}.jpg", rank, 1 - rank / 100, None, None, None, None, **known)


def in_a_hall(kind: str, *, radius: float | None, map: str | None = "floor 2") -> Location:
    """Two matches for it, one for the runner-up, one on another map."""

    def known(number: float, on: str | None = map) -> dict[str, Any]:
        if kind == "place":
            return {"name": f"room {number:g}", "map": on}
        where = {"frame": int(number)} if kind == "frame" else {"x": number, "y": number / 2}
        return {**where, "map": on}

    matches = (
        hall(1, **known(7)),
        hall(2, **known(8)),
        hall(3, **known(40)),
        hall(4, **known(7, "b")),
    )
    one = Place(None, None, 0.5, 0.7, matches[:2], **known(7))
    other = Place(None, None, 0.0, 0.3, matches[2:3], **known(40))
    return Location("q.jpg", "known", one, radius, 0.93, 0.7, other, matches, None)


def points(x: np.ndarray, y: np.ndarray, *, on: str) -> LocalPoints:
    nothing = np.full(len(x), None, object)
    return LocalPoints(np.full(len(x), on, object), nothing, x.astype(float), y.astype(float))


@pytest.mark.parametrize("kind", ["xy", "frame"])
def test_a_plan_or_a_line_shows_photos_matches_and_the_radius(kind: str) -> None:
    x = np.arange(60)
    photos = points(x, x / 2 if kind == "xy" else x * 0, on="floor 2")
    drawn = location_plan(in_a_hall(kind, radius=3.0), photos, SIZE, SHOWN)
    assert drawn.size == SIZE
    assert colours(drawn, FOR_IT) > 200 and colours(drawn, FOR_RUNNER_UP) > 100
    assert colours(drawn, FOR_NEITHER) < 50, "the match on another map is not there"
    plain = location_plan(in_a_hall(kind, radius=None), photos, SIZE, SHOWN)
    assert (np.asarray(plain) != np.asarray(drawn)).any(axis=2).sum() > 500
    nobody = location_plan(in_a_hall(kind, radius=None), photos[:0], SIZE, SHOWN)
    assert colours(plain, PHOTO) > colours(nobody, PHOTO) + 50
    upstairs = points(x, x / 2, on="floor 3")
    elsewhere = location_plan(in_a_hall(kind, radius=None), upstairs, SIZE, SHOWN)
    np.testing.assert_array_equal(np.asarray(elsewhere), np.asarray(nobody))


def test_names_have_no_map_but_more_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(
        PhotoSheet, "captions", lambda self, corner, first, second: shown.append((first, second))
    )
    query = write_photo(tmp_path / "q.jpg", 1)
    location = in_a_hall("place", radius=None)
    many = tuple(hall(rank, name="room 7") for rank in range(1, 20))
    nothing = replace(location, place=None, runner_up=None, status="unknown", reason="none")
    for answer, photos in (
        (location, points(np.zeros(3), np.zeros(3), on="a")),
        (nothing, STREET[:0]),
    ):
        shown.clear()
        draw_location(replace(answer, matches=many), query, photos, tmp_path / "p.png")
        assert len(shown) == 12 and shown[1][0] == "room 7"
    shown.clear()
    frames = points(np.arange(60), np.zeros(60), on="floor 2")
    draw_location(in_a_hall("frame", radius=1.0), query, frames, tmp_path / "p.png")
    assert [first for first, _ in shown] == [
        "the query",
        *(f"frame {number} of {on}" for number, on in ((7, "floor 2"), (8, "floor 2"))),
        *("frame 40 of floor 2", "frame 7 of b"),
    ]
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width == 1190


def test_colours_say_what_a_match_speaks_for() -> None:
    location = known_location()
    found = [match_colour(location, each) for each in location.matches]
    assert found == [FOR_IT, FOR_IT, FOR_RUNNER_UP, FOR_IT, FOR_NEITHER]


def test_the_map_shows_matches_radius_and_strays() -> None:
    known = location_map(known_location(), STREET, SIZE, SHOWN)
    assert known.size == SIZE
    assert colours(known, FOR_IT) > 500
    # The runner-up lies 200 m away: an arrow, and the legend.
    assert colours(known, FOR_RUNNER_UP) > 100
    alone = location_map(uncalibrated_location(), STREET, SIZE, SHOWN)
    assert colours(alone, FOR_RUNNER_UP) == 0
    truth = OwnPosition(LAT, LON + 20 * METRE, "EXIF")
    with_truth = location_map(replace(known_location(), own=truth), STREET, SIZE, SHOWN)
    assert not np.array_equal(np.asarray(with_truth), np.asarray(known))


@pytest.mark.parametrize(
    "location",
    [known_location(), unknown_location(), uncalibrated_location(), placeless_location()],
    ids=["known", "unknown", "uncalibrated", "placeless"],
)
@pytest.mark.parametrize("photos", [STREET, geo.positions([np.nan], [np.nan])], ids=["", "none"])
def test_every_kind_of_answer_is_drawn(
    location: Location, photos: geo.Positions, tmp_path: Path
) -> None:
    query = write_photo(tmp_path / "q.jpg", 1, 60, 80)
    draw_location(replace(location, query="x" * 300), query, photos, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width == 1190


def test_the_map_is_the_same_across_the_180th_meridian() -> None:
    def moved(location: Location, turn: float) -> Location:
        there = [replace(match(rank, north), lon=LON + turn) for rank, north in ((1, 0), (2, 40))]
        # The second lies west of the first, on the other side.
        there[1] = replace(there[1], lon=(LON + turn - 30 * METRE + 180) % 360 - 180)
        return replace(location, place=place(*there), matches=tuple(there), runner_up=None)

    here = moved(known_location(), 0.0)
    border = moved(known_location(), -180 - LON)
    photos = geo.positions(STREET.lat, (STREET.lon - 180 - LON + 180) % 360 - 180)
    one = location_map(here, STREET, SIZE, SHOWN)
    other = location_map(border, photos, SIZE, SHOWN)
    difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))
    assert (difference > 40).any(axis=2).mean() < 0.002


def test_a_place_for_the_picture_is_looked_at_first(tmp_path: Path) -> None:
    location, query = known_location(), write_photo(tmp_path / "q.jpg", 1)
    for name, said in (("p.gif", "expected .png"), ("no/p.png", "there is no folder")):
        with pytest.raises(DataError, match=said):
            draw_location(location, query, STREET, tmp_path / name)


def test_what_the_words_of_a_picture_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def put_text(sheet: object, at: object, text: str, *look: object) -> None:
        written.append(text)

    monkeypatch.setattr(PhotoSheet, "text", put_text)
    long = replace(match(17, 0, inliers=45), path="streets/" * 40 + "17.jpg")
    location = replace(known_location(), place=place(long), matches=(long, match(1, 5, 9)))
    query = write_photo(tmp_path / "q.jpg", 1, 60, 80)
    draw_location(location, query, STREET, tmp_path / "p.png")
    (line,) = (text for text in written if " for it; best by " in text)
    assert line.startswith("1 of 2 matches for it; best by inliers ...") and len(line) < 200
    assert line.endswith("streets/17.jpg (similarity 0.830, 45 inliers)")
    assert "at the answer" in written and "17th by similarity 0.830, 45 inliers" in written
    assert "5.0 m from the answer" in written and "1st by similarity 0.990, 9 inliers" in written


@pytest.mark.parametrize(("radius", "beyond"), [(40.0, False), (1800.0, True)])
def test_a_radius_beyond_the_map_is_said(
    radius: float, beyond: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def legend(self: Figure, handles: object, words: list[str], **look: object) -> None:
        said.extend(words)

    monkeypatch.setattr(Figure, "legend", legend)
    location = replace(known_location(), radius=radius)
    location_map(location, STREET, SIZE, SHOWN)
    (words,) = (words for words in said if words.startswith("radius of "))
    assert words.endswith("beyond this map") == beyond


def test_streets_follow_the_photos() -> None:
    """Two streets 40 m apart, photos 7 m apart in no order, several at one spot."""
    along = np.arange(0, 140, 7.0)
    points = np.concatenate(
        [np.stack([along, 0 * along], axis=1), np.stack([along, 0 * along + 40], axis=1)]
    )
    points = np.random.default_rng(0).permutation(np.concatenate([points, points[:5]]))
    lines = streets(points)
    lengths = np.hypot(*(lines[:, 0] - lines[:, 1]).T)
    assert len(lines) == 2 * (len(along) - 1) and np.allclose(lengths, 7)
    assert (lines[:, 0, 1] == lines[:, 1, 1]).all()  # none leads from one to the other
    for few in (points[:0], points[:1], points[[0, 0]]):
        assert streets(few).shape == (0, 2, 2)


def test_the_background_says_where_the_streets_and_the_whole_are() -> None:
    nowhere, some = geo.positions([np.nan], [np.nan]), STREET[np.arange(27, 34)]
    alone, short, street = (
        colours(location_map(known_location(), each, SIZE, SHOWN), PAPER)
        for each in (nowhere, some, STREET)
    )
    assert alone + 1000 < short
    # A street that goes on has a small map of all photos, on paper of its own.
    assert short + 10_000 < street


def test_without_a_map_there_are_more_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def put_text(sheet: object, at: object, text: str, *look: object) -> None:
        written.append(text)

    monkeypatch.setattr(PhotoSheet, "text", put_text)
    matches = tuple(match(rank, None) for rank in range(1, 15))
    location = replace(placeless_location(), matches=matches)
    query, nowhere = write_photo(tmp_path / "q.jpg", 1, 60, 80), geo.positions([np.nan], [np.nan])
    draw_location(location, query, nowhere, tmp_path / "p.png")
    assert [f"{rank}.jpg" for rank in range(1, 12)] == [
        each for each in written if re.fullmatch(r"\d+\.jpg", each)
    ]
    assert "q.jpg" in written
    with Image.open(tmp_path / "p.png") as many:
        draw_location(placeless_location(), query, nowhere, tmp_path / "few.png")
        with Image.open(tmp_path / "few.png") as few:
            assert few.height < many.height / 2 and few.width == many.width == 1190
