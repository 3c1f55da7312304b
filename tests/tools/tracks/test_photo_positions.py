"""Photos along a track: real JPEGs with EXIF times, real GPX."""

from pathlib import Path

import numpy as np
import pytest
from camera import ASCII, EXIF, SHORT, Tag, jpeg, street, tiff, write_photo
from tracks import LAT, LON, START, point, walk, write_gpx

from beenhere.config.tools import TrackConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.formats import read_photos
from beenhere.tools.tracks import TrackedPhotos, read_tracks, track_photos
from beenhere.tools.tracks.interpolate import agreement
from beenhere.tools.tracks.track import Track, timeline

STOCKHOLM = TrackConfig(timezone="Europe/Stockholm")
ZERO = START.timestamp()


def photo(path: Path, clock: str, offset: str = "", fraction: str = "") -> Path:
    """A photo of May 1, 2024, with EXIF's three tags of time."""
    tags: dict[int, Tag] = {0x9003: (ASCII, f"2024:05:01 {clock}")}
    if offset:
        tags[0x9011] = (ASCII, offset)
    if fraction:
        tags[0x9291] = (ASCII, fraction)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(street(8, 12), tiff({0x0112: (SHORT, [1])}, {EXIF: tags})))
    return path


def tracked(folder: Path, options: TrackConfig = STOCKHOLM) -> TrackedPhotos:
    gpx = write_gpx(folder / "walk.gpx", walk(120))
    return track_photos(read_photos(folder / "photos"), read_tracks([gpx]), options)


def position(found: TrackedPhotos, name: str) -> dict[str, object]:
    rows = found.table.frame.to_dicts()
    return next(row for row in rows if Path(str(row["path"])).name == name)


def seconds_on_the_way(found: TrackedPhotos, name: str) -> float:
    row = position(found, name)
    north, east = (float(str(row["lat"])) - LAT) / 2e-5, (float(str(row["lon"])) - LON) / 1e-5
    assert north == pytest.approx(east, abs=1e-3)
    return north


def test_photos_get_the_position_of_their_moment(tmp_path: Path) -> None:
    photo(tmp_path / "photos/local.jpg", "14:00:10")
    photo(tmp_path / "photos/fraction.jpg", "14:00:10", fraction="75")
    photo(tmp_path / "photos/tokyo.jpg", "21:01:00", offset="+09:00")
    photo(tmp_path / "photos/utc.jpg", "12:01:30", offset="+00:00")
    found = tracked(tmp_path)
    assert seconds_on_the_way(found, "local.jpg") == pytest.approx(10, abs=1e-3)
    assert seconds_on_the_way(found, "fraction.jpg") == pytest.approx(10.75, abs=1e-3)
    assert seconds_on_the_way(found, "tokyo.jpg") == pytest.approx(60, abs=1e-3)
    assert seconds_on_the_way(found, "utc.jpg") == pytest.approx(90, abs=1e-3)
    assert (found.placed, found.kept, found.missed) == (4, 0, [])
    assert position(found, "local.jpg")["captured"] == "2024-05-01T14:00:10+02:00"
    assert position(found, "tokyo.jpg")["captured"] == "2024-05-01T21:01:00+09:00"
    assert position(found, "local.jpg")["heading"] is None
    assert position(found, "local.jpg")["zone"] == "33U"


def test_originals_stay_as_they_are(tmp_path: Path) -> None:
    path = photo(tmp_path / "photos/a.jpg", "14:00:10")
    before = path.read_bytes(), path.stat().st_mtime_ns
    tracked(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("shift", [-7.5, 30.0])
def test_a_shift_moves_the_clock(tmp_path: Path, shift: float) -> None:
    photo(tmp_path / "photos/a.jpg", "14:00:40")
    found = tracked(tmp_path, TrackConfig(timezone="+02:00", shift=shift))
    assert seconds_on_the_way(found, "a.jpg") == pytest.approx(40 + shift, abs=1e-3)


def test_what_is_not_on_the_track_is_named_not_guessed(tmp_path: Path) -> None:
    photo(tmp_path / "photos/on.jpg", "14:00:10")
    photo(tmp_path / "photos/before.jpg", "13:59:30")
    photo(tmp_path / "photos/after.jpg", "17:02:00")
    photo(tmp_path / "photos/gap.jpg", "14:32:00")
    write_photo(tmp_path / "photos/timeless.jpg")
    (tmp_path / "photos/empty.jpg").touch()
    gpx = write_gpx(tmp_path / "a.gpx", [*walk(120), *walk(3700, first=3600)])
    found = track_photos(read_photos(tmp_path / "photos"), read_tracks([gpx]), STOCKHOLM)
    assert {Path(path).name: why for path, why in found.missed} == {
        "before.jpg": "30 s before the track starts (2024-05-01 12:00Z)",
        "after.jpg": "2.0 h after the track ends (2024-05-01 13:01Z)",
        "gap.jpg": "in a gap of the track: 58 min, 8,051 m",
        "timeless.jpg": "says no time",
    }
    assert [Path(path).name for path, _ in found.unusable] == ["empty.jpg"]
    assert len(found.table) == 5
    assert found.placed == 1
    assert position(found, "gap.jpg")["lat"] is None


def test_unclear_clocks_are_not_guessed(tmp_path: Path) -> None:
    photo(tmp_path / "photos/a.jpg", "14:00:10")
    photo(tmp_path / "photos/b.jpg", "14:00:10", offset="+02:00")
    with pytest.raises(DataError, match=r"a.jpg: its time 2024-05-01 14:00:10 has no UTC offset"):
        tracked(tmp_path, TrackConfig())
    with pytest.raises(ConfigError, match="timezone is 'Mars'"):
        tracked(tmp_path, TrackConfig(timezone="Mars"))


def test_no_clock_at_all_is_an_error(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos/a.jpg")
    with pytest.raises(DataError, match="none of the 1 photos says when it was taken"):
        tracked(tmp_path)


def test_a_photo_with_a_position_keeps_it_and_is_compared(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos/own.jpg", position=(LAT, LON), captured="2024:05:01 14:00:10")
    photo(tmp_path / "photos/a.jpg", "14:00:20")
    found = tracked(tmp_path)
    assert position(found, "own.jpg")["lat"] == pytest.approx(LAT, abs=1e-7)
    assert (found.placed, found.kept) == (1, 1)
    assert found.agreement.photos == 1
    assert found.agreement.median == pytest.approx(23.1, abs=0.2)  # ten seconds on
    # Without a time zone it cannot be compared, which is no reason to stop.
    photo(tmp_path / "photos/a.jpg", "14:00:20", offset="+02:00")
    assert tracked(tmp_path, TrackConfig()).agreement.photos == 0


def test_headings_only_where_they_are_asked_for(tmp_path: Path) -> None:
    photo(tmp_path / "photos/a.jpg", "14:00:20")
    ahead = tracked(tmp_path, STOCKHOLM.model_copy(update={"mount": 0.0}))
    right = tracked(tmp_path, STOCKHOLM.model_copy(update={"mount": 90.0}))
    way = np.degrees(np.arctan2(1e-5 * np.cos(np.radians(LAT)), 2e-5))
    assert position(ahead, "a.jpg")["heading"] == pytest.approx(way, abs=0.3)
    assert position(right, "a.jpg")["heading"] == pytest.approx(way + 90, abs=0.3)


def test_a_table_says_the_time_where_exif_does_not(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos/a.jpg")
    write_photo(tmp_path / "photos/b.jpg")
    (tmp_path / "photos/list.csv").write_text(
        "path,captured,place\na.jpg,2024-05-01T14:00:10,7\nb.jpg,2024-05-01T12:00:20Z,8\n"
    )
    gpx = write_gpx(tmp_path / "walk.gpx", walk(120))
    table = read_photos(tmp_path / "photos/list.csv")
    found = track_photos(table, read_tracks([gpx]), STOCKHOLM)
    assert seconds_on_the_way(found, "a.jpg") == pytest.approx(10, abs=1e-3)
    assert seconds_on_the_way(found, "b.jpg") == pytest.approx(20, abs=1e-3)
    assert found.table.frame["place"].to_list() == ["7", "8"]


def winding(seconds: int) -> Track:
    """A way that crosses itself nowhere and has no two parts alike."""
    rng = np.random.default_rng(5)
    turns = np.cumsum(rng.normal(0, 0.05, seconds))
    lat = LAT + np.cumsum(np.cos(turns)) * 1.5e-5
    lon = LON + np.cumsum(np.sin(turns)) * 2.6e-5
    return Track((timeline(ZERO + np.arange(float(seconds)), lat, lon),))


@pytest.mark.parametrize("off", [-7200.0, -37.0, 412.0])
def test_a_clock_that_is_off_is_found(off: float) -> None:
    track = winding(3000)
    line = track.timelines[0]
    rows = np.arange(200, 2800, 130)
    rng = np.random.default_rng(1)
    lat = line.lat[rows] + rng.normal(0, 2e-5, len(rows))
    found = agreement(track, line.time[rows] - off, lat, line.lon[rows], 60, 200)
    assert found.better_shift == pytest.approx(off, abs=2)
    assert found.better_median is not None
    assert found.better_median < 4
    assert found.median is None if off == -7200 else found.median > 20


def test_a_clock_that_is_right_is_left_alone() -> None:
    track = winding(3000)
    line = track.timelines[0]
    rows = np.arange(200, 2800, 130)
    lat = line.lat[rows] + np.random.default_rng(1).normal(0, 2e-5, len(rows))
    found = agreement(track, line.time[rows], lat, line.lon[rows], 60, 200)
    assert found.photos == len(rows)
    assert found.better_shift is None
    assert found.median == pytest.approx(1.5, abs=0.7)
    # Two seconds are a few metres: no clock is better than that.
    near = agreement(track, line.time[rows] - 2, line.lat[rows], line.lon[rows], 60, 200)
    assert near.median == pytest.approx(4, abs=1)
    assert near.better_shift is None
    # Nor do two photos, or photos of somewhere else, say what the clock should be.
    two = agreement(track, line.time[rows[:2]] - 37, lat[:2], line.lon[rows[:2]], 60, 200)
    assert two.better_shift is None
    away = agreement(track, line.time[rows], lat + 1, line.lon[rows], 60, 200)
    assert away.better_shift is None


def test_points_come_from_the_tracks_own_file(tmp_path: Path) -> None:
    """A point with a fraction of a second, and one photo just there."""
    gpx = write_gpx(tmp_path / "a.gpx", [point(0.5, LAT, LON, "%Y-%m-%dT%H:%M:%S.%fZ")])
    photo(tmp_path / "photos/a.jpg", "14:00:00", fraction="5")
    found = track_photos(read_photos(tmp_path / "photos"), read_tracks([gpx]), STOCKHOLM)
    assert position(found, "a.jpg")["lat"] == pytest.approx(LAT, abs=1e-9)
