"""Small pictures: each once, of any photo that can be read."""

import base64
import io
import shutil
from pathlib import Path

from PIL import Image
from tiny import write_photo

from beenhere.report.thumbnails import THUMBNAIL, Thumbnails


def test_they_fit_the_box_and_keep_their_shape(tmp_path: Path) -> None:
    pictures = Thumbnails()
    for number, (height, width) in enumerate([(300, 1200), (1200, 300), (9, 16)]):
        one = pictures.of_photo(write_photo(tmp_path / f"{number}.jpg", number, height, width))
        assert one is not None
        with Image.open(io.BytesIO(base64.b64decode(one.data.partition(",")[2]))) as image:
            assert image.size == (one.width, one.height) and image.format == "JPEG"
        assert one.width == THUMBNAIL[0] or one.height == THUMBNAIL[1]
        assert abs(one.width / one.height - width / height) < 0.05 * width / height


def test_a_photo_is_kept_once_whatever_its_name(tmp_path: Path) -> None:
    pictures = Thumbnails()
    path = write_photo(tmp_path / "one.jpg", 1)
    copy = shutil.copy(path, tmp_path / "two.jpg")
    first, again, same = (pictures.of_photo(str(p)) for p in (path, path, copy))
    other = pictures.of_photo(write_photo(tmp_path / "other.jpg", 2))
    assert first == again == same != other
    assert [one.key for one in pictures.all] == ["photo-1", "photo-2"]


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    pictures = Thumbnails()
    (tmp_path / "text.jpg").write_text("no photo")
    assert pictures.of_photo(str(tmp_path / "text.jpg")) is None
    assert pictures.of_photo(str(tmp_path / "gone.jpg")) is None
    assert pictures.all == []


def test_a_picture_in_memory_of_any_mode() -> None:
    pictures = Thumbnails()
    one = pictures.of_picture(Image.new("RGBA", (640, 480), "red"))
    assert (one.width, one.height) == (THUMBNAIL[0], 126)
    assert pictures.of_picture(Image.new("RGB", (640, 480), "red")) == one
