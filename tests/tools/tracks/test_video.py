"""Frames of real videos along a track."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tracks import LAT, START, walk, write_gpx
from videos import SIZE, number_of, write_video

from beenhere.config.tools import FramesConfig, TrackConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.exif import read_facts
from beenhere.photos.formats import read_photos
from beenhere.tools.tracks import TrackedFrames, read_tracks, track_video
from beenhere.tools.tracks.clocks import camera_time
from beenhere.tools.tracks.video import frames, read_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", start=START)


def run(
    video: Path,
    out: Path,
    options: TrackConfig = TrackConfig(),
    which: FramesConfig = FramesConfig(),
    seconds: int = 120,
) -> TrackedFrames:
    gpx = write_gpx(out.parent / "walk.gpx", walk(seconds))
    return track_video(video, read_tracks([gpx]), out, options, which)


def test_a_video_says_when_and_how_its_frames_lie(video: Path) -> None:
    found = read_video(video)
    assert found.start == START
    assert found.times == pytest.approx(np.arange(200) / 10, abs=1e-6)


def test_exactly_the_frames_asked_for_come_out(video: Path) -> None:
    found = read_video(video)
    rows = [0, 1, 22, 23, 24, 100, *range(120, 196, 1), 199]
    pictures = list(frames(found, rows))
    assert len(pictures) == len(rows)
    assert [number_of(picture) for picture in pictures] == pytest.approx(rows, abs=1.5)
    assert pictures[0].shape == (*SIZE, 3)


@pytest.mark.parametrize("ending", [".mkv", ".mov", ".ts.mts"])
def test_other_containers(tmp_path: Path, ending: str) -> None:
    """Transport streams begin to count anywhere; a Matroska file says its start otherwise."""
    found = read_video(write_video(tmp_path / f"a{ending}", 50, coding={"bf": "2"}))
    assert found.times == pytest.approx(np.arange(50) / 10, abs=2e-3)
    assert [number_of(p) for p in frames(found, [0, 7, 49])] == pytest.approx([0, 7, 49], abs=1.5)


def test_frames_every_few_seconds(video: Path, tmp_path: Path) -> None:
    tracked = run(video, tmp_path / "out", which=FramesConfig(every_seconds=2.5))
    table = read_photos(tmp_path / "out")
    assert len(table) == len(tracked.table) == 8
    seconds = np.arange(8) * 2.5
    assert table.frame["lat"].to_numpy() == pytest.approx(LAT + seconds * 2e-5, abs=1e-9)
    for path, at in zip(table.paths, seconds, strict=True):
        facts = read_facts(path)
        assert facts.lat == pytest.approx(LAT + at * 2e-5, abs=1e-8)
        assert camera_time(path) == START + timedelta(seconds=float(at))
        assert number_of(np.asarray(Image.open(path))) == pytest.approx(at * 10, abs=2)
    assert tracked.uncovered == 0


def test_frames_every_few_metres_stand_still_with_the_camera(video: Path, tmp_path: Path) -> None:
    # 2.31 m a second for 10 s, then the camera stands.
    way = walk(10) + [
        (walk(10)[-1][0], walk(10)[-1][1], f"2024-05-01T12:00:{s}Z") for s in (15, 20)
    ]
    gpx = write_gpx(tmp_path / "a.gpx", way)
    which = FramesConfig(every_metres=4)
    track_video(video, read_tracks([gpx]), tmp_path / "out", TrackConfig(mount=0), which)
    table = read_photos(tmp_path / "out")
    metres = (
        table.frame["northing"].diff()[1:] ** 2 + table.frame["easting"].diff()[1:] ** 2
    ).sqrt()
    assert len(table) == 6  # at 0, 4, 8, ... 20 m of 23.1
    assert metres.min() > 4
    assert metres.max() < 4 + 0.24
    assert table.frame["heading"].null_count() == 0


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_video_filmed_upright_gives_upright_frames(tmp_path: Path, rotation: int) -> None:
    """Stored lying on its side with a rotation, as phones do."""
    (plain,) = frames(read_video(write_video(tmp_path / "a.mp4", 10)), [7])
    turned = write_video(tmp_path / "turned.mp4", 10, rotation=rotation)
    (upright,) = frames(read_video(turned), [7])
    assert np.abs(upright.astype(int) - np.rot90(plain, rotation // 90)).max() < 8


def test_a_mirrored_video_gives_the_picture_as_it_is_shown(tmp_path: Path) -> None:
    """As cameras that look at their owner write it: x' = -x, in the track header of the file."""
    path = write_video(tmp_path / "a.mp4", 10)
    (plain,) = frames(read_video(path), [7])
    data = path.read_bytes()
    matrix = data.index(b"tkhd") + 44
    assert data[matrix : matrix + 4] == (1 << 16).to_bytes(4)
    minus = (-1 << 16).to_bytes(4, signed=True)
    path.write_bytes(data[:matrix] + minus + data[matrix + 4 :])
    (mirrored,) = frames(read_video(path), [7])
    assert np.abs(mirrored.astype(int) - plain[:, ::-1]).max() < 8


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_frames_at_uneven_times_keep_them(tmp_path: Path, ending: str) -> None:
    times = np.random.default_rng(0).integers(20, 300, 80).cumsum()
    path = write_video(tmp_path / f"a{ending}", 80, times=times.tolist(), coding={"bf": "2"})
    found = read_video(path)
    assert found.times == pytest.approx((times - times[0]) / 1000, abs=1e-9)
    assert [number_of(p) for p in frames(found, [3, 40, 79])] == pytest.approx([3, 40, 79], abs=1.5)


@pytest.mark.parametrize("ending", [".mp4", ".mts"])
def test_frames_far_apart_are_found_without_decoding_what_lies_between(
    tmp_path: Path, ending: str
) -> None:
    found = read_video(write_video(tmp_path / f"a{ending}", 700, coding={"g": "40", "bf": "3"}))
    rows = [0, 39, 40, 299, 300, 301, 640, 699]
    grey = [number_of(picture) for picture in frames(found, rows)]
    assert grey == pytest.approx([row % 256 for row in rows], abs=1.5)


def test_only_what_the_track_covers_is_taken(video: Path, tmp_path: Path) -> None:
    tracked = run(video, tmp_path / "out", which=FramesConfig(every_seconds=1), seconds=6)
    assert len(tracked.table) == 7
    assert tracked.uncovered == pytest.approx(13.9, abs=0.2)
    with pytest.raises(
        DataError, match="no position for any of it: the video is from 2024-05-01 1"
    ):
        run(video, tmp_path / "none", TrackConfig(shift=-3600))
    assert not (tmp_path / "none").exists()


def test_a_start_can_be_given(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "a.mp4", 20)
    with pytest.raises(DataError, match="does not say when it starts"):
        run(silent, tmp_path / "out")
    with pytest.raises(ConfigError, match="start is 'noon'"):
        run(silent, tmp_path / "out", which=FramesConfig(start="noon"))
    with pytest.raises(DataError, match="no UTC offset"):
        run(silent, tmp_path / "out", which=FramesConfig(start="2024-05-01T14:00:30"))
    options = TrackConfig(timezone="Europe/Stockholm", shift=0.5)
    tracked = run(silent, tmp_path / "out", options, FramesConfig(start="2024-05-01T14:00:30"))
    assert tracked.start.astimezone(UTC) == START + timedelta(seconds=30.5)
    assert tracked.table.frame["captured"][0] == "2024-05-01T14:00:30.500+02:00"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_clocks_that_are_changed_on_the_way_are_no_matter(tmp_path: Path) -> None:
    changed = datetime(2024, 10, 27, 0, 59, 58, tzinfo=UTC)  # two seconds before winter time
    video = write_video(tmp_path / "a.mp4", 50, changed)
    points = [(LAT, 13.2, f"{changed + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}") for s in range(9)]
    gpx = read_tracks([write_gpx(tmp_path / "a.gpx", points)])
    options, which = TrackConfig(timezone="Europe/Stockholm"), FramesConfig(every_seconds=4)
    tracked = track_video(video, gpx, tmp_path / "out", options, which)
    assert tracked.table.frame["captured"].to_list() == [
        "2024-10-27T02:59:58.000+02:00",
        "2024-10-27T02:00:02.000+01:00",
    ]


@pytest.mark.parametrize("content", [b"", b"not a video", b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"])
def test_what_is_no_video_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match="no video that can be read") as caught:
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_damaged_video_leaves_nothing_behind(video: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", start=START, coding={"g": "1"}, movflags="+faststart")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle:] = bytes(len(data) - middle)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(DataError, match=r"frames between .* cannot be decoded"):
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video_that_is_cut_off_gives_the_frames_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", start=START)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = read_video(path)
    assert 50 < len(found.stamps) < 150
    assert [number_of(p) for p in frames(found, [0, 40])] == pytest.approx([0, 40], abs=1.5)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        second = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        second.rate = 8000
        out.mux(sound.encode(second))
        out.mux(sound.encode())
    with pytest.raises(DataError, match=r"a\.mp4: holds no video$"):
        run(tmp_path / "a.mp4", tmp_path / "out")


def test_two_measures_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="either every_metres or every_seconds"):
        FramesConfig(every_metres=1, every_seconds=1)
