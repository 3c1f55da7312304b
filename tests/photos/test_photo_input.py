"""A photo is taken however it comes; what is none is refused in one line."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from camera import SHORT, jpeg, street, tiff
from PIL import Image

from beenhere.errors import DataError, PhotoError
from beenhere.photos.photo_file import photo_size
from beenhere.photos.photo_input import photo_input, photo_inputs
from beenhere.photos.pixels import load_photo


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


def test_frames_of_a_camera_in_a_list_or_one_array() -> None:
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    for given in (frames, list(frames), iter(frames), tuple(frames)):
        found = photo_inputs(given)
        assert len(found) == 2
        assert all((one == frame).all() for one, frame in zip(found, frames, strict=True))
    assert photo_inputs([]) == [] and photo_inputs(["a.jpg", Path("b.jpg")]) == [
        "a.jpg",
        Path("b.jpg"),
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "given as one NoneType; expected a list of photos"),
        (7, "given as one int"),
        ("a.jpg", "given as the text 'a.jpg'"),
        (b"xyz", "given as one bytes"),
        (io.BytesIO(b"xyz"), "given as one BytesIO"),
        (Image.new("L", (2, 2)), "given as one Image"),
        (np.zeros((4, 6, 3), np.uint8), r"given as one array of shape \(4, 6, 3\)"),
    ],
)
def test_what_is_no_list_of_photos_is_one_line(given: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        photo_inputs(given)
    assert "\n" not in str(caught.value)
