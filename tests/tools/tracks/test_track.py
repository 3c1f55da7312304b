"""GPX as many programs write it, and files that are not what they say."""

from pathlib import Path

import numpy as np
import pytest
from tracks import LAT, LON, START, gpx, point, walk, write_gpx

from beenhere.errors import DataError
from beenhere.tools.tracks import track as reader
from beenhere.tools.tracks.track import read_tracks

ZERO = START.timestamp()


@pytest.mark.parametrize("form", ["plain", "strava", "garmin", "old"])
def test_every_hand_is_read(tmp_path: Path, form: str) -> None:
    track = read_tracks([write_gpx(tmp_path / "a.gpx", walk(60), form=form)])
    (line,) = track.timelines
    assert np.array_equal(line.time, ZERO + np.arange(61))
    assert np.allclose(line.lat, LAT + np.arange(61) * 2e-5, atol=1e-12)
    assert np.allclose(line.lon, LON + np.arange(61) * 1e-5, atol=1e-12)
    assert track.notes == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-01T12:00:05Z", 5),
        ("2024-05-01T12:00:05.250Z", 5.25),
        ("2024-05-01T12:00:05.123456Z", 5.123456),
        ("2024-05-01T14:00:05+02:00", 5),
        ("2024-05-01T08:30:05-03:30", 5),
        ("2024-05-01T12:00:05", 5),  # the format says UTC
        ("2024-05-01T12:00:05+00:00", 5),
        ("2024-05-01T12:01Z", 60),
        ("2024-05-01T12:00:05,5Z", 5.5),
        ("2024-05-01 12:00:05 UTC", 5),
        (" 2024-05-01T12:00:05Z\n", 5),
    ],
)
def test_forms_of_a_time(tmp_path: Path, text: str, seconds: float) -> None:
    track = read_tracks([write_gpx(tmp_path / "a.gpx", [(LAT, LON, text)])])
    assert track.timelines[0].time[0] - ZERO == pytest.approx(seconds, abs=1e-6)


def test_order_and_repeated_points_do_not_matter(tmp_path: Path) -> None:
    points = walk(30)
    mixed = [*points[::-2], *points, points[4]]
    (line,) = read_tracks([write_gpx(tmp_path / "a.gpx", mixed)]).timelines
    assert np.array_equal(line.time, ZERO + np.arange(31))
    assert np.allclose(line.lat, LAT + np.arange(31) * 2e-5)


def test_files_and_segments_in_a_row_are_one_timeline(tmp_path: Path) -> None:
    write_gpx(tmp_path / "day/2.gpx", walk(90, first=61))
    write_gpx(tmp_path / "day/1.GPX", walk(20), walk(60, first=21))
    (tmp_path / "day/notes.txt").write_text("nothing")
    track = read_tracks([tmp_path / "day"])
    assert track.files == 2
    (line,) = track.timelines
    assert np.array_equal(line.time, ZERO + np.arange(91))


def test_two_receivers_at_once_are_two_timelines(tmp_path: Path) -> None:
    one = write_gpx(tmp_path / "1.gpx", walk(60))
    other = write_gpx(tmp_path / "2.gpx", [point(t + 0.5, LAT + 1, LON) for t in range(60)])
    later = write_gpx(tmp_path / "3.gpx", walk(200, first=100))
    track = read_tracks([later, other, one])
    assert sorted(map(len, track.timelines)) == [60, 162]
    assert track.span == (ZERO, ZERO + 200)


def test_points_without_time_or_off_the_earth_are_left_out_and_counted(tmp_path: Path) -> None:
    bad = [(LAT, LON, None), (91.0, LON, walk(1)[0][2]), (LAT, float("nan"), walk(1)[0][2])]
    file = write_gpx(tmp_path / "a.gpx", [*walk(10), *bad, (LAT, LON, "yesterday")])
    track = read_tracks([file])
    assert len(track) == 11
    assert track.notes == (f"{file}: 2 points without a time, 2 points off the Earth",)


def test_a_route_is_no_record(tmp_path: Path) -> None:
    file = write_gpx(tmp_path / "a.gpx", [(LAT, LON, None), (LAT + 1, LON, None)])
    with pytest.raises(DataError, match=r"no point with a time in .*2 points without a time"):
        read_tracks([file])
    file = write_gpx(tmp_path / "b.gpx")
    with pytest.raises(DataError, match=r"no point with a time in .*no track in it"):
        read_tracks([file])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a GPX file"),
        (b"hello", "not a GPX file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a GPX file"),
        (b"<kml xmlns='http://www.opengis.net/kml/2.2'/>", "holds <kml>, not <gpx>"),
        (gpx([walk(9)]).encode()[:-30], "not a GPX file that can be read"),
        (
            b"<gpx><trk><trkseg><trkpt lon='1'/></trkseg></trk></gpx>",
            "1 point without a position",
        ),
        (
            b"<gpx><trk><trkseg><trkpt lat='x' lon='1'/></trkseg></trk></gpx>",
            "1 point without a position",
        ),
    ],
)
def test_what_is_no_gpx_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.gpx").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_tracks([tmp_path / "a.gpx"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("levels", [3, 30])
def test_a_billion_laughs_are_none(tmp_path: Path, levels: int) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(levels)
    )
    bomb = gpx([walk(3)]).replace("\n<gpx", f"\n<!DOCTYPE gpx [{entities}]>\n<gpx")
    (tmp_path / "a.gpx").write_text(bomb.replace("a walk", f"&a{levels};"))
    with pytest.raises(DataError, match="document type"):
        read_tracks([tmp_path / "a.gpx"])


def test_a_document_type_alone_is_refused(tmp_path: Path) -> None:
    text = gpx([walk(3)]).replace("\n<gpx", '\n<!DOCTYPE gpx SYSTEM "gpx.dtd">\n<gpx')
    (tmp_path / "a.gpx").write_text(text)
    with pytest.raises(DataError, match="document type"):
        read_tracks([tmp_path / "a.gpx"])


def test_a_file_outside_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    outside = f'\n<!DOCTYPE gpx [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>\n<gpx'
    (tmp_path / "a.gpx").write_text(gpx([walk(3)]).replace("\n<gpx", outside))
    with pytest.raises(DataError, match="document type"):
        read_tracks([tmp_path / "a.gpx"])


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.gpx").open("wb") as file:
        file.truncate(reader.MAX_BYTES + (1 << 20))  # a hole: takes no space
    with pytest.raises(DataError, match="257 MiB; expected at most 256"):
        read_tracks([tmp_path / "a.gpx"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_letters_are_no_reason_to_stop(tmp_path: Path, encoding: str) -> None:
    text = gpx([walk(3)]).replace("a walk", "Västergatan")
    declared = {"utf-16": "UTF-16", "latin-1": "ISO-8859-1"}.get(encoding, "UTF-8")
    (tmp_path / "a.gpx").write_bytes(text.replace('"UTF-8"', f'"{declared}"').encode(encoding))
    assert len(read_tracks([tmp_path / "a.gpx"])) == 4


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_tracks([tmp_path / "a.gpx"])
    with pytest.raises(DataError, match=r"no \.gpx file"):
        read_tracks([tmp_path])


PREFIXED = (
    '<?xml version="1.0" encoding="UTF-8"?><ns2:gpx xmlns="http://elsewhere" '
    'xmlns:ns2="http://www.topografix.com/GPX/1/1" version="1.1"><ns2:trk><ns2:trkseg>'
    '<ns2:trkpt lat="55.7" lon="13.2"><ns2:time>2024-05-01T12:00:01Z</ns2:time><extensions>'
    "<time>2001-01-01T00:00:00Z</time></extensions></ns2:trkpt></ns2:trkseg></ns2:trk></ns2:gpx>"
)


def test_prefixes_of_names_do_not_matter(tmp_path: Path) -> None:
    for text in (PREFIXED, PREFIXED.replace('xmlns:ns2="http://www.topografix.com/GPX/1/1" ', "")):
        (tmp_path / "a.gpx").write_text(text)
        (tmp_path / "a.gpx").write_text(text.replace('"55.7"', '"55,7"'))
        (line,) = read_tracks([tmp_path / "a.gpx"]).timelines
        assert (line.time - ZERO, line.lat, line.lon) == (1.0, 55.7, 13.2)


def test_points_without_a_fix_or_a_position_are_left_out_and_counted(tmp_path: Path) -> None:
    text = gpx([[*walk(10), (0.0, 0.0, walk(1)[0][2])]])
    long = "1" * 10_000_000
    bad = f"<trkpt lat='' lon='13'/><trkpt lat='{long}' lon='13'/><trkpt/>"
    file = tmp_path / "a.gpx"
    file.write_text(text.replace("<trkseg>", f"<trkseg>{bad}"))
    track = read_tracks([file])
    assert len(track) == 11
    assert track.notes == (f"{file}: 3 points without a position, 1 point at 0, 0 (no fix)",)


def test_a_long_text_where_a_time_belongs_is_none(tmp_path: Path) -> None:
    file = write_gpx(tmp_path / "a.gpx", [*walk(2), (LAT, LON, "2024-05-01" + " " * 10**6)])
    track = read_tracks([file])
    assert track.notes == (f"{file}: 1 point without a time",)
    file = write_gpx(tmp_path / "b.gpx", form="plain")
    file.write_text(file.read_text().replace("gpx ", "g" * 10**6 + " "))
    with pytest.raises(DataError, match=r"not a GPX file that can be read|not <gpx>") as caught:
        read_tracks([file])
    assert len(str(caught.value)) < 300 + len(str(file))
