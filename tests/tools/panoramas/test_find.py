"""What XMP says of a panorama, as several programs write it, and as nobody should."""

from pathlib import Path

import pytest
from camera import street
from panorama import gpano, write_panorama
from PIL import Image, PngImagePlugin

from beenhere.errors import DataError
from beenhere.photos.photo_file import opened, read_header
from beenhere.tools.panoramas.cut import WHOLE_SPHERE, Cover, Sphere
from beenhere.tools.panoramas.find import read_sphere

WIDE = street(32, 64)
PART = street(30, 50)
CROPPED = {
    "ProjectionType": "equirectangular",
    "FullPanoWidthPixels": 200,
    "FullPanoHeightPixels": 100,
    "CroppedAreaImageWidthPixels": 50,
    "CroppedAreaImageHeightPixels": 30,
    "CroppedAreaLeftPixels": 75,
    "CroppedAreaTopPixels": 35,
}


def sphere(path: Path) -> Sphere:
    with opened(path) as file:
        return read_sphere(read_header(file, path))


def test_twice_as_wide_as_high_is_a_panorama(tmp_path: Path) -> None:
    assert sphere(write_panorama(tmp_path / "a.jpg", WIDE)) == Sphere(WHOLE_SPHERE)
    assert sphere(write_panorama(tmp_path / "b.png", WIDE)) == Sphere(WHOLE_SPHERE)


@pytest.mark.parametrize("size", [(30, 40), (30, 63), (64, 32), (20, 120)])
def test_another_aspect_is_a_photo(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_panorama(tmp_path / "a.jpg", street(*size))
    with pytest.raises(DataError, match=rf"^{size[1]} x {size[0]} pixels, no XMP"):
        sphere(path)


@pytest.mark.parametrize("elements", [False, True])
def test_tags_as_attributes_and_as_elements(tmp_path: Path, elements: bool) -> None:
    xmp = gpano(
        elements,
        **CROPPED,
        PoseHeadingDegrees="350.5",
        PosePitchDegrees="-3",
        PoseRollDegrees="1.25",
    )
    found = sphere(write_panorama(tmp_path / "a.jpg", PART, xmp))
    assert found == Sphere(Cover(0.375, 0.35, 0.25, 0.3), 350.5, -3.0, 1.25)


def test_a_panorama_that_was_scaled_keeps_its_tags(tmp_path: Path) -> None:
    small = street(15, 25)
    assert sphere(write_panorama(tmp_path / "a.jpg", small, gpano(**CROPPED))).cover == Cover(
        0.375, 0.35, 0.25, 0.3
    )


@pytest.mark.parametrize(("said", "heading"), [("360", 0.0), ("-90", 270.0), ("nan", None)])
def test_headings_are_brought_into_range(tmp_path: Path, said: str, heading: float | None) -> None:
    path = write_panorama(tmp_path / "a.jpg", WIDE, gpano(PoseHeadingDegrees=said))
    assert sphere(path).heading == heading


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ProjectionType": "cylindrical"}, "its XMP says cylindrical"),
        ({"FullPanoWidthPixels": ""}, "lacks FullPanoWidthPixels"),
        ({"CroppedAreaImageHeightPixels": 60}, "show an area of 50 x 60"),
        ({"CroppedAreaTopPixels": 90}, "it does not fit"),
        ({"CroppedAreaTopPixels": -9}, "it does not fit"),
        ({"FullPanoWidthPixels": 40}, "it does not fit"),
    ],
)
def test_tags_that_cannot_be_are_refused(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    path = write_panorama(tmp_path / "a.jpg", PART, gpano(**(CROPPED | changed)))
    with pytest.raises(DataError, match=message):
        sphere(path)


def test_xmp_of_other_formats(tmp_path: Path) -> None:
    picture = Image.fromarray(PART)
    picture.save(tmp_path / "a.webp", xmp=gpano(**CROPPED))
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", gpano(**CROPPED).decode())
    picture.save(tmp_path / "a.png", pnginfo=info)
    picture.save(tmp_path / "a.tif", tiffinfo={700: gpano(**CROPPED)})
    for name in ("a.webp", "a.png", "a.tif"):
        assert sphere(tmp_path / name).cover == Cover(0.375, 0.35, 0.25, 0.3), name


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;">]><x>&c;</x>'
)


@pytest.mark.parametrize("xmp", [BOMB, b"<x:xmpmeta", b"\0\xff", b"no xml", b"<a/><b/>"])
def test_broken_and_hostile_xmp_is_no_xmp(tmp_path: Path, xmp: bytes) -> None:
    assert sphere(write_panorama(tmp_path / "a.jpg", WIDE, xmp)) == Sphere(WHOLE_SPHERE)
    with pytest.raises(DataError, match="no XMP tags"):
        sphere(write_panorama(tmp_path / "b.jpg", PART, xmp))


def test_other_xmp_says_nothing(tmp_path: Path) -> None:
    xmp = gpano(Lens="wide").replace(b"photos/1.0/panorama", b"photos/1.0/camera")
    assert sphere(write_panorama(tmp_path / "a.jpg", WIDE, xmp)) == Sphere(WHOLE_SPHERE)
