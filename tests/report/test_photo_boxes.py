"""A map over its photo: bright where it is high, in its place, and the photo still to be seen."""

import numpy as np
import pytest
from PIL import Image

from beenhere.report.photo_boxes import colour_bar, overlay


def brightness(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), np.float64)


@pytest.mark.parametrize(("row", "column"), [(0, 3), (2, 1), (1, 0)])
def test_the_bright_place_is_where_the_map_is_high(row: int, column: int) -> None:
    shares = np.full((3, 4), -0.2, np.float32)
    shares[row, column] = 0.001
    drawn = brightness(overlay(Image.new("RGB", (80, 60), "grey"), shares))
    y, x = np.unravel_index(drawn.argmax(), drawn.shape)
    assert (int(y) // 20, int(x) // 20) == (row, column)


def test_the_scale_of_a_map_does_not_matter_but_its_order_does() -> None:
    photo = Image.new("RGB", (40, 10), "grey")
    shares = np.array([[0.0, 1.0, 2.0, 4.0]], np.float32)
    drawn = brightness(overlay(photo, shares))
    np.testing.assert_array_equal(drawn, brightness(overlay(photo, 1e-6 * shares)))
    assert (np.diff(drawn[5, [5, 15, 25, 35]]) > 0).all()


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_nothing_above_zero_is_dark_and_the_photo_shows(value: float) -> None:
    photo = Image.new("RGB", (40, 40), "white")
    photo.paste("black", (0, 0, 20, 40))
    drawn = brightness(overlay(photo, np.full((2, 2), value, np.float32)))
    assert drawn.max() < 255 * 0.7 and drawn[20, 30] - drawn[20, 10] > 100


def test_the_bar_runs_from_dark_to_bright() -> None:
    bar = brightness(colour_bar(100, 8))
    assert bar.shape == (8, 100) and (np.diff(bar[0]) >= -1).all()
    assert bar[0, 0] < 10 and bar[0, -1] > 220
