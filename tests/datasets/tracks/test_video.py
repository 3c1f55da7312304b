"""Frames of real videos, made by ffmpeg, along a track."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tracks import LAT, START, walk, write_gpx

from beenhere.config import FramesConfig, TrackConfig
from beenhere.datasets.formats import read_photos
from beenhere.datasets.tracks import TrackedFrames, read_tracks, track_video
from beenhere.datasets.tracks.ffmpeg import frames, read_video
from beenhere.datasets.tracks.photo_times import camera_time
from beenhere.errors import ConfigError, DataError
from beenhere.exif import read_facts

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None,
    reason="needs ffmpeg and ffprobe: apt install ffmpeg",
)
SIZE = (64, 96)


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


def make(path: Path, *arguments: str, seconds: int = 20, start: datetime | None = START) -> Path:
    """A video of 10 frames a second, each of another grey, red at its left and top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = "geq=r='if(lt(X,16)+lt(Y,8),255,N)':g='if(lt(X,16)+lt(Y,8),0,N)':b='N'"
    source = f"nullsrc=size={SIZE[1]}x{SIZE[0]}:rate=10,format=gbrp,{grey}"
    date = ["-metadata", f"creation_time={start:%Y-%m-%dT%H:%M:%S.%fZ}"] if start else []
    ffmpeg(
        *("-f", "lavfi", "-i", source, "-t", str(seconds), "-pix_fmt", "yuv444p"),
        *("-c:v", "libx264", "-qp", "4", "-g", "23", *date, *arguments, str(path)),
    )
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("video") / "walk.mp4")


def run(
    video: Path,
    out: Path,
    options: TrackConfig = TrackConfig(),
    which: FramesConfig = FramesConfig(),
    seconds: int = 120,
) -> TrackedFrames:
    gpx = write_gpx(out.parent / "walk.gpx", walk(seconds))
    return track_video(video, read_tracks([gpx]), out, options, which)


def number(picture: NDArray[np.uint8]) -> float:
    """Which frame it is, by its grey."""
    return float(np.median(picture[20:, 30:]))


@needs_ffmpeg
def test_a_video_says_when_and_how_its_frames_lie(video: Path) -> None:
    found = read_video(video)
    assert found.start == START
    assert found.times == pytest.approx(np.arange(200) / 10, abs=1e-6)


@needs_ffmpeg
def test_exactly_the_frames_asked_for_come_out(video: Path) -> None:
    found = read_video(video)
    rows = [0, 1, 22, 23, 24, 100, *range(120, 196, 1), 199]  # more than one call of ffmpeg
    pictures = list(frames(found, rows))
    assert len(pictures) == len(rows)
    assert [number(picture) for picture in pictures] == pytest.approx(rows, abs=1.5)
    assert pictures[0].shape == (*SIZE, 3)


@needs_ffmpeg
@pytest.mark.parametrize("ending", [".mkv", ".mov", ".ts.mts"])
def test_other_containers(tmp_path: Path, ending: str) -> None:
    """Transport streams begin to count anywhere; a Matroska file says its start otherwise."""
    found = read_video(make(tmp_path / f"a{ending}", "-bf", "2", seconds=5))
    assert found.times == pytest.approx(np.arange(50) / 10, abs=2e-3)
    assert [number(p) for p in frames(found, [0, 7, 49])] == pytest.approx([0, 7, 49], abs=1.5)


@needs_ffmpeg
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
        assert number(np.asarray(Image.open(path))) == pytest.approx(at * 10, abs=2)
    assert tracked.uncovered == 0


@needs_ffmpeg
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


@needs_ffmpeg
def test_a_video_filmed_upright_gives_upright_frames(tmp_path: Path) -> None:
    """Stored lying on its side with a rotation, as phones do."""
    lying = make(tmp_path / "lying.mp4", seconds=3)
    turned = tmp_path / "turned.mp4"
    _turn_left(lying, turned)
    (plain,) = frames(read_video(lying), [7])
    (upright,) = frames(read_video(turned), [7])
    assert np.abs(upright.astype(int) - np.rot90(plain)).max() < 8


def _turn_left(video: Path, out: Path) -> None:
    """A quarter counter-clockwise, by metadata alone: by an option since ffmpeg 6, else a tag."""
    command = ["ffmpeg", "-v", "error", "-display_rotation:v:0", "90", "-i", str(video)]
    if subprocess.run(
        [*command, "-c", "copy", str(out)], check=False, capture_output=True
    ).returncode:
        ffmpeg("-i", str(video), "-c", "copy", "-metadata:s:v", "rotate=90", str(out))


@needs_ffmpeg
def test_only_what_the_track_covers_is_taken(video: Path, tmp_path: Path) -> None:
    tracked = run(video, tmp_path / "out", which=FramesConfig(every_seconds=1), seconds=6)
    assert len(tracked.table) == 7
    assert tracked.uncovered == pytest.approx(13.9, abs=0.2)
    with pytest.raises(
        DataError, match="no position for any of it: the video is from 2024-05-01 1"
    ):
        run(video, tmp_path / "none", TrackConfig(shift=-3600))
    assert not (tmp_path / "none").exists()


@needs_ffmpeg
def test_a_start_can_be_given(tmp_path: Path) -> None:
    silent = make(tmp_path / "a.mp4", "-map_metadata", "-1", seconds=2, start=None)
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


@needs_ffmpeg
def test_clocks_that_are_changed_on_the_way_are_no_matter(tmp_path: Path) -> None:
    changed = datetime(2024, 10, 27, 0, 59, 58, tzinfo=UTC)  # two seconds before winter time
    video = make(tmp_path / "a.mp4", seconds=5, start=changed)
    points = [(LAT, 13.2, f"{changed + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}") for s in range(9)]
    gpx = read_tracks([write_gpx(tmp_path / "a.gpx", points)])
    options, which = TrackConfig(timezone="Europe/Stockholm"), FramesConfig(every_seconds=4)
    tracked = track_video(video, gpx, tmp_path / "out", options, which)
    assert tracked.table.frame["captured"].to_list() == [
        "2024-10-27T02:59:58.000+02:00",
        "2024-10-27T02:00:02.000+01:00",
    ]


@needs_ffmpeg
@pytest.mark.parametrize("content", [b"", b"not a video", b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"])
def test_what_is_no_video_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match="no video that ffprobe can read") as caught:
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@needs_ffmpeg
def test_a_damaged_video_leaves_nothing_behind(video: Path, tmp_path: Path) -> None:
    data = bytearray(make(tmp_path / "a.mp4", "-g", "1", "-movflags", "+faststart").read_bytes())
    middle = len(data) // 2
    data[middle:] = bytes(len(data) - middle)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(DataError, match=r"frames between .* cannot be decoded"):
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_ffmpeg_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"ffprobe is not installed.*apt install ffmpeg"):
        run(tmp_path / "a.mp4", tmp_path / "out")


def test_two_measures_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="either every_metres or every_seconds"):
        FramesConfig(every_metres=1, every_seconds=1)
