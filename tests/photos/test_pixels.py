"""Photos as they are found: good ones to the last pixel, broken ones refused by a PhotoError."""

import io
import os
import pickle
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
import torch
from camera import SHORT, jpeg, street, tiff
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from beenhere.errors import DataError, PhotoError
from beenhere.photos import photo_file, pixels
from beenhere.photos.jxl_size import jxl_size
from beenhere.photos.photo_file import photo_size
from beenhere.photos.pixels import load_photo

INTERPOLATIONS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def by_pillow(
    path: Path, size: tuple[int, int] | None = None, interpolation: str = "bilinear"
) -> torch.Tensor:
    """The oracle: decode in full, turn, resize."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if size is not None:
        upright = upright.resize((size[1], size[0]), INTERPOLATIONS[interpolation])
    return torch.from_numpy(np.array(upright)).permute(2, 0, 1)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean absolute difference, of 255."""
    assert a.shape == b.shape
    return float((a.float() - b.float()).abs().mean())


def photo(path: Path, height: int, width: int, orientation: int = 1, seed: int = 0) -> Path:
    exif = tiff({0x0112: (SHORT, [orientation])})
    path.write_bytes(jpeg(street(height, width, seed), exif))
    return path


# --- pixels ---------------------------------------------------------------------------------------


def test_a_photo_as_it_is(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 30, 50)
    image = load_photo(path)
    assert image.dtype == torch.uint8 and image.shape == (3, 30, 50) and image.is_contiguous()
    assert difference(image, by_pillow(path)) == 0


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(64, 64), (50, 90), (150, 200), (300, 400), (700, 900)])
def test_resizing_is_pillows_within_the_bound(
    tmp_path: Path, size: tuple[int, int], interpolation: str
) -> None:
    path = photo(tmp_path / "a.jpg", 600, 800)
    image = load_photo(path, lambda height, width: size, interpolation)
    scaled = size[0] * 4 <= 600 and size[1] * 4 <= 800  # decoded at half its size or less
    bound = 1.0 if scaled or size == (150, 200) else 0.2
    assert difference(image, by_pillow(path, size, interpolation)) < bound


def test_real_photos_are_within_the_bound(real_photos: Path) -> None:
    for name in ("berlin/01.jpg", "lund/01.jpg", "street/database/db1.jpg"):
        for size in ((120, 160), (224, 224), (320, 320), (480, 640)):
            image = load_photo(real_photos / name, lambda h, w, size=size: size)
            assert difference(image, by_pillow(real_photos / name, size)) < 0.75


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(tmp_path: Path, orientation: int) -> None:
    path = photo(tmp_path / "a.jpg", 160, 240, orientation)
    expected = by_pillow(path)
    assert photo_size(path) == tuple(expected.shape[1:])
    assert difference(load_photo(path), expected) == 0
    seen = []

    def target(height: int, width: int) -> tuple[int, int]:
        seen.append((height, width))
        return height // 8, width // 6

    image = load_photo(path, target)
    assert seen == [tuple(expected.shape[1:])]
    size = expected.shape[1] // 8, expected.shape[2] // 6
    assert difference(image, by_pillow(path, size)) < 1.0


@pytest.mark.parametrize("kind", ["png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_orientation_of_other_formats(tmp_path: Path, kind: str, orientation: int) -> None:
    if kind == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    Image.fromarray(street(20, 36)).save(path, exif=tags)
    expected = by_pillow(path)
    assert photo_size(path) == tuple(expected.shape[1:])
    assert difference(load_photo(path), expected) == 0


GREY = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "tif", "bmp", "webp"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, kind: str) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    image = load_photo(saved(tmp_path / f"a.{kind}", Image.fromarray(GREY), **options))
    assert torch.equal(image[0], image[1]) and torch.equal(image[1], image[2])
    assert difference(image[:1], torch.from_numpy(GREY)[None]) < 1.0


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_16_bit_grey_is_scaled_and_not_cut(tmp_path: Path, kind: str) -> None:
    deep = np.tile(np.linspace(0, 65535, 40).astype(np.uint16), (30, 1))
    image = load_photo(saved(tmp_path / f"a.{kind}", Image.fromarray(deep)))
    expected = torch.from_numpy(np.rint(deep / 257.0).astype(np.uint8))
    assert torch.equal(image[0], expected) and image.max() == 255 and image.min() == 0


def test_big_endian_16_bit_tiff(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 65535], [514, 32896, 1]], np.uint16)
    tags = {
        256: (SHORT, [3]), 257: (SHORT, [2]), 258: (SHORT, [16]), 259: (SHORT, [1]),
        262: (SHORT, [1]), 273: (4, [200]), 277: (SHORT, [1]), 278: (SHORT, [2]), 279: (4, [12]),
    }  # fmt: skip
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(tags).ljust(200, b"\0") + deep.astype(">u2").tobytes())
    assert load_photo(path)[0].tolist() == [[0, 1, 255], [2, 128, 0]]


def png(depth: int, colour: int, width: int, height: int, rows: bytes, more: bytes = b"") -> bytes:
    """A PNG from raw rows (ISO 15948); ``rows`` without filter bytes."""
    step = len(rows) // height
    raw = b"".join(b"\0" + rows[y * step : (y + 1) * step] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), more, chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_16_bit_colour_png(tmp_path: Path) -> None:
    deep = np.array([[[0, 65535, 32896], [257, 514, 65535]]], ">u2")
    path = tmp_path / "a.png"
    path.write_bytes(png(16, 2, 2, 1, deep.tobytes()))
    assert load_photo(path).permute(1, 2, 0).tolist() == [[[0, 255, 128], [1, 2, 255]]]


def test_float_and_32_bit_grey_are_stretched(tmp_path: Path) -> None:
    for values in (np.array([[-1.0, 0, 1]], np.float32), np.array([[7, 8, 9]], np.int32)):
        image = load_photo(saved(tmp_path / "a.tif", Image.fromarray(values)))
        assert image[0].tolist() == [[0, 128, 255]]
    for values in (np.full((2, 2), np.nan, np.float32), np.full((2, 2), 5, np.int32)):
        assert load_photo(saved(tmp_path / "a.tif", Image.fromarray(values))).max() == 0


def test_a_large_deep_picture_is_scaled_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for values in (
        rng.normal(0, 9, (50, 30)).astype(np.float32),
        rng.integers(-9, 9, (50, 30), np.int32),
    ):
        file = saved(tmp_path / "a.tif", Image.fromarray(values))
        whole = load_photo(file)
        monkeypatch.setattr(pixels, "_ROWS_AT_ONCE", 7 * 30)
        assert torch.equal(load_photo(file), whole)
        naive = values.astype(np.float64)
        naive = (naive - naive.min()) * 255 / (naive.max() - naive.min())
        assert np.abs(whole[0].numpy() - naive).max() <= 0.5 + 1e-9
        monkeypatch.undo()


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path: Path) -> None:
    """Each scan costs a pass over the picture; a file of 60 kB would take minutes."""
    path = tmp_path / "a.jpg"
    whole = saved(path, Image.fromarray(street(90, 120)), progressive=True).read_bytes()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    path.write_bytes(whole[:-2] + 3000 * last + whole[-2:])
    with pytest.raises(PhotoError, match=r"JPEG of 3,0\d\d scans; expected 100"):
        load_photo(path)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_of_a_phone_is_upright(tmp_path: Path, orientation: int) -> None:
    """Phones turn the picture by a property of the file, and write EXIF as if nobody had."""
    pytest.importorskip("pillow_heif").register_heif_opener()
    picture = Image.fromarray(street(96, 128))
    picture.getexif()[0x0112] = orientation
    picture.save(tmp_path / "a.heic", quality=95)
    upright = np.asarray(ImageOps.exif_transpose(picture))
    assert photo_size(tmp_path / "a.heic") == upright.shape[:2]
    image = load_photo(tmp_path / "a.heic").permute(1, 2, 0).numpy()
    assert np.abs(image.astype(int) - upright).mean() < 6
    with pytest.raises(PhotoError, match=r"HEIC|cannot be decoded|cut off"):
        load_photo((tmp_path / "a.heic").read_bytes()[:900])


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    colour = np.zeros((1, 3, 4), np.uint8)
    colour[0, :, 0], colour[0, :, 3] = 200, (0, 255, 128)
    image = load_photo(saved(tmp_path / "a.png", Image.fromarray(colour)))
    assert image[:, 0, 0].tolist() == [255, 255, 255]
    assert image[:, 0, 1].tolist() == [200, 0, 0]
    assert image[:, 0, 2].tolist() == pytest.approx([227, 127, 127], abs=1)
    grey = Image.fromarray(np.array([[[0, 0], [0, 255]]], np.uint8))
    assert load_photo(saved(tmp_path / "la.png", grey))[0].tolist() == [[255, 0]]


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    for name, options, first in (
        ("plain.png", {}, [10, 20, 30]),
        ("clear.png", {"transparency": 0}, [255, 255, 255]),
        ("clear.gif", {"transparency": 0}, [255, 255, 255]),
    ):
        loaded = load_photo(saved(tmp_path / name, image, **options))
        assert loaded[:, 0, 0].tolist() == first and loaded[:, 0, 1].tolist() == [40, 50, 60]


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "lime")]
    path = tmp_path / f"a.{kind}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    assert load_photo(path)[:, 3, 4].tolist() == pytest.approx([255, 0, 0], abs=3)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "1", "RGBX"])
def test_other_colour_models(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(street(20, 30))
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.tif")
    picture.convert(mode).save(path)
    assert difference(load_photo(path), by_pillow(path)) == 0


def test_cmyk_is_resized_and_turned_too(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.fromarray(street(80, 120)).convert("CMYK").save(path, quality=95, exif=tags)
    assert difference(load_photo(path, lambda h, w: (30, 20)), by_pillow(path, (30, 20))) < 0.5


# --- used all the same ----------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
def test_a_missing_end_mark_alone_is_forgiven(tmp_path: Path, progressive: bool) -> None:
    whole = saved(tmp_path / "a.jpg", Image.fromarray(street(90, 120)), progressive=progressive)
    path = tmp_path / "b.jpg"
    path.write_bytes(whole.read_bytes()[:-2])
    assert torch.equal(load_photo(path), load_photo(whole))


def test_bytes_after_the_picture_are_none_of_ours(tmp_path: Path) -> None:
    whole = photo(tmp_path / "a.jpg", 90, 120)
    path = tmp_path / "b.jpg"
    path.write_bytes(whole.read_bytes() + b"motion photo" * 100)
    assert torch.equal(load_photo(path), load_photo(whole))


def test_stray_bytes_between_markers_are_passed_over(tmp_path: Path) -> None:
    whole = photo(tmp_path / "a.jpg", 90, 120)
    data = whole.read_bytes()
    path = tmp_path / "b.jpg"
    at = data.index(b"\xff\xdb")
    path.write_bytes(data[:at] + b"stray" + data[at:])
    assert photo_size(path) == (90, 120)
    assert torch.equal(load_photo(path), load_photo(whole))


def test_the_name_does_not_choose_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(street(20, 30)).save(path, "PNG")
    assert photo_size(path) == (20, 30)
    assert load_photo(path).shape == (3, 20, 30)


MEASURE = """
import resource, sys, torch
from beenhere.photos.pixels import load_photo
from beenhere.photos.photo_file import photo_size
torch.set_num_threads(1)
load_photo(sys.argv[1], lambda h, w: (240, 240))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(photo_size(sys.argv[2]))
print(tuple(load_photo(sys.argv[2], lambda h, w: (240, 240)).shape))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_photo_of_100_megapixels_takes_little_memory(tmp_path: Path) -> None:
    huge = np.zeros((10_000, 10_200, 1), np.uint8)
    huge[::500] = 255
    path = tmp_path / "huge.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(huge, colorspace="GRAY", colorsubsampling="Gray"))
    small = photo(tmp_path / "small.jpg", 500, 500)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(path)], capture_output=True, text=True
    )
    assert done.stderr == ""
    size, shape, mebibytes = done.stdout.splitlines()
    assert (size, shape) == ("(10000, 10200)", "(3, 240, 240)")
    assert int(mebibytes) < 100  # decoded in full it would be 300


# --- refused --------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    """The reason, the same short line for whoever asks."""
    with pytest.raises(PhotoError) as error:
        load_photo(path, lambda height, width: (16, 16))
    assert error.value.path == str(path)
    assert error.value.reason and "\n" not in error.value.reason and len(error.value.reason) < 160
    return error.value.reason


def header_only(path: Path) -> str:
    with pytest.raises(PhotoError) as error:
        photo_size(path)
    return error.value.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (bytes(5000), "only zero bytes"),
        (b"This is a text.\n" * 20, "a text file"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "a text file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "video"),
        (b"\xff\xd8\xff", "damaged JPEG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "damaged JPEG"),
        (b"\xff\xd8\xff\xe1\0\0" + bytes(100), "damaged JPEG"),
        (b"\xff\xd8\xff" + bytes(200_000), "damaged JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), ""),
        (b"GIF89a", ""),
        (b"BM" + bytes(60), ""),
        (b"II*\0\x08\0\0\0", ""),
        (b"RIFF\x10\0\0\0WEBPVP8 ", ""),
    ],
)
def test_what_is_no_photo_is_refused_by_its_header(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert reason in refused(path) and reason in header_only(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nothing")
    assert refused(tmp_path / "pipe.jpg") == "not a regular file"
    assert refused(tmp_path / "folder.jpg") == "not a regular file"
    assert refused(tmp_path / "link.jpg") == "no such file"
    assert header_only(tmp_path / "missing.jpg") == "no such file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 8, 8)
    path.chmod(0)
    assert refused(path) == "permission denied"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.98, 0.7, 0.3, 0.1])
def test_a_cut_off_jpeg_is_never_half_grey(tmp_path: Path, share: float, progressive: bool) -> None:
    whole = saved(tmp_path / "a.jpg", Image.fromarray(street(200, 300)), progressive=progressive)
    data = whole.read_bytes()
    path = tmp_path / "b.jpg"
    path.write_bytes(data[: int(len(data) * share)])
    reason = refused(path)
    assert "cut off" in reason or "damaged" in reason


@pytest.mark.parametrize("kind", ["png", "webp", "tif", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.8, 0.4])
def test_other_cut_off_files_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    whole = saved(tmp_path / f"a.{kind}", Image.fromarray(street(100, 150)))
    data = whole.read_bytes()
    path = tmp_path / f"b.{kind}"
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


def bomb_png() -> bytes:
    return png(8, 2, 60_000, 60_000, bytes(60_000))


def bomb_jpeg() -> bytes:
    data = bytearray(jpeg(street(16, 16)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def bomb_bmp() -> bytes:
    file = io.BytesIO()
    Image.fromarray(street(16, 16)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    return bytes(data)


def bomb_gif() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0) + bomb_frame()


def bomb_frame() -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, 65_000, 65_000, 0) + b"\x08\x01\0\0;"


@pytest.mark.parametrize("bomb", [bomb_png, bomb_jpeg, bomb_bmp, bomb_gif])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, bomb: Any) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(bomb())
    assert "megapixels" in refused(path) and "megapixels" in header_only(path)


def test_a_png_between_our_bound_and_pillows_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png(8, 0, 12_000, 11_000, bytes(11_000)))  # 132 megapixels
    assert "declares 12000 x 11000 pixels" in refused(path)


def test_a_text_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    text = b"note\0\0" + zlib.compress(bytes(100_000_000), 9)
    path = tmp_path / "photo.png"
    path.write_bytes(png(8, 0, 2, 2, bytes(4), chunk(b"zTXt", text)))
    refused(path)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 8, 8)
    os.truncate(path, 3 << 30)  # a hole, no disk space
    assert "3072 MiB" in refused(path)


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_a_picture_without_pixels_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    data = bytearray(jpeg(street(16, 16)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", *size)
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(data))
    refused(path)
    header_only(path)


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(street(24, 32)).save(file, kind)
    return file.getvalue()


WHOLE = {kind: encoded(kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")}


@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_is_a_photo_or_a_photo_error(tmp_path: Path, kind: str, data: Any) -> None:
    damaged = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(
            st.integers(0, min(len(damaged), 400) - 1) | st.integers(0, len(damaged) - 1)
        )
        damaged[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(damaged))
    try:
        image = load_photo(path, lambda height, width: (12, 10))
    except PhotoError:
        return
    assert image.dtype == torch.uint8 and image.shape == (3, 12, 10)


@given(cut=st.integers(1, len(WHOLE["JPEG"]) - 3))
@example(cut=len(WHOLE["JPEG"]) - 3)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_jpeg_cut_anywhere_is_refused_or_whole(tmp_path: Path, cut: int) -> None:
    path, whole = tmp_path / "cut.jpg", tmp_path / "whole.jpg"
    path.write_bytes(WHOLE["JPEG"][:cut])
    whole.write_bytes(WHOLE["JPEG"])
    try:
        image = load_photo(path)
    except PhotoError:
        return
    assert torch.equal(image, load_photo(whole))


@given(content=st.binary(max_size=300))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_a_photo_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"MM\0*"):
        path.write_bytes(start + content)
        with pytest.raises(PhotoError):
            load_photo(path)


# --- the rest -------------------------------------------------------------------------------------


def test_an_error_of_the_target_is_not_the_photos(tmp_path: Path) -> None:
    def target(height: int, width: int) -> tuple[int, int]:
        raise DataError("the model takes no such size")

    with pytest.raises(DataError, match="no such size"):
        load_photo(photo(tmp_path / "a.jpg", 8, 8), target)


def test_a_photo_error_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(PhotoError("a.jpg", "empty file")))
    assert (error.path, error.reason, str(error)) == ("a.jpg", "empty file", "a.jpg: empty file")


def test_broken_files_make_no_noise(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The libraries below write to standard error by themselves."""
    for name, content in (
        ("cut.jpg", jpeg(street(90, 120))[:3000]),
        ("cut.tif", WHOLE["TIFF"][:200]),
        ("cut.png", WHOLE["PNG"][:200]),
        ("cut.webp", WHOLE["WEBP"][:200]),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_square_photo_is_turned_to_a_target_that_is_not_square(
    orientation: int, tmp_path: Path
) -> None:
    path = tmp_path / "square.jpg"
    image = Image.new("RGB", (100, 100))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    assert load_photo(path, lambda height, width: (48, 64), "bilinear").shape == (3, 48, 64)


def jxl(width: int, height: int, ratio: int = 0) -> bytes:
    """The start of a JPEG XL file: its size, in 30 bits a side, and nothing more."""
    bits, at = 0, 0
    sides = [(height, 30)] if ratio else [(height, 30), (width, 30)]
    for number, (side, count) in enumerate(sides):
        fields = [(3, 2), (side - 1, count)]
        for value, length in [(0, 1), *fields, (ratio, 3)] if number == 0 else fields:
            bits |= value << at
            at += length
    return b"\xff\x0a" + bits.to_bytes(12, "little")


@pytest.mark.parametrize("boxes", [False, True])
def test_a_jpeg_xl_that_declares_too_much_is_not_opened(boxes: bool, tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    head = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "
    code = jxl(30_000, 40_000)
    data = head + (len(code) + 8).to_bytes(4) + b"jxlc" + code if boxes else code
    path = tmp_path / "a.jxl"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match="declares 30000 x 40000 pixels; expected at most 128"):
        load_photo(path)
    path.write_bytes(jxl(0, 20_000, ratio=7))
    with pytest.raises(PhotoError, match="declares 40000 x 20000 pixels"):
        photo_size(path)
    if boxes:
        path.write_bytes(head + b"\0\0\0\0junk")
        with pytest.raises(PhotoError, match="JPEG XL without a picture"):
            photo_size(path)


@pytest.mark.parametrize("size", [(8, 8), (256, 64), (123, 457), (640, 480), (300, 200), (9, 8)])
def test_the_size_of_a_jpeg_xl_is_that_of_its_decoder(size: tuple[int, int]) -> None:
    pytest.importorskip("pillow_jxl")
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "JXL")
    assert jxl_size(file) == size
    assert jxl_size(io.BytesIO(b"\x89PNG")) is None


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_the_size_of_heic_and_avif_is_looked_at_first(kind: str, tmp_path: Path) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    photo_file._learn_formats()
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, kind)
    data = file.getvalue()
    path = tmp_path / "a.heic"
    for side in (12_000, 60_000, 2**31):
        path.write_bytes(re.sub(rb"(?s)(ispe....)........", rb"\1" + 2 * side.to_bytes(4), data))
        with pytest.raises(PhotoError, match=r"declares|cannot be"):
            load_photo(path)
