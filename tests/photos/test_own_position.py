from pathlib import Path

import pytest
from PIL import Image
from tiny import at_name, write_photo

from beenhere.photos.own_position import OwnPosition, own_position


def test_what_a_photo_says_itself(tmp_path: Path) -> None:
    named = write_photo(tmp_path / at_name(551_000, 4_182_000), 1)
    own = own_position(named)
    assert own is not None and own.source == "its name"
    assert (own.lat, own.lon) == (pytest.approx(37.78, abs=0.01), pytest.approx(-122.42, abs=0.01))
    plain = write_photo(tmp_path / "plain.jpg", 1)
    assert own_position(plain) is None
    assert own_position(str(tmp_path / "none.jpg")) is None
    assert own_position(Image.new("RGB", (8, 8))) is None
    exif = Image.Exif()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (37.0, 30.0, 0.0), "W", (122.0, 15.0, 0.0)
    with Image.open(plain) as image:
        image.save(tmp_path / "exif.jpg", exif=exif)
    assert own_position((tmp_path / "exif.jpg").read_bytes()) == OwnPosition(37.5, -122.25, "EXIF")
