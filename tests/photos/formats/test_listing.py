"""What of a folder is taken for a photo, and what is said of the rest."""

import shutil
import unicodedata
from pathlib import Path

import pytest
from camera import dms, gps, street, write_photo
from PIL import Image, features

from beenhere.errors import DataError
from beenhere.photos.formats import listing, read_photos
from beenhere.photos.formats.listing import as_on_disk, is_photo, list_photos, suffix_of


def test_suffixes() -> None:
    for name, suffix in (
        ("a.JPG", ".jpg"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
        ("IMG_0001", ""),
        ("@550000.5@4180000.25@10@S@", ""),
        ("a.3gp", ".3gp"),
        ("a.2024", ""),
        (".hidden", ""),
        ("a.jpg_original", ".jpg_original"),
    ):
        assert suffix_of(name) == suffix, name


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        *((".insp", "JPEG"), (".mpo", "MPO"), (".jfif", "JPEG")),
        *((".jp2", "JPEG2000"), (".ppm", "PPM"), (".pgm", "PPM"), (".apng", "PNG")),
        *((".avif", "AVIF"), (".AVIF", "AVIF"), (".heic", "HEIF"), (".HIF", "HEIF")),
        (".jxl", "JXL"),
    ],
)
def test_formats_of_cameras_and_phones(tmp_path: Path, suffix: str, kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind == "JXL":
        pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + gps(dms(55.5), "N", dms(13.5), "E"))
    exif[0x0112] = 6
    picture = Image.fromarray(street(48, 64))
    tags = {"exif": exif.tobytes()} if kind in ("AVIF", "HEIF", "JPEG") else {}
    picture.save(tmp_path / f"a{suffix}", kind, **tags)
    table = read_photos(tmp_path)
    assert len(table) == 1 and not table.unusable and not table.notes
    assert read_photos(tmp_path / f"a{suffix}").paths == table.paths
    if tags:
        assert table.frame.select("lat", "lon").row(0) == pytest.approx((55.5, 13.5))


def test_a_format_that_this_installation_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "readable_suffixes", lambda: frozenset({".jpg"}))
    write_photo(tmp_path / "a.jpg")
    for name in ("b.heic", "c.avif", "d.jxl", "e.CR2"):
        (tmp_path / name).write_bytes(b"x")
    assert [reason.partition(":")[0] for _, reason in read_photos(tmp_path).unusable] == [
        "HEIC photo",
        "AVIF photo",
        "JPEG XL photo",
        "camera raw file",
    ]


def test_a_photo_without_a_suffix_is_one_by_its_first_bytes(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", position=(10, 20))
    for name in ("IMG_0001", "photo.2024"):
        shutil.copy(photo, tmp_path / name)
    (tmp_path / "notes").write_text("no photo")
    (tmp_path / "empty").touch()
    Image.fromarray(street(8, 8)).save(tmp_path / "scan", "TIFF")
    table = read_photos(tmp_path)
    assert [Path(path).name for path in table.paths] == ["IMG_0001", "a.jpg", "photo.2024", "scan"]
    note = "left out: 2 files that are not read as photos (without a suffix 2)"
    assert table.notes == [(str(tmp_path), note)]
    assert is_photo(str(tmp_path / "IMG_0001")) and not is_photo(str(tmp_path / "nowhere"))


def test_what_is_not_read_is_counted_by_its_suffix(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    for name in ("a.txt", "sub/b.TXT", "c.mov", "d.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    for name in ("a.xmp", "a.AAE", "Thumbs.db", "desktop.ini", ".hidden.txt", "places.yaml"):
        (tmp_path / name).write_text("nobody expects a photo")
    note = "left out: 4 files that are not read as photos (.txt 2, .mov 1, .pdf 1)"
    assert [said for _, said in read_photos(tmp_path).notes] == [note]
    for number in range(9):
        (tmp_path / f"x.{'abcdefghi'[number] * 3}").write_text("x")
    assert list_photos(tmp_path).notes()[0][1].endswith(", ...)")


def test_a_folder_of_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_text("no photo")
    with pytest.raises(DataError, match=r"none of 5 photos can be used: .*0\.jpg \(not a photo"):
        read_photos(tmp_path)
    (tmp_path / "t.csv").write_text("path,lat,lon\ngone.jpg,1,2\n")
    with pytest.raises(DataError, match=r"none of 1 photo can be used: .*gone.jpg \(no such file"):
        read_photos(tmp_path / "t.csv")


def test_names_as_the_disk_spells_them(tmp_path: Path) -> None:
    stored, written = (unicodedata.normalize(form, "\u00e9/\u00fc.jpg") for form in ("NFD", "NFC"))
    write_photo(tmp_path / stored)
    write_photo(tmp_path / "plain.jpg")
    names = [written, stored, "plain.jpg", "gone.jpg", "\u00e9/gone.jpg", "zero\0byte.jpg"]
    found = as_on_disk([str(tmp_path / name) for name in names])
    there = str(tmp_path / stored)
    assert found == [there, there, str(tmp_path / "plain.jpg"), None, None, None]
