"""Positions in photos: nothing else of a file changes, and each comes back byte for byte."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tiny import write_photo

from beenhere.errors import DataError
from beenhere.photos.exif import read_facts
from beenhere.photos.own_position import own_position
from beenhere.tools.tag import UNDO_FILE, read_answers, undo, write_positions
from beenhere.tools.tag.exif_gps import Fix, gps_splice, with_gps

LAT, LON = 55.69830555, -13.19508333
FIX = Fix(LAT, LON, 12.34, "known", 0.97, "beenhere 1")


def answer(query: Path | str, status: str = "known", **more: Any) -> dict[str, Any]:
    at = {"lat": LAT, "lon": LON}
    nowhere = {"lat": None, "lon": None}
    known = at if status == "known" else nowhere
    found = {"query": str(query), "status": status, "radius_m": 12.34, "probability": 0.97}
    return {**found, **known, "place": at, **more}


def write(*answers: dict[str, Any], **options: bool) -> Any:
    return write_positions(answers, **{"exif": True, "xmp": False, **options})


def tiff(order: str, gps: bool) -> bytes:
    """A block with a maker note that holds an offset into it, a thumbnail, and GPS without place.

    Laid out by hand, from its start: the main directory, the camera's, the maker note, the
    thumbnail's, the thumbnail, and the receiver's.
    """

    def directory(entries: list[tuple[int, int, int, bytes]], following: int = 0) -> bytes:
        rows = [
            struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0")
            for tag, kind, count, value in entries
        ]
        return struct.pack(f"{order}H", len(rows)) + b"".join(rows) + long(following)

    def long(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    thumbnail = b"\xff\xd8thumbnail\xff\xd9"
    count = 4 if gps else 3
    at_camera = 8 + 2 + 12 * count + 4
    at_note = at_camera + 2 + 12 * 1 + 4
    note = b"MAKER\0" + long(at_note) + b"secret"  # an offset from the start, as many makers have
    at_small = at_note + len(note)
    at_picture = at_small + 2 + 12 * 2 + 4
    at_gps = at_picture + len(thumbnail)
    main = [
        (0x010F, 2, 4, b"Cam\0"),
        (0x0112, 3, 1, struct.pack(f"{order}H", 6)),
        (0x8769, 4, 1, long(at_camera)),
    ]
    if gps:
        main.append((0x8825, 4, 1, long(at_gps)))
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + long(8) + directory(main, at_small)
    block += directory([(0x927C, 7, len(note), long(at_note))]) + note
    block += directory([(0x0201, 4, 1, long(at_picture)), (0x0202, 4, 1, long(len(thumbnail)))])
    block += thumbnail
    if gps:
        heading = long(7700) + long(100)
        entries = [(9, 2, 2, b"V\0"), (16, 2, 2, b"T\0"), (17, 5, 1, long(at_gps + 2 + 36 + 4))]
        block += directory(entries) + heading
    return block


def jpeg(folder: Path, name: str, block: bytes | None, tail: bytes = b"") -> Path:
    """A photo with JFIF, EXIF if there is any, an ICC profile, and something behind its end."""
    path = Path(write_photo(folder / name, 1, 40, 56))
    with Image.open(path) as image:
        image.save(path, icc_profile=b"a profile", quality=80)
    content = path.read_bytes()
    if block is not None:
        segment = b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
        end = 4 + int.from_bytes(content[4:6])
        content = content[:end] + segment + content[end:]
    path.write_bytes(content + tail)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("gps", [True, False], ids=["gps", "no gps"])
def test_no_byte_of_exif_is_moved(order: str, gps: bool) -> None:
    block = tiff(order, gps)
    new = with_gps(block, FIX)
    changed = [place for place in range(len(block)) if new[place] != block[place]]
    # The offset to the receiver's directory in the main one, or that to the main directory.
    at = struct.unpack(f"{order}I", block[4:8])[0] + 2 + 12 * 3 + 8 if gps else 4
    assert set(changed) <= set(range(at, at + 4)) and changed


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("gps", [True, False], ids=["gps", "no gps"])
def test_the_own_reader_finds_it_and_everything_else(order: str, gps: bool, tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", tiff(order, gps), b"a film behind the picture")
    before = photo.read_bytes()
    done = write(answer(photo))
    assert done.files == [photo] and not done.failed
    facts, after = read_facts(str(photo)), photo.read_bytes()
    assert facts.answer == pytest.approx((LAT, LON), abs=1e-8)
    assert facts.heading == (77 if gps else None)
    icc = before.index(b"\xff\xe2")
    assert after.endswith(before[icc:])  # profile, picture and what comes behind, bit for bit
    with Image.open(photo) as image:
        exif = image.getexif()
        assert (exif[0x010F], exif[0x0112]) == ("Cam", 6)
        receiver = exif.get_ifd(0x8825)
        assert float(receiver[31]) == 12.34 and receiver[18] == "WGS-84"
        assert receiver[27].startswith(b"ASCII\0\0\0located by picture (beenhere ")
        assert 9 not in receiver  # "void" was said of another fix
    own = own_position(str(photo))
    assert own is not None and own.source == "an earlier answer"
    assert undo(tmp_path) == ([photo], [])
    assert photo.read_bytes() == before and not (tmp_path / UNDO_FILE).exists()


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("block", [tiff("<", True), tiff(">", False), None])
def test_exiftool_reads_the_same(block: bytes | None, tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", block)

    def read(file: Path, *only: str) -> dict[str, Any]:
        command = ["exiftool", "-j", "-n", "-G1", "-b", *only, str(file)]
        (found,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return {name: value for name, value in found.items() if name != "SourceFile"}

    kept = ("-IFD0:all", "-ExifIFD:all", "-IFD1:all", "-MakerNotes:all", "-ICC_Profile:all")
    before, warned = read(photo, *kept), read(photo).get("ExifTool:Warning")
    write(answer(photo), xmp=True)
    assert read(photo, *kept) == before
    for file, group in ((photo, "GPS"), (photo.with_name("a.jpg.xmp"), "XMP-exif")):
        found = read(file)
        signed = "Composite" if group == "GPS" else group
        assert found[f"{signed}:GPSLatitude"] == pytest.approx(LAT, abs=1e-7)
        assert found[f"{signed}:GPSLongitude"] == pytest.approx(LON, abs=1e-7)
        assert found[f"{group}:GPSHPositioningError"] == 12.34
        assert found[f"{group}:GPSProcessingMethod"].startswith("located by picture (beenhere ")
        assert found.get("ExifTool:Warning") == (warned if file == photo else None)
    assert found["XMP-beenhere:LocatedByPicture"] in (True, "True")
    assert found["XMP-beenhere:Status"] == "known"


def test_a_position_is_not_written_over_unless_asked(tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    write(answer(photo))
    first = photo.read_bytes()
    other = answer(photo, lat=-10.0, lon=20.0)
    for options in ({}, {"exif": False, "xmp": True}):
        done = write(other, **options)
        assert not done.files and done.kept == [
            (str(photo), "has a position already (55.69831, -13.19508 in EXIF)")
        ]
    assert photo.read_bytes() == first and not photo.with_name("a.jpg.xmp").exists()
    assert write(other, overwrite=True).files == [photo]
    assert read_facts(str(photo)).answer == (-10.0, 20.0)
    # Both changes are taken back, the last one first.
    assert undo(tmp_path) == ([photo], [])
    assert read_facts(str(photo)).answer is None


def test_a_position_that_nobody_can_believe_is_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    gps = exif.get_ifd(0x8825)
    gps[2], gps[4] = (37.0, 30.0, 0.0), (122.0, 15.0, 0.0)  # neither N nor S
    photo = Path(write_photo(tmp_path / "a.jpg", 1))
    with Image.open(photo) as image:
        image.save(photo, exif=exif)
    ((_, reason),) = write(answer(photo)).kept
    assert "without N or S" in reason


def test_guesses_and_unknown_places(tmp_path: Path) -> None:
    guess, unknown = jpeg(tmp_path, "a.jpg", None), jpeg(tmp_path, "b.jpg", None)
    answers = answer(guess, "guess"), answer(unknown, "unknown")
    done = write(*answers)
    assert (done.files, done.guesses, done.unknown) == ([], 1, 1)
    assert list(tmp_path.glob("*jsonl")) == []
    assert write(*answers, guesses=True).files == [guess]
    with Image.open(guess) as image:
        assert b": guess, probability" in image.getexif().get_ifd(0x8825)[27]
    assert read_facts(str(unknown)).answer is None


def test_all_but_jpeg_have_a_sidecar(tmp_path: Path) -> None:
    png = Path(write_photo(tmp_path / "a.png", 1))
    raw = tmp_path / "b.CR2"
    raw.write_bytes(b"raw")
    before = png.read_bytes()
    sidecars = [tmp_path / "a.png.xmp", tmp_path / "b.CR2.xmp"]
    assert write(answer(png), answer(raw)).files == sidecars
    assert png.read_bytes() == before and raw.read_bytes() == b"raw"
    # What stands beside a photo counts as its own.
    ((_, reason),) = write(answer(png)).kept
    assert reason == "has a position already (55,41.8983330N, 13,11.7049998W in its sidecar)"
    assert undo(tmp_path)[1] == [] and not any(file.exists() for file in sidecars)


def packet(tags: str, encoding: str = "utf-8") -> bytes:
    """The segment of a JPEG with an XMP packet."""
    text = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 dc:title="caf\u00e9" {tags}</rdf:Description></rdf:RDF></x:xmpmeta>"""
    data = b"http://ns.adobe.com/xap/1.0/\0" + text.encode(encoding)
    return b"\xff\xe1" + (len(data) + 2).to_bytes(2) + data


@pytest.mark.parametrize(
    "tags",
    [
        "exif:GPSLatitude=\"1,2.0N\" exif:GPSLongitude = '3,4.0E'>",
        "><exif:GPSLatitude>1,2.0N</exif:GPSLatitude>\n<exif:GPSLongitude>3,4.0E"
        "</exif:GPSLongitude>",
    ],
    ids=["attributes", "elements"],
)
@pytest.mark.parametrize("exif_first", [True, False])
def test_a_position_in_a_packet_is_blanked_where_a_new_one_is_written(
    tags: str, exif_first: bool, tmp_path: Path
) -> None:
    photo = jpeg(tmp_path, "a.jpg", tiff(">", False) if exif_first else None)
    before = photo.read_bytes()
    at = before.index(b"\xff\xe2") if exif_first else 20  # before the profile; behind JFIF
    before = before[:at] + packet(tags) + before[at:]
    photo.write_bytes(before)
    assert read_facts(str(photo)).lat == pytest.approx(1 + 2 / 60)
    assert "in XMP" in write(answer(photo)).kept[0][1]
    assert write(answer(photo), overwrite=True).files == [photo]
    after = photo.read_bytes()
    assert b"1,2.0N" not in after and b"3,4.0E" not in after and "café".encode() in after
    facts = read_facts(str(photo))
    assert facts.lat is None and facts.answer == pytest.approx((LAT, LON), abs=1e-8)
    # No byte but those of the position and of EXIF has changed.
    assert after.endswith(before[before.index(b"\xff\xe2") :])
    assert after.count(packet(tags)[:30]) == 1
    assert len(after[after.index(packet(tags)[:30]) :]) == len(
        before[before.index(packet(tags)[:30]) :]
    )
    assert undo(tmp_path) == ([photo], []) and photo.read_bytes() == before


@pytest.mark.parametrize(
    "tags",
    [
        '><exif:GPSLatitude xml:lang="x">1,2.0N</exif:GPSLatitude>',
        'exif:GPSLatitude="1,2.0N"><broken>',
    ],
)
def test_a_packet_that_cannot_be_blanked_is_refused_with_advice(tags: str, tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    before = photo.read_bytes()[:20] + packet(tags) + photo.read_bytes()[20:]
    photo.write_bytes(before)
    ((path, reason),) = write(answer(photo), overwrite=True).failed
    assert path == str(photo) and "\n" not in reason and "--write-xmp" in reason
    assert "exiftool -XMP:GPSLatitude= -XMP:GPSLongitude=" in reason
    assert photo.read_bytes() == before


EDITED = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:e="http://ns.adobe.com/exif/1.0/"
   xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.5"{attributes}>
  {elements}<crs:Look>warm</crs:Look>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize(
    ("attributes", "elements"),
    [
        ("", ""),
        (' e:GPSLatitude="1,2.0N" e:GPSLongitude="3,4.0E"', ""),
        ("", "<e:GPSLatitude>1,2.0N</e:GPSLatitude><e:GPSLongitude>3,4.0E</e:GPSLongitude>"),
    ],
)
def test_what_another_program_wrote_beside_a_photo_stays(
    attributes: str, elements: str, tmp_path: Path
) -> None:
    photo = Path(write_photo(tmp_path / "a.png", 1))
    sidecar = tmp_path / "a.xmp"  # as Adobe's programs name it
    old = EDITED.format(attributes=attributes, elements=elements)
    sidecar.write_text(old)
    done = write(answer(photo))
    if attributes or elements:
        assert done.kept[0][1] == "has a position already (1,2.0N, 3,4.0E in its sidecar)"
        assert sidecar.read_text() == old
        done = write(answer(photo), overwrite=True)
    assert done.files == [sidecar] and not (tmp_path / "a.png.xmp").exists()
    new = sidecar.read_text()
    start, end = EDITED.format(attributes="", elements="").split("</rdf:RDF>")
    assert new.startswith(start) and new.endswith(f"</rdf:RDF>{end}")
    assert new.count("GPSLatitude") == 1 and "1,2.0N" not in new
    # A second time ours is replaced, not added to.
    assert write(answer(photo, lat=-1.5), overwrite=True).files == [sidecar]
    again = sidecar.read_text()
    assert again.count("LocatedByPicture") == 1 and '"1,30.0000000S"' in again
    undo(tmp_path)
    assert sidecar.read_text() == old


def test_what_cannot_be_written_is_named_and_left_whole(tmp_path: Path) -> None:
    good = jpeg(tmp_path, "good.jpg", None)
    bad: dict[Path, str] = {tmp_path / "gone.jpg": "no such file or directory"}
    block = tiff(">", True)
    for name, damaged, reason in (
        ("order.jpg", b"XX" + block[2:], "its EXIF is damaged: it has no byte order"),
        ("cut.jpg", block[:30], "its EXIF is damaged: a directory lies outside of it"),
        ("full.jpg", block + bytes(65_400 - len(block)), "its EXIF is full: 64 kB are the most"),
    ):
        bad[jpeg(tmp_path, name, damaged)] = reason
    read_only = jpeg(tmp_path, "read-only.jpg", None)
    read_only.chmod(0o444)
    bad[read_only] = "is read-only"
    half = tmp_path / "half.jpg"
    half.write_bytes(good.read_bytes()[:30])
    bad[half] = "damaged JPEG: cut off"
    page = tmp_path / "page.png"
    write_photo(page, 1)
    page.with_name("page.png.xmp").write_text("<html>")
    bad[page] = "its sidecar is no XMP"
    before = {path: path.read_bytes() for path in bad if path.exists()}
    done = write(*(answer(path) for path in (*bad, good)))
    assert done.files == [good]
    assert [path for path, _ in done.failed] == [str(path) for path in bad]
    for (path, said), reason in zip(done.failed, bad.values(), strict=True):
        assert said.startswith(reason), path
    assert {path: path.read_bytes() for path in before} == before


def test_a_read_only_photo_gets_a_sidecar_all_the_same(tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    photo.chmod(0o444)
    before = photo.read_bytes()
    assert write(answer(photo), exif=False, xmp=True).files == [tmp_path / "a.jpg.xmp"]
    assert photo.read_bytes() == before
    (tmp_path / "a.jpg.xmp").chmod(0o444)
    again = write(answer(photo), exif=False, xmp=True, overwrite=True)
    assert [reason for _, reason in again.failed] == ["is read-only, and is left as it is"]


def test_mode_and_links_stay(tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    photo.chmod(0o640)
    link = tmp_path / "links/l.jpg"
    link.parent.mkdir()
    link.symlink_to(photo)
    assert write(answer(link)).files == [photo]
    assert link.is_symlink() and photo.stat().st_mode & 0o777 == 0o640
    undo(tmp_path)
    assert photo.stat().st_mode & 0o777 == 0o640


def test_the_index_of_further_pictures_knows_that_the_first_has_grown(tmp_path: Path) -> None:
    entry = struct.pack(">IIIHH", 0x030000, 5000, 0, 0, 0)
    index = b"MPF\0MM\0*" + struct.pack(">IHHHIII", 8, 1, 0xB002, 7, 16, 26, 0) + entry
    photo = jpeg(tmp_path, "a.jpg", tiff(">", False))
    content = photo.read_bytes()
    icc = content.index(b"\xff\xe2")
    segment = b"\xff\xe2" + struct.pack(">H", len(index) + 2) + index
    content = content[:icc] + segment + content[icc:]
    new = gps_splice(content, FIX).of(content)
    at = new.index(b"MPF\0")
    attribute, size, *_ = struct.unpack(">IIIHH", new[at + 30 : at + 46])
    assert (attribute, size) == (0x030000, 5000 + len(new) - len(content))
    rest = content.index(b"MPF\0") + len(index)
    assert new.endswith(content[rest:])
    # An index in front of EXIF would lose its pictures: nothing is written then.
    swapped = content[:20] + segment + content[20:icc] + content[icc + len(segment) :]
    with pytest.raises(DataError, match="behind its index of further pictures"):
        gps_splice(swapped, FIX)


def test_undo_leaves_what_others_have_changed(tmp_path: Path) -> None:
    one, two = jpeg(tmp_path, "1.jpg", None), jpeg(tmp_path, "2.jpg", None)
    before = two.read_bytes()
    write(answer(one), answer(two))
    edited = one.read_bytes() + b"edited"
    one.write_bytes(edited)
    done, left = undo(tmp_path)
    assert done == [two] and two.read_bytes() == before
    assert left == [(one, "has been changed since, and is left as it is")]
    assert one.read_bytes() == edited
    (entry,) = (tmp_path / UNDO_FILE).read_text().splitlines()
    assert json.loads(entry)["file"] == "1.jpg"


def test_only_some_photos_are_brought_back(tmp_path: Path) -> None:
    one, two = jpeg(tmp_path, "1.jpg", None), jpeg(tmp_path, "2.jpg", None)
    write(answer(one), answer(two))
    assert undo(tmp_path, {"1.jpg"}) == ([one], [])
    assert read_facts(str(one)).answer is None and read_facts(str(two)).answer is not None
    assert undo(tmp_path) == ([two], [])


def test_an_undo_file_that_cannot_be_trusted(tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    write(answer(photo))
    record, after = tmp_path / UNDO_FILE, photo.read_bytes()
    line = record.read_text()
    for bad in ("no json\n", line.replace("a.jpg", "../a.jpg"), line.replace('"start": ', '"x": ')):
        record.write_text(bad + line)
        with pytest.raises(DataError, match=r"damaged in line 1; nothing was changed"):
            undo(tmp_path)
    assert photo.read_bytes() == after
    record.write_text(line + '{"file": "b.jp')  # a process was killed as it wrote this
    other = jpeg(tmp_path, "c.jpg", None)
    assert write(answer(other)).files == [other]
    assert sorted(undo(tmp_path)[0]) == [photo, other]


KILLED = """
import os, signal, sys
from pathlib import Path
import beenhere.files.atomic as atomic
from beenhere.tools.tag import write_positions
import json
real, step = Path.replace, sys.argv[1]
def stop(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def replace(self, target):
    if step == "before":
        stop()
    real(self, target)
    stop()
Path.replace = replace
write_positions(json.loads(sys.argv[2]), exif=True, xmp=False)
"""


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_process_that_is_killed_leaves_the_old_file_or_the_new(step: str, tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", tiff("<", True))
    before = photo.read_bytes()
    command = [sys.executable, "-c", KILLED, step, json.dumps([answer(photo)])]
    done = subprocess.run(command, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (photo.read_bytes() == before) == (step == "before")
    assert (read_facts(str(photo)).answer is None) == (step == "before")
    assert undo(tmp_path) == ([photo], [])
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "no json",
        "[1]",
        '[{"query": 1, "status": "known"}]',
        '[{"query": "a", "status": "sure"}]',
        '[{"query": "a", "status": "known", "lat": "5", "lon": 1}]',
        '[{"query": "a", "status": "known", "lat": NaN, "lon": 1}]',
        '[{"query": "a", "status": "guess", "place": [1]}]',
        "[" * 100_000,
    ],
)
def test_a_file_of_no_answers_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"a\.json.*expected the JSON that") as error:
        read_answers(tmp_path / "a.json")
    assert "\n" not in str(error.value)


def test_answers_that_are_not_on_earth_are_not_written(tmp_path: Path) -> None:
    photo = jpeg(tmp_path, "a.jpg", None)
    done = write(answer(photo, lat=95.0), answer(photo, place=None, status="guess"))
    assert (done.files, done.unknown) == ([], 2)
