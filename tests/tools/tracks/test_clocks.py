"""The moment of a photo, as EXIF says it in its several ways."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from camera import ASCII, EXIF, GPS, RATIONAL, SHORT, Tag, jpeg, street, tiff

from beenhere.errors import ConfigError, DataError
from beenhere.tools.tracks.clocks import camera_time, moment, stated_time, time_zone

DATE, FRACTION, OFFSET = 0x9003, 0x9291, 0x9011
EAST = timezone(timedelta(hours=2))


def clock(folder: Path, exif: dict[int, str], gps: dict[int, Tag] | None = None) -> datetime | None:
    tags: dict[int, Tag] = {tag: (ASCII, text) for tag, text in exif.items()}
    folders = {EXIF: tags} | ({GPS: gps} if gps else {})
    path = folder / "a.jpg"
    path.write_bytes(jpeg(street(8, 12), tiff({0x0112: (SHORT, [1])}, folders)))
    return camera_time(str(path))


@pytest.mark.parametrize(
    ("exif", "wanted"),
    [
        ({DATE: "2024:05:01 12:30:05"}, datetime(2024, 5, 1, 12, 30, 5)),
        (
            {DATE: "2024:05:01 12:30:05", FRACTION: "25"},
            datetime(2024, 5, 1, 12, 30, 5, 250_000),
        ),
        (
            {DATE: "2024:05:01 12:30:05", FRACTION: "004 "},
            datetime(2024, 5, 1, 12, 30, 5, 4_000),
        ),
        (
            {DATE: "2024:05:01 12:30:05", FRACTION: "123456789"},
            datetime(2024, 5, 1, 12, 30, 5, 123_456),
        ),
        ({DATE: "2024:05:01 12:30:05", FRACTION: "abc"}, datetime(2024, 5, 1, 12, 30, 5)),
        ({DATE: "2024:05:01 12:30:05.5"}, datetime(2024, 5, 1, 12, 30, 5, 500_000)),
        (
            {DATE: "2024:05:01 12:30:05", OFFSET: "+02:00"},
            datetime(2024, 5, 1, 12, 30, 5, tzinfo=EAST),
        ),
        (
            {DATE: "2024:05:01 12:30:05", OFFSET: "-03:30"},
            datetime(2024, 5, 1, 12, 30, 5, tzinfo=timezone(-timedelta(hours=3.5))),
        ),
        (
            {DATE: "2024:05:01 12:30:05", OFFSET: "+00:00"},
            datetime(2024, 5, 1, 12, 30, 5, tzinfo=UTC),
        ),
        ({DATE: "2024:05:01 12:30:05", OFFSET: "   :  "}, datetime(2024, 5, 1, 12, 30, 5)),
        (
            {0x9004: "2024:05:01 12:30:05", 0x9012: "+02:00"},
            datetime(2024, 5, 1, 12, 30, 5, tzinfo=EAST),
        ),
        ({DATE: "0000:00:00 00:00:00"}, None),
        ({DATE: "2024:05:01"}, None),
        ({}, None),
    ],
)
def test_clocks_of_cameras(tmp_path: Path, exif: dict[int, str], wanted: datetime | None) -> None:
    found = clock(tmp_path, exif)
    assert found == wanted
    assert wanted is None or found is None or found.tzinfo == wanted.tzinfo


def test_gps_time_stands_in_for_a_clock(tmp_path: Path) -> None:
    gps: dict[int, Tag] = {
        7: (RATIONAL, [(12, 1), (30, 1), (525, 100)]),
        29: (ASCII, "2024:05:01"),
    }
    assert clock(tmp_path, {}, gps) == datetime(2024, 5, 1, 12, 30, 5, 250_000, tzinfo=UTC)
    assert clock(tmp_path, {DATE: "2024:05:01 14:00:00"}, gps) == datetime(2024, 5, 1, 14)
    broken: dict[int, Tag] = {7: (RATIONAL, [(12, 0), (30, 1)]), 29: (ASCII, "2024:05:01")}
    assert clock(tmp_path, {}, broken) is None


def test_a_clock_with_its_zone_needs_no_other() -> None:
    known = datetime(2024, 5, 1, 12, tzinfo=EAST)
    assert moment(known, time_zone("Asia/Tokyo")) is known


@pytest.mark.parametrize(
    ("zone", "utc_hour"),
    [("Europe/Stockholm", 10), ("+02:00", 10), ("+0200", 10), ("-3:30", 15), ("UTC", 12)],
)
def test_a_zone_is_a_name_or_an_offset(zone: str, utc_hour: int) -> None:
    found = moment(datetime(2024, 5, 1, 12), time_zone(zone)).astimezone(UTC)
    assert found.hour == utc_hour
    assert found.minute == (30 if zone == "-3:30" else 0)


@pytest.mark.parametrize("zone", ["Europe/Stokholm", "CEST2", "+25:00", "", "../etc/passwd", "/x"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ConfigError, match=r"expected an offset such as \+02:00 or a name such as"):
        time_zone(zone)


def test_the_nearest_zone_is_named() -> None:
    with pytest.raises(ConfigError, match="Europe/Stockholm"):
        time_zone("Europe/Stokholm")


def test_an_hour_that_was_twice_or_never_is_not_guessed() -> None:
    stockholm = time_zone("Europe/Stockholm")
    with pytest.raises(DataError, match="2024-10-27 02:30:00 was twice in Europe/Stockholm"):
        moment(datetime(2024, 10, 27, 2, 30), stockholm)
    with pytest.raises(DataError, match="2024-03-31 02:30:00 was never in Europe/Stockholm"):
        moment(datetime(2024, 3, 31, 2, 30), stockholm)
    assert moment(datetime(2024, 10, 27, 3, 30), stockholm).astimezone(UTC).hour == 2
    assert moment(datetime(2024, 10, 27, 1, 30), stockholm).astimezone(UTC).hour == 23


def test_no_zone_is_said() -> None:
    with pytest.raises(DataError, match="no UTC offset"):
        moment(datetime(2024, 5, 1), None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-05-01T12:30:05", datetime(2024, 5, 1, 12, 30, 5)),
        ("2024-05-01T12:30:05.25", datetime(2024, 5, 1, 12, 30, 5, 250_000)),
        ("2024-05-01T12:30:05Z", datetime(2024, 5, 1, 12, 30, 5, tzinfo=UTC)),
        ("2024-05-01T12:30+0200", datetime(2024, 5, 1, 12, 30, tzinfo=EAST)),
        ("2024-05-01", None),
        ("2024", None),
        (None, None),
    ],
)
def test_times_of_a_table(text: str | None, wanted: datetime | None) -> None:
    assert stated_time(text) == wanted
