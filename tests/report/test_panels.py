"""The picture of queries and what was found: which queries, and what each frame says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont
from tiny import TinyModel, write_photo

from beenhere.config.evaluation import EvalConfig
from beenhere.errors import DataError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.table import PhotoTable
from beenhere.report import panels, photo_boxes
from beenhere.report.panels import Panel
from beenhere.report.photo_boxes import Prediction

GREEN, RED, GREY = (0, 158, 115), (204, 51, 17), (118, 118, 118)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """8 queries by day and 3 by night; the last of each has no position."""
    folder = tmp_path_factory.mktemp("panels")
    names = [f"{i}.jpg" for i in range(11)]
    columns = {
        "path": [write_photo(folder / "queries" / name, i) for i, name in enumerate(names)],
        "lat": [None if i in (7, 10) else 50 + i / 1000 for i in range(11)],
        "lon": [None if i in (7, 10) else 8.0 for i in range(11)],
        "condition": ["day"] * 8 + ["night"] * 3,
    }
    queries = PhotoTable.from_columns(columns)
    database = PhotoTable.from_columns(
        {
            "path": [write_photo(folder / "database" / name, i) for i, name in enumerate(names)],
            "lat": [50 + i / 1000 for i in range(11)],
            "lon": [8.0 + (i == 3) for i in range(11)],
        }
    )
    tables = EvaluationTables(database, queries, "tiles")
    return evaluate_tables(TinyModel(), tables, EvalConfig(thresholds=[25, 500]))


def picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_conditions_share_the_picture(found: Evaluation) -> None:
    for count, night in ((2, 1), (4, 2), (6, 3), (10, 3), (99, 3)):
        chosen = panels.choose_panels(found, count)
        assert len(chosen) == min(count, 11)
        assert sum(panel.notes[0].startswith("night") for panel in chosen) == night


def test_another_seed_chooses_other_queries(found: Evaluation) -> None:
    picks = {
        tuple(p.query for p in panels.choose_panels(found, 4, seed=seed)) for seed in (0, 0, 1, 2)
    }
    assert 1 < len(picks) <= 3


def test_a_panel_says_what_the_evaluation_found(found: Evaluation) -> None:
    chosen = {Path(panel.query).name: panel for panel in panels.choose_panels(found, 11, columns=2)}
    assert [p.right for p in chosen["0.jpg"].predictions] == [True, False]
    assert chosen["0.jpg"].predictions[0].metres == 0
    assert chosen["0.jpg"].notes == ("day, 0.jpg", "")
    assert chosen["3.jpg"].notes[1] == "no photo within 25 m to be found"
    assert [p.right for p in chosen["10.jpg"].predictions] == [None, None]
    assert chosen["10.jpg"].notes == ("night, 10.jpg", "its position is not known")
    rows = found.predictions.filter(pl.col("query").str.ends_with("/5.jpg")).head(2)
    assert [p.path for p in chosen["5.jpg"].predictions] == rows["database"].to_list()


def test_frames_have_the_colours_of_right_wrong_and_unknown(tmp_path: Path) -> None:
    photo = str(tmp_path / "a.png")
    Image.new("RGB", (90, 60), "blue").save(photo)
    predictions = [
        Prediction(photo, 0.9, 3.0, True),
        Prediction(photo, 0.8, 4000.0, False),
        Prediction(photo, 0.7, None, None),
    ]
    for end in ("png", "jpg"):
        panels.draw_panels(
            [Panel(photo, ("day", ""), predictions)], tmp_path / f"out.{end}", "title"
        )
    pixels = picture(tmp_path / "out.png")
    columns = [np.nonzero((pixels == c).all(axis=2))[1] for c in (GREEN, RED, GREY)]
    assert all(len(places) > 1000 for places in columns)
    assert [int(np.median(places)) * 4 // pixels.shape[1] for places in columns] == [1, 2, 3]
    assert picture(tmp_path / "out.jpg").shape == pixels.shape


def test_captions_say_how_far_or_which_photo() -> None:
    def said(path: str, metres: float | None, right: bool | None) -> str:
        return photo_boxes.caption(Prediction(path, 0.5, metres, right))

    assert said("a/b.jpg", 12.0, True) == "12.0 m away"
    assert said("a/b.jpg", None, None) == "distance unknown"
    assert said("a/b.jpg", float("inf"), False) == "on another map"
    for frames, words in ((1.0, "1 frame away"), (12.0, "12 frames away")):
        prediction = Prediction("a/b.jpg", 0.5, frames, True, by="frame")
        assert photo_boxes.caption(prediction) == words
    for right in (True, False):
        assert said("a/frame_0007.jpg", None, right) == "frame_0007.jpg"
        assert said("a/@@@@@@@0007@@90@@@@@@.jpg", None, right) == "0007@90.jpg"
        long = said(f"a/corridor-{'x' * 60}-0007.jpg", None, right)
        assert long.startswith("corridor-x") and "..." in long and long.endswith("x-0007.jpg")
        assert len(long) > 20
        font = ImageFont.load_default(16)
        assert font.getlength(long) <= photo_boxes.BOX[0] - photo_boxes.FRAME


def test_the_name_of_a_listed_photo_is_drawn(tmp_path: Path) -> None:
    pictures = []
    for name in ("one.png", "two.png"):
        photo = write_photo(tmp_path / name, 1)
        panel = Panel("gone.jpg", ("", ""), [Prediction(photo, 0.5, None, True)])
        panels.draw_panels([panel], tmp_path / "out.png", "")
        pictures.append(picture(tmp_path / "out.png"))
    assert not np.array_equal(*pictures)


def test_the_marks_tell_apart_what_colours_tell(tmp_path: Path) -> None:
    """In grey, the corner of a right answer still looks other than that of a wrong one."""
    photo = write_photo(tmp_path / "a.jpg", 1)
    shapes = []
    for right in (True, False, None):
        panel = Panel(photo, ("", ""), [Prediction(photo, 0.5, 1.0, right)])
        panels.draw_panels([panel], tmp_path / "out.png", "")
        white = (picture(tmp_path / "out.png") == 255).all(axis=2)
        shapes.append(white[90:140, 310:350])
    assert not np.array_equal(shapes[0], shapes[1])
    assert not np.array_equal(shapes[1], shapes[2])


def test_a_photo_that_has_gone_leaves_its_place_empty(tmp_path: Path) -> None:
    panel = Panel("gone.jpg", ("", ""), [Prediction("gone too.jpg", 0.5, 1.0, True)])
    panels.draw_panels([panel], tmp_path / "new" / "out.png", "a title")
    assert (tmp_path / "new" / "out.png").exists()


def test_nothing_to_draw_and_odd_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no query to draw"):
        panels.draw_panels([], tmp_path / "out.png", "")
    with pytest.raises(DataError, match=r"expected \.png, \.jpg"):
        panels.draw_panels([Panel("a", ("", ""), [])], tmp_path / "out.gif", "")


def test_wrong_queries_come_first(found: Evaluation) -> None:
    assert panels.count_wrong(found) == 3
    for count in (1, 2, 3, 11):
        chosen = panels.choose_panels(found, count, wrong_first=True)
        names = [Path(panel.query).name for panel in chosen]
        # Without a right photo to be found, then without a position; then those that are right.
        assert names[:3] == ["3.jpg", "7.jpg", "10.jpg"][:count] and len(names) == count
        assert all(panel.predictions[0].right for panel in chosen[3:])


def test_a_wrong_answer_that_could_be_right_comes_before_the_others(found: Evaluation) -> None:
    swapped = found.predictions.with_columns(
        rank=pl.when(pl.col("query").str.ends_with("/5.jpg") & (pl.col("rank") <= 2))
        .then(3 - pl.col("rank"))
        .otherwise(pl.col("rank"))
        .cast(found.predictions["rank"].dtype)
    ).sort("query", "rank")
    wrong = replace(found, predictions=swapped)
    (first,) = panels.choose_panels(wrong, 1, wrong_first=True)
    assert Path(first.query).name == "5.jpg" and panels.count_wrong(wrong) == 4


def test_many_queries_have_several_pages(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", 1)
    some = [Panel(photo, (str(i), ""), [Prediction(photo, 0.5, 1.0, True)] * 3) for i in range(17)]
    drawn = panels.draw_panels(some, tmp_path / "out.png", "title")
    assert [page.name for page in drawn] == ["out.png", "out-page-2.png", "out-page-3.png"]
    heights = [picture(page).shape[0] for page in drawn]
    assert max(heights) <= photo_boxes.HIGHEST and max(heights) - min(heights) <= 268
