"""The map: what stands where, in the colours of the legend."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from walks import CORNERS, streets, table_of, town

from beenhere import geo
from beenhere.config.tools import PlacesConfig
from beenhere.report.places_text import places_text
from beenhere.report.split_map import draw_split
from beenhere.tools.places import BuiltPlaces, build_places

TRAIN, VAL, TEST = (0, 114, 178), (230, 159, 0), (204, 51, 17)
OPTIONS = PlacesConfig.model_validate(
    {"min_images": 2, "clusters": {"apart": 10}, "split": {"gap": 20, "val": 0.2, "test": 0.2}}
)


def built(corners: list[str], photos: int = 200) -> BuiltPlaces:
    towns = geo.joined([town(corner, streets(5, photos, 800.0)) for corner in corners])
    dates = [f"2020-06-{1 + number % 3:02}" for number in range(len(towns))]
    return build_places(table_of(towns, dates=dates), OPTIONS)


def where(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.intp]:
    """Rows and columns, ``(n, 2)``, of a colour above the legend."""
    found = (np.abs(picture.astype(int) - colour).sum(axis=2) < 12).nonzero()
    rows = np.stack(found, axis=1)
    return rows[rows[:, 0] < 0.92 * len(picture)]


def test_parts_stand_where_their_photos_do(tmp_path: Path) -> None:
    made = built(["180th meridian"])
    draw_split(made, tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB"))
    tables = {
        TRAIN: made.train.frame["path"],
        VAL: made.evaluation["val"].database.frame["path"],
        TEST: made.evaluation["test"].database.frame["path"],
    }
    paths = made.photos.frame["path"]
    metres, pixels = [], []
    for colour, members in tables.items():
        inside = paths.is_in(members.implode()).to_numpy()
        east, north = made.planes.east[inside], made.planes.north[inside]
        metres += [(east.min(), east.max()), (-north.max(), -north.min())]
        marks = where(picture, colour)
        assert len(marks) > 20
        pixels += [(marks[:, 1].min(), marks[:, 1].max()), (marks[:, 0].min(), marks[:, 0].max())]
    # East goes right and north up, by one scale: the corners of each part lie on two lines.
    for axis in (0, 1):
        on_ground = np.array(metres[axis::2]).ravel()
        on_picture = np.array(pixels[axis::2]).ravel()
        slope, start = np.polyfit(on_ground, on_picture, 1)
        assert slope > 0.3
        assert np.abs(slope * on_ground + start - on_picture).max() < 30


@pytest.mark.parametrize("number", [2, 6])
def test_several_areas_have_a_panel_each(tmp_path: Path, number: int) -> None:
    made = built(sorted(CORNERS)[:number])
    draw_split(made, tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB"))
    columns = 2 if number == 2 else 3
    train = where(picture, TRAIN)
    panels = {
        (
            int(row / (0.92 * len(picture) / (number // columns))),
            int(column / picture.shape[1] * columns),
        )
        for row, column in train
    }
    assert len(panels) == number


def test_words_say_the_counts() -> None:
    made = built(["equator", "inside a zone"])
    text = places_text(made)
    assert "400 with a position, in 2 areas more than 1 km apart" in text
    assert "by position alone (0 of 400 photos have a heading)" in text
    assert f"train      {len(made.train):,} photos" in text
    for name, part in made.evaluation.items():
        assert f"  {name:<11}{len(part.database) + len(part.queries)} photos (" in text
    total = sum(
        int(line.strip().split(":")[0].replace(",", ""))
        for line in text.split("left out")[1]
        .split("other ways")[0]
        .split("caution")[0]
        .splitlines()[1:]
        if line.strip()
    )
    assert total == len(made.left_out)
