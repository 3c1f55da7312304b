"""What is written into a photo's EXIF is what is read back, here and by Pillow."""

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from beenhere.datasets.tracks.clocks import camera_time
from beenhere.exif import PhotoFacts, read_facts
from beenhere.exif_writing import jpeg_bytes

PIXELS = np.full((8, 12, 3), 90, np.uint8)


def again(**known: object) -> PhotoFacts:
    return read_facts(jpeg_bytes(PIXELS, PhotoFacts(width=12, height=8, **known), 90))  # type: ignore[arg-type]


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    altitude=st.floats(-400, 9000),
    heading=st.floats(0, 359.9999),
)
def test_numbers_come_back(lat: float, lon: float, altitude: float, heading: float) -> None:
    facts = again(lat=lat, lon=lon, altitude=altitude, heading=heading)
    if abs(lat) > 1e-9 or abs(lon) > 1e-9:  # 0, 0 is what receivers write without a fix
        assert facts.lat == pytest.approx(lat, abs=2e-10)
        assert facts.lon == pytest.approx(lon, abs=2e-10)
    assert facts.altitude == pytest.approx(altitude, abs=1e-3)
    assert facts.heading == pytest.approx(heading, abs=1e-4)


@pytest.mark.parametrize(
    ("captured", "read"),
    [
        ("2015", "2015"),
        ("2015-06", "2015-06"),
        ("2015-06-01", "2015-06-01"),
        ("2015-06-01T12:30:05", "2015-06-01T12:30:05"),
        ("2015-06-01T12:30:05.250+02:00", "2015-06-01T12:30:05"),
        (None, None),
        ("last summer", None),
    ],
)
def test_dates_come_back_as_far_as_they_are_known(captured: str | None, read: str | None) -> None:
    assert again(captured=captured).captured == read


@pytest.mark.parametrize(
    "captured", ["2015-06-01T12:30:05.250000+02:00", "2015-06-01T12:30:05.000004-03:30"]
)
def test_fractions_and_offsets_come_back(captured: str, tmp_path: Path) -> None:
    data = jpeg_bytes(PIXELS, PhotoFacts(width=12, height=8, captured=captured), 90)
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert camera_time(str(path)) == datetime.fromisoformat(captured)


def test_nothing_known_is_nothing_written() -> None:
    assert again() == PhotoFacts(width=12, height=8)


def test_any_reader_finds_the_picture() -> None:
    data = jpeg_bytes(PIXELS, PhotoFacts(width=12, height=8, lat=-33.9, lon=151.2), 90)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        gps = image.getexif().get_ifd(0x8825)
    assert image.size == (12, 8)
    assert (gps[1], gps[3]) == ("S", "E")
    assert [float(part) for part in gps[2]] == [33, 54, 0]
