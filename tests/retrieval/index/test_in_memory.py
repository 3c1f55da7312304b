"""Photos without files: frames of a camera are described, added and found like files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tiny import TinyModel, write_photo

from beenhere.errors import BeenhereError, DataError, ModelError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index

PRECISION = {"precision": "32"}


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    """Three frames of a camera."""
    tiles = np.random.default_rng(7).integers(0, 256, (3, 4, 4, 3), np.uint8)
    return tiles.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture
def asked(index: Index, model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The index of six photos, whose model is at hand."""
    monkeypatch.setattr(Index, "model", lambda self, device="auto": model.eval())
    return index


NAMES = ["cam/1", "cam/2", "cam/3"]


def test_describe_takes_photos_one_by_one(asked: Index, frames: NDArray[np.uint8]) -> None:
    model = TinyModel().eval()
    expected = model(torch.from_numpy(frames).permute(0, 3, 1, 2)).detach().numpy()
    found = asked.describe(frames)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert found.rows.tolist() == [0, 1, 2] and found.images_computed == 3
    paths = asked.photos.paths[:2]
    mixed = asked.describe([frames[0], paths[0], "nowhere.jpg", Image.fromarray(frames[2])])
    assert mixed.rows.tolist() == [0, 1, 3]
    assert mixed.unreadable == [("nowhere.jpg", "no such file")]
    np.testing.assert_allclose(mixed.vectors[[0, 2]], expected[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(mixed.vectors[1], asked.describe(paths[0]).vectors[0], atol=1e-6)
    assert asked.describe([]).vectors.shape == (0, 48)


def test_frames_are_added_and_found(
    asked: Index, frames: NDArray[np.uint8], model: TinyModel
) -> None:
    index = asked
    added = index.add(frames, {"path": NAMES, "lat": [1.0] * 3, "lon": [2.0] * 3}, model)
    assert (added.new, added.photos) == (3, 9)
    matches = index.search(index.describe(frames).vectors, k=1)
    assert [matches.paths(query) for query in range(3)] == [
        [str(Path(name).absolute())] for name in NAMES
    ]
    assert (matches.similarity > 0.9999).all()
    assert index.locate(frames[1]).place.lat == pytest.approx(1.0)
    # Again, they are known; with other pixels one is another photo, and the old one goes.
    again = index.add(frames, {"path": NAMES}, model)
    assert (again.new, again.unchanged, again.photos) == (0, 3, 9)
    other = frames[:1] // 2
    assert index.add(other, {"path": NAMES[:1]}, model).replaced == 1
    # The same picture under another name is another photo: there is no file that could have moved.
    assert index.add(frames[1:2], {"path": ["cam/9"]}, model).new == 1
    assert len(index) == 10 and index.check().damages == []
    assert index.remove("cam/9").removed == 1


def test_what_cannot_be_read_is_named(
    index: Index, model: TinyModel, photos: Path, tmp_path: Path
) -> None:
    content = next(photos.iterdir()).read_bytes()
    cut = Image.open(io.BytesIO(content[:-60]))
    given = [content, b"hello", cut, Image.open(io.BytesIO(content))]
    added = index.add(given, {"path": ["cam/1", "cam/2", "cam/3", "cam/4"]}, model)
    # The first is a file that the index knows: one that is where it was does not move.
    assert added.new == 2 and added.moved == 0 and added.photos == 8
    names = [str(Path(f"cam/{number}").absolute()) for number in (2, 3)]
    assert added.unreadable == {
        names[0]: "not a photo: a text file",
        names[1]: "cut off: the file ends before the picture does",
    }


def test_an_index_of_frames_alone(frames: NDArray[np.uint8], tmp_path: Path) -> None:
    made = Index.build(
        list(frames), TinyModel(), tmp_path / "c.index", {"path": NAMES}, extract=PRECISION
    )
    assert len(made) == 3
    # The same again is the same index.
    assert len(Index.build(frames, TinyModel(), tmp_path / "c.index", {"path": NAMES})) == 3


def test_a_list_of_files_with_what_is_known_of_them(
    index: Index, model: TinyModel, tmp_path: Path
) -> None:
    files = [write_photo(tmp_path / f"{number}.png", 50 + number) for number in range(2)]
    assert index.add(files, model=model).new == 2
    assert index.add(files, {"heading": [10.0, 20.0]}, model).updated == 2
    assert index.photos.frame["heading"].to_list()[-2:] == [10.0, 20.0]


@pytest.mark.parametrize(
    ("given", "table", "reason"),
    [
        (None, None, "given as one NoneType; expected a list of photos"),
        (7, None, "given as one int"),
        ([], None, "list of photos is empty"),
        ([7], {"path": ["a"]}, "a: got int; expected a path, bytes"),
        ([np.zeros((2, 2, 2))], {"path": ["a"]}, "a: an array of float64"),
        ([np.zeros((4, 4), np.uint8)], None, "1 photo that are no files have no names"),
        ([np.zeros((4, 4), np.uint8), "b.jpg"], None, "1 of 2 photos are paths"),
        ([np.zeros((4, 4), np.uint8)], {"path": ["a", "b"]}, "1 photos and 2 rows"),
        ([np.zeros((4, 4), np.uint8)] * 2, {"path": ["a", "a"]}, "more than one row"),
        ([np.zeros((4, 4), np.uint8)], {"path": ["a"], "lat": ["x"]}, "'lat' cannot be read"),
        ([np.zeros((4, 4), np.uint8)], {"path": ["a"], "lta": [1]}, "'lta' is unknown"),
        (["b.jpg"], {"path": ["c.jpg"]}, "paths are not those"),
        ("somewhere", {"path": ["a"]}, "a table is given beside"),
        ("somewhere", TinyModel(), "the table is a TinyModel; expected a PhotoTable"),
    ],
)
def test_other_things_are_one_line(
    index: Index, model: TinyModel, tmp_path: Path, given: Any, table: Any, reason: str
) -> None:
    for call in (
        lambda: index.add(given, table, model),
        lambda: Index.build(given, model, tmp_path / "new.index", table, extract=PRECISION),
    ):
        with pytest.raises(BeenhereError, match=reason) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert len(index) == 6 and not (tmp_path / "new.index").exists()


def test_a_foreign_model_leaves_nothing_behind(
    index: Index, photos: Path, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    for foreign in (torch.nn.Linear(3, 3), object(), 7):
        with pytest.raises(ModelError, match=r"bare network|expected the path"):
            Index.build(photos, foreign, tmp_path / "new.index")  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=r"bare network|expected the path"):
            index.add(frames, {"path": NAMES}, foreign)  # type: ignore[arg-type]
    assert not (tmp_path / "new.index").exists()


def test_what_is_no_photo_to_ask_for(index: Index) -> None:
    for call in (index.describe, index.locate_many):
        with pytest.raises(DataError, match="given as one int"):
            call(7)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="given as the text"):
        index.locate_many("a.jpg")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected numbers"):
        index.search([["a"]], 1)  # type: ignore[arg-type]


def test_a_table_beside_a_table(index: Index, model: TinyModel) -> None:
    table = PhotoTable.from_columns({"path": ["a.jpg"]})
    with pytest.raises(DataError, match="leave one out"):
        index.add(table, table, model)
