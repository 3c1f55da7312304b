"""The picture of a comparison: what stands where, also where photos are missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import write_photo

from beenhere.errors import DataError
from beenhere.report import panels
from beenhere.report.compared_queries import ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import BOX, GAP, HIGHEST, MARGIN, WIDEST, Prediction

GREEN, RED, EMPTY = (0, 158, 115), (204, 51, 17), (237, 237, 237)
HEADINGS = {"a": "A alone", "b": "B alone"}
COLUMN = BOX[0] + GAP
SMALLER = WIDEST / (6 * COLUMN - GAP + 2 * MARGIN)
"""What a page with similarity maps is drawn at, so that a screen shows it."""


def query(photo: str, winner: str, found: int = 3, overlay: str | None = None) -> ComparedQuery:
    def side(letter: str) -> ModelAnswer:
        predictions = [
            Prediction(photo, 0.5, 3.0, i == 0 and letter == winner) for i in range(found)
        ]
        if overlay is None:
            return ModelAnswer(letter, predictions)
        picture = Image.new("RGB", (200, 150), overlay)
        return ModelAnswer(letter, predictions, (picture, picture))

    return ComparedQuery(photo, "night", "a" if winner == "a" else "b", side("a"), side("b"))


def draw(queries: list[ComparedQuery], folder: Path) -> NDArray[np.uint8]:
    panels.draw_comparison(queries, folder / "new" / "out.png", "title " * 99, HEADINGS)
    with Image.open(folder / "new" / "out.png") as image:
        return np.asarray(image.convert("RGB"))


def places(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[float, float]:
    """Middle of all pixels of a colour, (y, x)."""
    y, x = np.nonzero((pixels == colour).all(axis=2))
    assert len(y) > 500
    return float(np.median(y)), float(np.median(x))


def test_the_winner_has_the_green_frame(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    rows = {}
    for winner in "ab":
        pixels = draw([query(photo, winner, found=1)], tmp_path)
        rows[winner] = places(pixels, GREEN)[0], places(pixels, RED)[0]
        assert COLUMN < places(pixels, GREEN)[1] < 2 * COLUMN + GAP
    assert rows["a"][0] < rows["a"][1] and rows["b"][0] > rows["b"][1]


def test_maps_stand_behind_the_predictions(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    plain, mapped = (draw([query(photo, "a", 3, colour)], tmp_path) for colour in (None, "#0000FF"))
    assert plain.shape[1] == 4 * COLUMN - GAP + 2 * MARGIN and mapped.shape[1] == WIDEST
    _, x = np.nonzero((mapped == (0, 0, 255)).all(axis=2))
    assert x.min() > 4 * COLUMN * SMALLER
    # Less the pixels of their edges, which are mixed with the paper.
    assert len(x) == pytest.approx(4 * 200 * 150 * SMALLER**2, rel=0.05)


def test_each_direction_has_a_heading_once(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    one, two, three = (
        draw([query(photo, winner) for winner in winners], tmp_path).shape[0]
        for winners in ("a", "aa", "ab")
    )
    assert two - one == panels._QUERY
    assert three - two == panels._SECTION


def test_many_queries_have_pages_that_a_screen_shows(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    winners = ["a"] * 4 + ["b"] * 4 + ["n"] * 2
    queries = [
        replace(query(photo, one, 3, "#0000FF"), query=str(i)) for i, one in enumerate(winners)
    ]
    for i in (8, 9):
        queries[i] = replace(queries[i], winner="neither")
    headings = {**HEADINGS, "neither": "both wrong"}
    drawn = panels.draw_comparison(queries, tmp_path / "out.png", "title", headings)
    assert [page.name for page in drawn] == ["out.png", *(f"out-page-{i}.png" for i in (2, 3, 4))]
    for page in drawn:
        with Image.open(page) as image:
            assert image.width <= WIDEST and image.height <= HIGHEST
    parts = panels.comparison_pages(queries, tmp_path / "out.png")
    assert [each.query for _, some in parts for each in some] == [str(i) for i in range(10)]
    assert {len(some) for _, some in parts} <= {2, 3}


def test_missing_photos_and_maps_leave_their_places_empty(tmp_path: Path) -> None:
    gone = query("gone.jpg", "b", 2)
    gone = ComparedQuery(
        gone.query,
        None,
        "b",
        ModelAnswer("a", gone.a.predictions, (None, None)),
        ModelAnswer("b", []),
    )
    pixels = draw([gone], tmp_path)
    empty = (pixels == EMPTY).all(axis=2).sum() / (BOX[0] * BOX[1])
    assert 4 < empty < 5.5  # the query, A's two photos and its two maps; less frames and marks


def test_nothing_to_draw_and_odd_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no query to draw"):
        panels.draw_comparison([], tmp_path / "out.png", "", HEADINGS)
    with pytest.raises(DataError, match=r"expected \.png, \.jpg"):
        panels.draw_comparison([query("a", "a")], tmp_path / "out.gif", "", HEADINGS)
