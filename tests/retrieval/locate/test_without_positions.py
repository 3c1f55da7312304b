"""An index of photos without positions answers by x and y, frames or names; search by none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import write_photo

from beenhere.errors import ConfigError, DataError
from beenhere.models.model import VPRModel
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.search.filters import Filter

PHOTOS = 12


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Of photos that change little by little, so that neighbours look alike."""
    tiles = np.random.default_rng(0).integers(0, 256, (4, PHOTOS + 4, 3), np.uint8)
    found = []
    for number in range(PHOTOS):
        path = tmp_path / f"{number:02d}.png"
        view = Image.fromarray(tiles[:, number : number + 4])
        view.resize((64, 64), Image.Resampling.NEAREST).save(path)
        found.append(str(path))
    return found


def build(paths: list[str], model: VPRModel, folder: Path, **columns: list[Any]) -> Index:
    table = PhotoTable.from_columns({"path": paths, **columns})
    return Index.build(table, model, folder, extract={"precision": "32"})


NUMBERS = list(range(PHOTOS))


def test_on_a_plan(paths: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    x, y = [2.0 * n for n in NUMBERS], [0.5] * PHOTOS
    index = build(paths, small_model, tmp_path / "i", x=x, y=y, map=["floor 2"] * PHOTOS)
    found = index.locate(paths[5])
    place = found.place
    assert (
        found.status == "guess" and place is not None and place.lat is None and place.name is None
    )
    assert (place.y, place.map) == (pytest.approx(0.5), "floor 2")
    assert place.x == pytest.approx(10.0, abs=1.0)
    # The mean of its matches, all within 5 m of it, and those of a smaller circle fewer.
    assert place.matches and all(abs(match.x - place.x) <= 5 for match in place.matches)  # type: ignore[operator]
    small = index.locate(paths[5], radius=0.5).place
    assert small is not None and len(small.matches) == 1 < len(place.matches)
    assert small.x == 10.0 and small.spread == 0.0


def test_in_sequences(paths: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    on = ["night" if n < 6 else "day" for n in NUMBERS]
    index = build(paths, small_model, tmp_path / "i", frame=[n % 6 for n in NUMBERS], map=on)
    for number in (2, 9):
        place = index.locate(paths[number], radius=0.5).place
        assert place is not None and (place.frame, place.map) == (number % 6, on[number])
    # Frames of two sequences are far apart, however close their numbers are.
    assert all(m.map == "night" for m in index.locate(paths[2]).place.matches)  # type: ignore[union-attr]
    path = index.locate_sequence(paths[1:4], step=1, radius=0.5)
    assert [one.place.frame for one in path.locations] == [1, 2, 3]  # type: ignore[union-attr]


def test_by_name(paths: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    rooms = ["kitchen", "hall", "office"]
    index = build(paths, small_model, tmp_path / "i", place=[rooms[n // 4] for n in NUMBERS])
    for number in (1, 5, 10):
        place = index.locate(paths[number]).place
        assert place is not None and place.name == rooms[number // 4] and place.spread == 0
        assert {match.name for match in place.matches} == {place.name}
    assert [one.place.name for one in index.locate_sequence(paths[4:7], step=1).locations] == [  # type: ignore[union-attr]
        "hall"
    ] * 3


def test_the_way_can_be_chosen(paths: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    columns = {"frame": NUMBERS, "place": [f"room {n // 6}" for n in NUMBERS]}
    index = build(paths, small_model, tmp_path / "i", **columns)
    assert index.locate(paths[8]).place.frame is not None  # type: ignore[union-attr]
    assert index.locate(paths[8], by="place").place.name == "room 1"  # type: ignore[union-attr]
    # No photo has a position: by these no place is known.
    found = index.locate(paths[8], by="position")
    assert found.place is None and not found.known and found.matches
    index.set_calibration({"plain": None, "locate": {"by": "frame"}})
    assert index.locate(paths[8]).place.frame is not None  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="by is place, but the index was calibrated with frame"):
        index.locate(paths[8], by="place")


def test_search_needs_no_place(paths: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    index = build(paths, small_model, tmp_path / "i")
    assert not index.locate(paths[3]).known
    (tmp_path / "notes.txt").write_text("hello")
    frame = np.asarray(Image.open(paths[7]))
    found = index.query([paths[3], str(tmp_path / "notes.txt"), frame], k=4)
    assert found.queries == (paths[3], str(tmp_path / "notes.txt"), "photo 3")
    first, none, last = found.matches
    assert none is None and found.unreadable[0][1] == "not a photo: a text file"
    assert first is not None and last is not None
    assert [match.rank for match in first] == [1, 2, 3, 4] and first[0].path == paths[3]
    assert last[0].path == paths[7] and last[0].similarity == pytest.approx(1, abs=1e-5)
    vectors = index.describe(paths[3]).vectors
    expected = index.search(vectors, 4)
    assert [match.path for match in first] == expected.paths(0)
    # A folder, a table, more than there are, and a filter that leaves nothing.
    assert len(index.query(tmp_path / "03.png", k=99).matches[0]) == PHOTOS  # type: ignore[arg-type]
    table = PhotoTable.from_columns({"path": paths[:2]})
    assert [one[0].path for one in index.query(table, k=1).matches] == paths[:2]  # type: ignore[index]
    assert index.query(table, where=Filter(dates=("2015", None))).matches == ((), ())
    for k in (0, -1, 2.5, True, "3"):
        with pytest.raises(DataError, match="expected a whole number, 1 or more"):
            index.query(table, k=k)  # type: ignore[arg-type]


def test_an_index_that_knows_more_of_a_photo_later(
    paths: list[str], small_model: VPRModel, tmp_path: Path
) -> None:
    index = build(paths[:4], small_model, tmp_path / "i")
    index.add(
        PhotoTable.from_columns({"path": paths[:4], "place": ["hall"] * 4}), model=small_model
    )
    assert index.locate(paths[0]).place.name == "hall"  # type: ignore[union-attr]
    write_photo(tmp_path / "new.png", 77)
    assert index.add(tmp_path / "new.png", model=small_model).photos == 5
    assert index.photos.frame["place"].to_list() == ["hall"] * 4 + [None]
