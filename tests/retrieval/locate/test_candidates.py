"""A photo is taken however it comes; conditions choose where an answer may lie, not its rivals."""

import io
from pathlib import Path
from typing import Any

import made_up_index
import numpy as np
import pytest
import torch
from camera import SHORT, jpeg, street, tiff
from numpy.typing import NDArray
from PIL import Image

from beenhere import geo
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import PhotoError
from beenhere.photos.photo_file import photo_size
from beenhere.photos.pixels import load_photo
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.answer import Candidates
from beenhere.retrieval.locate.candidates import find_candidates, photo_input
from beenhere.retrieval.locate.confidence import FEATURES
from beenhere.retrieval.search.filters import Filter

PHOTOS = 60


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Photos 10 m apart on one line, of random descriptors."""
    made_up_index.make(tmp_path / "x.index", vectors(PHOTOS))
    return Index.open(tmp_path / "x.index")


def vectors(count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    found = rng.normal(size=(count, 16)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def ask(index: Index, row: int, where: Filter | None, noise: float = 0.05) -> Candidates:
    query = vectors(PHOTOS)[row] + noise * np.random.default_rng(1).normal(size=16)
    query = (query / np.linalg.norm(query)).astype(np.float32)
    blank = photo_input(np.zeros((8, 8, 3), np.uint8))
    (found,) = find_candidates(index, [blank], query[None], where, None, LocateConfig(), 2)
    return found


def around(index: Index, row: int, metres: float) -> Filter:
    lat, lon = index.photos.frame.select("lat", "lon").row(row)
    return Filter(near=(lat, lon), radius=metres)


def features(found: Candidates) -> dict[str, float]:
    assert found.evidence is not None
    return dict(zip(FEATURES, found.evidence.tolist(), strict=True))


def test_a_filter_around_the_truth_changes_no_evidence(index: Index) -> None:
    free, near = ask(index, 30, None), ask(index, 30, around(index, 30, 25))
    assert free.places[0].matches[0] == near.places[0].matches[0]
    told, wanted = features(near), features(free)
    for name in ("similarity", "margin"):
        assert told[name] == pytest.approx(wanted[name], abs=1e-6)
    assert told["share"] == pytest.approx(wanted["share"], abs=0.02)
    assert {match.path for match in near.matches} <= {
        index.photos.paths[row] for row in range(28, 33)
    }


def test_what_a_filter_leaves_out_speaks_against_the_rest(index: Index) -> None:
    # The query is photo 10's; only the surroundings of photo 50 may answer.
    found = ask(index, 10, around(index, 50, 15))
    told = features(found)
    assert len(found.matches) == 3 and found.places[0].matches
    assert told["similarity"] < 0.9 and told["margin"] < -0.3
    assert told["share"] < 0.05


def test_photos_beside_the_answer_are_no_rivals(index: Index) -> None:
    # Photo 11 stands 10 m from 10, outside the circle: it says that the place is right.
    found = ask(index, 11, around(index, 10, 5))
    assert [match.path for match in found.matches] == [index.photos.paths[10]]
    told, free = features(found), features(ask(index, 11, None))
    assert told["share"] == pytest.approx(free["share"], abs=0.02)
    assert told["margin"] > features(ask(index, 11, around(index, 50, 5)))["margin"]


def test_nothing_meets_the_conditions(index: Index) -> None:
    lat, lon = index.photos.frame.select("lat", "lon").row(0)
    nowhere = geo.from_plane(geo.positions([lat], [lon]), [0.0], [-5000.0])
    found = ask(index, 0, Filter(near=(float(nowhere.lat[0]), float(nowhere.lon[0])), radius=10))
    assert found == Candidates((), ()) and found.evidence is None


# --- a photo, however it comes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A JPEG that lies on its side."""
    file = tmp_path / "a.jpg"
    file.write_bytes(jpeg(street(40, 60), tiff({0x0112: (SHORT, [6])})))
    return file


def target(height: int, width: int) -> tuple[int, int]:
    assert (height, width) == (60, 40)
    return 30, 20


def test_every_way_to_give_a_photo(path: Path) -> None:
    expected = load_photo(path, target)
    pixels = load_photo(path).permute(1, 2, 0).numpy()
    content = path.read_bytes()
    with path.open("rb") as file, Image.open(path) as image:
        ways: dict[str, Any] = {
            "text": str(path),
            "path": path,
            "bytes": content,
            "bytearray": bytearray(content),
            "memoryview": memoryview(content),
            "file": file,
            "stream": io.BytesIO(content),
            "image": image,
            "uint8": pixels,
            "float32": (pixels / 255).astype(np.float32),
            "float64": pixels / 255,
            "view": np.flip(np.flip(pixels, 1).copy(), 1),
            "read-only": np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape),
        }
        for way, given in ways.items():
            taken = photo_input(given)
            assert photo_size(taken.photo) == (60, 40), way
            difference = (load_photo(taken.photo, target).int() - expected.int()).abs()
            assert difference.max() <= 1, way  # a fraction of a grey level


def test_names() -> None:
    assert photo_input("x/y.jpg").name == "x/y.jpg"
    assert photo_input(b"x", "photo 3").name == "photo 3"
    named = io.BytesIO(b"x")
    named.name = "upload.jpg"
    assert photo_input(named).name == "upload.jpg"
    assert photo_input(Image.new("L", (2, 2))).name == "photo"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_images_of_every_mode_are_as_their_file(mode: str, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(colours[:, :, 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(colours).convert(mode)
    file = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png")
    image.save(file)
    from_file, from_image = load_photo(file), load_photo(photo_input(image).photo)
    assert from_image.shape == (3, 20, 30) and from_image.dtype == torch.uint8
    assert (from_file.int() - from_image.int()).abs().max() <= (2 if mode == "YCbCr" else 0)


def test_grey_arrays_become_three_channels() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = load_photo(photo_input(grey).photo)
    assert image.shape == (3, 3, 4) and all((image[c].numpy() == grey).all() for c in range(3))


def test_what_the_caller_changes_later_is_not_seen() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    taken = photo_input(pixels)
    pixels[:] = 255
    assert load_photo(taken.photo).max() == 0


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (7, "got int; expected a path"),
        (None, "got NoneType; expected a path"),
        (torch.zeros(3, 4, 4), "got Tensor; expected a path"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\); expected \(H, W\) or \(H, W, 3\)"),
        (np.zeros((3, 20, 30), np.uint8), r"shape \(3, 20, 30\); expected \(H, W\)"),
        (np.zeros(5, np.uint8), r"shape \(5,\); expected"),
        (np.zeros((0, 5), np.uint8), r"shape \(0, 5\); expected"),
        (np.zeros((4, 4), np.int64), "int64 .*; expected uint8"),
        (np.full((4, 4), 200.0), r"from 200 to 200; expected \[0, 1\]"),
        (np.full((4, 4), -0.1), "from -0.1 to -0.1; expected"),
        (np.full((4, 4), np.nan), "from nan to nan; expected"),
        (io.StringIO("text"), "a file of str; open it in mode 'rb'"),
    ],
)
def test_what_is_no_photo_is_one_line(given: Any, reason: str) -> None:
    with pytest.raises(PhotoError, match=reason) as caught:
        photo_input(given)
    assert "\n" not in str(caught.value)


def test_a_closed_file_and_bytes_that_hold_no_photo(path: Path) -> None:
    with path.open("rb") as file:
        pass
    with pytest.raises(PhotoError, match="cannot be read"):
        photo_input(file)
    for content, reason in ((b"", "empty file"), (b"hello", "a text file")):
        with pytest.raises(PhotoError, match=reason):
            load_photo(photo_input(content).photo)
    with pytest.raises(PhotoError, match="cut off"):
        load_photo(photo_input(path.read_bytes()[:-200]).photo)


def test_an_image_that_pillow_cannot_finish_is_refused(path: Path) -> None:
    image = Image.open(io.BytesIO(path.read_bytes()[:-200]))
    with pytest.raises(PhotoError, match="cut off"):
        load_photo(photo_input(image).photo)
