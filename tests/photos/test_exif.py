"""EXIF as many hands write it, in real files; what we write is what is read back."""

import io
import subprocess
import sys
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera import ASCII, BYTE, EXIF, GPS, RATIONAL, SHORT, SRATIONAL, Tag, dms, jpeg, street, tiff
from camera import gps as gps_exif
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from beenhere.errors import PhotoError
from beenhere.photos.exif import BY_PICTURE, PhotoFacts, jpeg_bytes, read_facts
from beenhere.photos.pixels import load_photo
from beenhere.tools.tracks.clocks import camera_time

SMALL = street(8, 12)
PIXELS = np.full((8, 12, 3), 90, np.uint8)


def facts(folder: Path, exif: bytes) -> PhotoFacts:
    path = folder / "photo.jpg"
    path.write_bytes(jpeg(SMALL, exif))
    return read_facts(path)


def gps_facts(folder: Path, tags: dict[int, Tag]) -> PhotoFacts:
    return facts(folder, tiff({}, {GPS: tags}))


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ([(55, 1), (41, 1), (534, 10)], [(13, 1), (11, 1), (434, 10)]),
        ([(55, 1), (41890, 1000), (0, 1)], [(13, 1), (1172333, 100000), (0, 1)]),
        ([(55, 1), (4189, 100)], [(13, 1), (1172333, 100000)]),
        ([(55, 1), (4189, 100), (0, 0)], [(13, 1), (1172333, 100000), (0, 0)]),
        ([(55698167, 10**6)], [(13195389, 10**6)]),
        ([(55698167, 10**6), (0, 0), (0, 0)], [(13195389, 10**6), (0, 0), (0, 0)]),
        ([(55, 1), (0, 1), (25134, 10)], [(13, 1), (0, 1), (7034, 10)]),
    ],
    ids=["dms", "minutes", "two", "unused seconds", "degrees", "unused both", "seconds alone"],
)
def test_every_way_to_write_a_position_reads_alike(tmp_path: Path, lat: Any, lon: Any) -> None:
    found = facts(tmp_path, gps_exif(lat, "N", lon, "E"))
    assert found.lat == pytest.approx(55.698167, abs=2e-6)
    assert found.lon == pytest.approx(13.195389, abs=2e-6)
    assert found.note is None


@pytest.mark.parametrize(
    ("north", "east", "signs"),
    [("N", "E", (1, 1)), ("S", "W", (-1, -1)), ("s", "w", (-1, -1)), ("South", "West", (-1, -1))],
)
def test_letters_give_the_hemisphere(
    tmp_path: Path, north: str, east: str, signs: tuple[int, int]
) -> None:
    found = facts(tmp_path, gps_exif([(33, 1), (30, 1)], north, [(70, 1), (30, 1)], east))
    assert (found.lat, found.lon) == (33.5 * signs[0], 70.5 * signs[1])


def test_whole_numbers_of_another_type_are_read(tmp_path: Path) -> None:
    found = facts(tmp_path, gps_exif([55, 30, 36], "N", [13, 12, 0], "E", kind=SHORT))
    assert (found.lat, found.lon) == (pytest.approx(55.51), pytest.approx(13.2))


@pytest.mark.parametrize(("north", "east"), [("S", "W"), ("N", "E"), (None, None)])
def test_a_negative_value_stays_negative(
    tmp_path: Path, north: str | None, east: str | None
) -> None:
    lat, lon = [(-33, 1), (30, 1), (0, 1)], [(-70, 1), (30, 1), (0, 1)]
    found = facts(tmp_path, gps_exif(lat, north, lon, east, kind=SRATIONAL))
    assert (found.lat, found.lon) == (-33.5, -70.5)


@pytest.mark.parametrize(
    ("lat", "north", "lon", "east", "note"),
    [
        ([(55, 1)], None, [(13, 1)], "E", "without N or S"),
        ([(55, 1)], "N", [(13, 1)], None, "without N or S"),
        ([(55, 1)], "?", [(13, 1)], "E", "without N or S"),
        ([(0, 1), (0, 1), (0, 1)], "N", [(0, 1), (0, 1), (0, 1)], "E", "no fix"),
        ([(0, 0)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 0)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 1), (0, 0), (30, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(91, 1)], "N", [(13, 1)], "E", "not on Earth"),
        ([(55, 1)], "N", [(181, 1)], "E", "not on Earth"),
        ([(55, 1), (1, 1), (1, 1), (1, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 1), (75, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 1), (10, 1), (61, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 1), (0, 1), (3601, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(557, 10), (42, 1)], "N", [(13, 1)], "E", "not readable"),
        ([(55, 1), (425, 10), (30, 1)], "N", [(13, 1)], "E", "not readable"),
    ],
)
def test_a_position_that_cannot_be_believed_is_left_out_and_said(
    tmp_path: Path, lat: Any, north: str | None, lon: Any, east: str | None, note: str
) -> None:
    found = facts(tmp_path, gps_exif(lat, north, lon, east))
    assert (found.lat, found.lon) == (None, None)
    assert found.note is not None and note in found.note


def test_sixty_come_of_rounding(tmp_path: Path) -> None:
    found = facts(tmp_path, gps_exif([(55, 1), (60, 1)], "N", [(13, 1), (5, 1), (60, 1)], "E"))
    assert (found.lat, found.lon) == (56.0, pytest.approx(13.1))


@pytest.mark.parametrize(("status", "known"), [("A", True), ("V", False), (None, True)])
def test_a_lost_fix_is_no_position(tmp_path: Path, status: str | None, known: bool) -> None:
    tags: dict[int, Tag] = {1: (ASCII, "N"), 2: (RATIONAL, dms(55.5))}
    tags |= {3: (ASCII, "E"), 4: (RATIONAL, dms(13.5))}
    if status is not None:
        tags[9] = (ASCII, status)
    found = gps_facts(tmp_path, tags)
    assert (found.lat is not None) == known
    assert found.note == (None if known else "GPS position without a fix (GPSStatus V)")


def test_what_is_there_and_cannot_be_read_is_said(tmp_path: Path) -> None:
    date = tiff({}, {EXIF: {0x9003: (ASCII, "yesterday")}, GPS: {17: (RATIONAL, [(719, 1)])}})
    found = facts(tmp_path, date)
    assert (found.captured, found.heading) == (None, None)
    assert found.unread == "its date 'yesterday' is none; GPS direction is 719: more than a turn"
    for unknown in ("0000:00:00 00:00:00", "    :  :     :  :  ", ""):
        assert facts(tmp_path, tiff({}, {EXIF: {0x9003: (ASCII, unknown)}})).unread is None


def xmp(tags: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f"{tags}</rdf:RDF></x:xmpmeta>"
    ).encode()


def with_xmp(tags: str, exif: bytes = b"") -> bytes:
    payload = b"http://ns.adobe.com/xap/1.0/\0" + xmp(tags)
    data = jpeg(SMALL, exif)
    return data[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload + data[2:]


PLACE = 'exif:GPSLatitude="55,42.27N" exif:GPSLongitude="13,11.5,30W"'


@pytest.mark.parametrize(
    ("tags", "wanted", "note"),
    [
        (f"{PLACE}/>", (55.7045, None), "not readable"),  # minutes count twice
        (PLACE.replace("11.5,", "11,") + "/>", (55.7045, -(13 + 11 / 60 + 30 / 3600)), None),
        (
            "><exif:GPSLatitude>33,30S</exif:GPSLatitude>"
            "<exif:GPSLongitude>70,15E</exif:GPSLongitude></rdf:Description>",
            (-33.5, 70.25),
            None,
        ),
        ('exif:GPSLatitude="-33.5" exif:GPSLongitude="70.25"/>', (-33.5, 70.25), None),
        ('exif:GPSLatitude="0,0N" exif:GPSLongitude="0,0E"/>', (None, None), "no fix"),
        (
            'exif:GPSLatitude="5,0N" exif:GPSLongitude="5,0E" exif:GPSStatus="V"/>',
            (None, None),
            "without a fix",
        ),
        ('exif:GPSLatitude="north" exif:GPSLongitude="5,0E"/>', (None, None), "not readable"),
        ('exif:GPSLatitude="1.2.3" exif:GPSLongitude="-"/>', (None, None), "not readable"),
        ('exif:GPSLatitude=",," exif:GPSLongitude="..N"/>', (None, None), "not readable"),
    ],
)
def test_a_position_in_xmp_alone(tags: str, wanted: tuple[float, float], note: str | None) -> None:
    found = read_facts(with_xmp(tags))
    if note is None:
        assert (found.lat, found.lon) == pytest.approx(wanted) and found.note is None
    else:
        assert (found.lat, found.lon) == (None, None) and note in (found.note or "")


def test_exif_comes_before_xmp() -> None:
    tags = PLACE.replace("11.5,", "11,") + ' xmp:CreateDate="2019-11-28T14:38:40.5+01:00" '
    tags += 'exif:GPSImgDirection="1795/10"/>'
    found = read_facts(with_xmp(tags))
    assert (found.captured, found.heading) == ("2019-11-28T14:38:40.5+01:00", 179.5)
    exif = tiff({0x0132: (ASCII, "2014:06:07 10:24:05")}, {GPS: {17: (RATIONAL, [(5, 1)])}})
    known = read_facts(with_xmp(tags, exif))
    assert known.captured == "2014-06-07T10:24:05" and known.lat == found.lat
    assert known.heading == 5.0
    lost = tiff({}, {GPS: {1: (ASCII, "S"), 9: (ASCII, "V")}})
    assert read_facts(with_xmp(tags, lost)).note == "GPS position without a fix (GPSStatus V)"
    letters = tiff({}, {GPS: {1: (ASCII, "S"), 3: (ASCII, "E")}})
    assert read_facts(with_xmp(tags, letters)).lat == found.lat
    assert read_facts(with_xmp(tags, gps_exif(dms(1), "N", dms(2), "E"))).lat == 1.0
    no_fix = read_facts(with_xmp(tags, gps_exif([(0, 1)], "N", [(0, 1)], "E")))
    assert no_fix.lat is None and "no fix" in (no_fix.note or "")


def sidecar(tags: str) -> bytes:
    return b"\n" + xmp(tags) + b"\n"


HERE = 'exif:GPSLatitude="55,42.27N" exif:GPSLongitude="13,11.5W"'
AT = (55.7045, -(13 + 11.5 / 60))
ANSWER = 'exif:GPSProcessingMethod="located by picture (beenhere 1): known"'
OURS = 'xmlns:b="urn:beenhere:located-by-picture#" b:LocatedByPicture="True"'


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp", "a.XMP"])
def test_a_position_in_a_file_beside_the_photo(name: str, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    beside = tmp_path / name
    beside.write_bytes(sidecar(f'{HERE} exif:GPSImgDirection="90/1"/>'))
    for own in (b"", tiff({}, {GPS: {9: (ASCII, "V")}}), gps_exif([(0, 1)], "N", [(0, 1)], "E")):
        photo.write_bytes(jpeg(SMALL, own))  # none, no fix, 0, 0
        found = read_facts(str(photo))
        assert (found.lat, found.lon) == pytest.approx(AT) and found.note is None
        assert found.heading == 90.0 and found.answer is None
    photo.write_bytes(jpeg(SMALL, gps_exif(dms(1), "N", dms(2), "E")))
    assert read_facts(photo).lat == 1.0  # its own comes first
    photo.write_bytes(jpeg(SMALL, b""))
    assert read_facts(photo.read_bytes()).lat is None  # beside bytes lies nothing
    beside.write_bytes(sidecar(f"{HERE}/>")[:-20])
    found = read_facts(photo)
    assert found.lat is None and "position is not readable" in (found.note or "")
    beside.write_bytes(sidecar('exif:FNumber="1/8"/>'))
    assert read_facts(photo).note is None


@pytest.mark.parametrize("mark", [ANSWER, OURS])
def test_an_earlier_answer_is_no_measured_position(mark: str, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(with_xmp(f"{HERE} {mark}/>"))
    found = read_facts(photo)
    assert (found.lat, found.lon, found.note) == (None, None, BY_PICTURE)
    assert found.answer == pytest.approx(AT)
    # An editor has copied the position of the photo to a file beside it, without the mark.
    (tmp_path / "a.xmp").write_bytes(sidecar(f"{HERE}/>"))
    assert read_facts(photo).lat is None
    # One that somebody gave it is another.
    (tmp_path / "a.xmp").write_bytes(sidecar(f"{HERE.replace('55,42', '55,41')}/>"))
    found = read_facts(photo)
    assert found.lat == pytest.approx(AT[0] - 1 / 60) and (found.note, found.answer) == (None, None)
    photo.write_bytes(jpeg(SMALL, tiff({}, {GPS: {27: (ASCII, "GPS")}})))
    (tmp_path / "a.xmp").write_bytes(sidecar(f"{HERE} {mark}/>"))
    assert read_facts(photo).note == BY_PICTURE and read_facts(photo).lat is None


def test_a_date_in_xmp_places_a_photo_on_a_track(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(with_xmp('xmp:CreateDate="2019-11-28T14:38:40.5+01:00"/>'))
    assert camera_time(str(path)) == datetime.fromisoformat("2019-11-28T14:38:40.500+01:00")


def test_a_second_block_has_what_the_first_lacks() -> None:
    camera = tiff({0x0112: (SHORT, [6])}, {EXIF: {0x9003: (ASCII, "2014:06:07 10:24:05")}})
    place = gps_exif(dms(55.5), "N", dms(13.5), "E")
    data = jpeg(SMALL, camera)
    more = jpeg(SMALL, place)
    length = 2 + int.from_bytes(data[4:6])
    second = more[2 : 4 + int.from_bytes(more[4:6])]
    found = read_facts(data[: 2 + length] + second + data[2 + length :])
    assert (found.captured, found.lat, found.lon) == ("2014-06-07T10:24:05", 55.5, 13.5)
    assert (found.width, found.height) == (8, 12)
    # What the first has is not mixed with what the second says.
    south = tiff({}, {GPS: {1: (ASCII, "S"), 2: (RATIONAL, dms(5)), 4: (RATIONAL, dms(6))}})
    data = jpeg(SMALL, south)
    length = 2 + int.from_bytes(data[4:6])
    found = read_facts(data[: 2 + length] + second + data[2 + length :])
    assert found.lat is None and "without N or S, E or W" in (found.note or "")


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def test_exif_and_xmp_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(SMALL).save(file, "PNG")
    whole, end = file.getvalue()[:-12], file.getvalue()[-12:]
    exif = tiff({0x0112: (SHORT, [6])}, {EXIF: {0x9003: (ASCII, "2014:06:07 10:24:05")}})
    place = xmp('exif:GPSLatitude="33,30S" exif:GPSLongitude="70,15E"/>')
    packet = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + place)
    path = tmp_path / "a.png"
    path.write_bytes(whole + chunk(b"eXIf", exif) + packet + end)
    found = read_facts(path)
    assert (found.captured, found.lat) == ("2014-06-07T10:24:05", -33.5)
    assert (found.width, found.height) == (8, 12)
    assert load_photo(path).shape == (3, 12, 8)
    for junk in (b"", b"II", b"Exif\0\0MM"):
        path.write_bytes(whole + chunk(b"eXIf", junk) + end)
        assert read_facts(path) == PhotoFacts(12, 8)


def test_half_a_position_is_none(tmp_path: Path) -> None:
    found = gps_facts(tmp_path, {1: (ASCII, "N"), 2: (RATIONAL, dms(55.5))})
    assert (found.lat, found.lon) == (None, None)
    assert found.note == "GPS position is not readable"


def test_a_text_where_numbers_belong_is_no_position(tmp_path: Path) -> None:
    tags = {1: (ASCII, "N"), 2: (ASCII, "55,41.89N"), 3: (ASCII, "E"), 4: (ASCII, "13,11.7E")}
    assert gps_facts(tmp_path, tags).note == "GPS position is not readable"


@given(lat=st.floats(-90, 90, allow_nan=False), lon=st.floats(-180, 180, allow_nan=False))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_position_comes_back(tmp_path: Path, lat: float, lon: float) -> None:
    north, east = "S" if lat < 0 else "N", "W" if lon < 0 else "E"
    found = facts(tmp_path, gps_exif(dms(lat), north, dms(lon), east))
    step = 1 / 3600 / 10_000  # of a second
    if abs(lat) < step and abs(lon) < step:
        return  # rounds to 0, 0
    assert found.lat == pytest.approx(lat, abs=step) and found.lon == pytest.approx(lon, abs=step)


@pytest.mark.parametrize(
    ("value", "below", "expected"),
    [((372, 10), None, 37.2), ((372, 10), 0, 37.2), ((430, 1), 1, -430.0), ((5, 0), 0, None)],
)
def test_altitude(
    tmp_path: Path, value: tuple[int, int], below: int | None, expected: float | None
) -> None:
    tags: dict[int, Tag] = {6: (RATIONAL, [value])}
    if below is not None:
        tags[5] = (BYTE, [below])
    assert gps_facts(tmp_path, tags).altitude == expected


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [
        ((1792156, 10_000), "T", 179.2156),
        ((859, 10), "M", 85.9),
        ((360, 1), "T", 0.0),
        ((719, 1), None, None),
        ((0, 1), "T", 0.0),
        ((0, 0), "T", None),
    ],
)
def test_heading(
    tmp_path: Path, value: tuple[int, int], reference: str | None, expected: float | None
) -> None:
    tags: dict[int, Tag] = {17: (RATIONAL, [value])}
    if reference is not None:
        tags[16] = (ASCII, reference)
    found = gps_facts(tmp_path, tags).heading
    assert found == (expected if expected is None else pytest.approx(expected))


def test_a_heading_a_hair_below_north_is_below_360(tmp_path: Path) -> None:
    assert gps_facts(tmp_path, {17: (SRATIONAL, [(-1, 2**31 - 1)])}).heading == pytest.approx(
        360, abs=1e-6
    )
    assert 0 <= (gps_facts(tmp_path, {17: (SRATIONAL, [(-1, 2**31 - 1)])}).heading or 0) < 360


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014:06:07 10:24:05", "2014-06-07T10:24:05"),
        ("2014-06-07 10:24:05", "2014-06-07T10:24:05"),
        ("2014:06:07 10:24:05.123", "2014-06-07T10:24:05.123"),
        ("2019:11:28 14:38:40:794", "2019-11-28T14:38:40.794"),
        ("2019:11:28 14:38:40:5", "2019-11-28T14:38:40.005"),
        ("2024:5:1 4:3:2", "2024-05-01T04:03:02"),
        ("2024: 5: 1  4: 3: 2", "2024-05-01T04:03:02"),
        ("2024:05:01 12:30:05 PM", "2024-05-01T12:30:05"),
        ("2024:05:01 12:30:05 am", "2024-05-01T00:30:05"),
        ("2024:05:01 02:30:05 p.m.", "2024-05-01T14:30:05"),
        ("2024:05:01 14:30:05 PM", "2024-05-01T14:30:05"),
        ("2024:05:01 14:30:  ", "2024-05-01T14:30:00"),
        ("2024:05:01   :  :  ", "2024-05-01"),
        ("2024:05:  ", "2024-05"),
        ("2024/05/01 14:30:05 +0200", "2024-05-01T14:30:05+02:00"),
        ("2024-05-01T14:30:05,250 UTC", "2024-05-01T14:30:05.25Z"),
        ("2024-05-01 14:30 -3", "2024-05-01T14:30:00-03:00"),
        ("2024-05-01T14:30:05+99:99", None),
        ("1714564800", None),
        ("2024:05:01 14:30:05" + " " * 100 + "x", None),
        ("2014:06:07 10:24:05\0\0", "2014-06-07T10:24:05"),
        ("2014:06:07 24:61:00", "2014-06-07"),
        ("2014:06:07", "2014-06-07"),
        ("2014:06:00 00:00:00", "2014-06"),
        ("2014:00:00 00:00:00", "2014"),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2014:02:30 10:00:00", None),
        ("2014:13:01 10:00:00", None),
        ("1601:01:01 00:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(tmp_path: Path, text: str, expected: str | None) -> None:
    assert facts(tmp_path, tiff({}, {EXIF: {0x9003: (ASCII, text)}})).captured == expected


def test_the_moment_of_the_picture_comes_before_that_of_the_file(tmp_path: Path) -> None:
    exif = tiff(
        {0x0132: (ASCII, "2020:01:01 00:00:00")},
        {EXIF: {0x9003: (ASCII, "2014:06:07 10:24:05"), 0x9004: (ASCII, "2015:01:01 00:00:00")}},
    )
    assert facts(tmp_path, exif).captured == "2014-06-07T10:24:05"
    junk_first = tiff(
        {0x0132: (ASCII, "2020:01:01 00:00:00")},
        {EXIF: {0x9003: (ASCII, "0000:00:00 00:00:00")}},
    )
    assert facts(tmp_path, junk_first).captured == "2020-01-01T00:00:00"


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ([(10, 1), (24, 1), (5, 1)], "2014-06-07T10:24:05Z"),
        ([(10, 1), (24, 1), (59999, 1000)], "2014-06-07T10:24:59Z"),
        ([(10, 1), (24, 0), (5, 1)], "2014-06-07"),
        ([(99, 1), (24, 1), (5, 1)], "2014-06-07"),
        (None, "2014-06-07"),
    ],
)
def test_the_clock_of_gps_where_there_is_no_other(
    tmp_path: Path, clock: list[tuple[int, int]] | None, expected: str
) -> None:
    tags: dict[int, Tag] = {29: (ASCII, "2014:06:07")}
    if clock is not None:
        tags[7] = (RATIONAL, clock)
    assert gps_facts(tmp_path, tags).captured == expected


@pytest.mark.parametrize("orientation", range(10))
def test_the_size_is_that_of_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    found = facts(tmp_path, tiff({0x0112: (SHORT, [orientation])}))
    expected = (8, 12) if 5 <= orientation <= 8 else (12, 8)
    assert (found.width, found.height) == expected


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_of_other_formats(tmp_path: Path, kind: str) -> None:
    from PIL import features

    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    tags = Image.Exif()
    tags.load(b"Exif\0\0" + gps_exif(dms(-33.5), "S", dms(-70.25), "W"))
    tags[0x0112] = 6
    path = tmp_path / f"photo.{kind.lower()}"
    Image.fromarray(SMALL).save(path, kind, exif=tags)
    found = read_facts(path)
    assert (found.lat, found.lon) == (pytest.approx(-33.5), pytest.approx(-70.25))
    assert (found.width, found.height) == (8, 12)


@given(payload=st.binary(max_size=200))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_exif_block_stops_a_photo(tmp_path: Path, payload: bytes) -> None:
    found = facts(tmp_path, payload)
    assert (found.width, found.height) in ((12, 8), (8, 12))


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_broken_exif_block_gives_facts_in_their_ranges(tmp_path: Path, data: Any) -> None:
    whole = bytearray(
        tiff(
            {0x0112: (SHORT, [6]), 0x0132: (ASCII, "2014:06:07 10:24:05")},
            {
                EXIF: {0x9003: (ASCII, "2014:06:07 10:24:05")},
                GPS: {
                    1: (ASCII, "N"),
                    2: (RATIONAL, dms(55.5)),
                    3: (ASCII, "E"),
                    4: (RATIONAL, dms(13.5)),
                    5: (BYTE, [0]),
                    6: (RATIONAL, [(5, 1)]),
                    17: (RATIONAL, [(5, 1)]),
                },
            },
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = facts(tmp_path, bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert (found.lat is None) == (found.lon is None)
    assert found.lat is None or -90 <= found.lat <= 90
    assert found.lon is None or -180 <= found.lon <= 180
    assert found.heading is None or 0 <= found.heading < 360


def test_a_photo_without_exif_has_a_size_and_nothing_else(tmp_path: Path) -> None:
    assert facts(tmp_path, b"") == PhotoFacts(width=12, height=8)


def test_no_photo_is_a_photo_error(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("not a photo")
    with pytest.raises(PhotoError, match="a text file"):
        read_facts(path)


def test_no_warning_of_pillow_reaches_a_person(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    file = io.BytesIO()
    Image.fromarray(SMALL).save(file, "TIFF")
    data = bytearray(file.getvalue())
    at = int.from_bytes(data[4:8], "little")
    data[at + 2 + 4 : at + 2 + 8] = b"\xff\xff\xff\x7f"  # the first tag claims 2**31 values
    path.write_bytes(bytes(data))
    (tmp_path / "exif.jpg").write_bytes(jpeg(SMALL, gps_exif(dms(5), "N", dms(5), "E")[:-20]))
    Image.new("1", (12_000, 10_000)).save(tmp_path / "large.png")  # Pillow warns from 89 megapixels
    program = (
        "import sys\n"
        "from beenhere.errors import PhotoError; from beenhere.photos.exif import read_facts\n"
        "for path in sys.argv[1:]:\n"
        "    try: read_facts(path)\n"
        "    except PhotoError: pass\n"
        "    print('read')\n"
    )
    files = [str(path), str(tmp_path / "exif.jpg"), str(tmp_path / "large.png")]
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program, *files], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("read\nread\nread\n", "")


def test_real_phone_photos(real_photos: Path) -> None:
    found = read_facts(real_photos / "lund/01.jpg")
    assert (found.width, found.height, found.altitude) == (1024, 768, 37.0)
    assert (found.lat, found.lon) == (pytest.approx(55.698167), pytest.approx(13.195389))


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
