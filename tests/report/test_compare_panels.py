"""The picture of a comparison: what stands where, also where photos are missing."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import write_photo

from beenhere.errors import DataError
from beenhere.report import panels
from beenhere.report.compared_queries import ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import BOX, GAP, Prediction

GREEN, RED, EMPTY = (0, 158, 115), (204, 51, 17), (237, 237, 237)
HEADINGS = {"a": "A alone", "b": "B alone"}
COLUMN = BOX[0] + GAP


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
    assert mapped.shape[1] - plain.shape[1] == 2 * COLUMN
    _, x = np.nonzero((mapped == (0, 0, 255)).all(axis=2))
    assert x.min() > 4 * COLUMN and len(x) == 4 * 200 * 150


def test_each_direction_has_a_heading_once(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    one, two, three = (
        draw([query(photo, winner) for winner in winners], tmp_path).shape[0]
        for winners in ("a", "aa", "ab")
    )
    assert two - one == panels._QUERY
    assert three - two == panels._SECTION


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
