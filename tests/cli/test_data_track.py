"""``beenhere data track`` as a process: what a person reads, and how it ends."""

import subprocess
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from camera import write_photo
from tracks import LAT, LON, START, walk, write_gpx
from videos import write_video

from beenhere.photos.formats import read_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_gpx(tmp_path / "walk.gpx", walk(120), form="garmin")
    for second in (10, 50):
        write_photo(tmp_path / f"photos/{second}.jpg", captured=f"2024:05:01 14:00:{second}")
    write_photo(
        tmp_path / "photos/own.jpg",
        position=(LAT + 30 * 2e-5, LON + 30 * 1e-5),
        captured="2024:05:01 14:00:30",
    )
    write_photo(tmp_path / "photos/late.jpg", captured="2024:05:01 18:00:00")
    return tmp_path


def run(warm_python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(warm_python / "beenhere"), "data", "track", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["photos.csv", "photos/table.parquet", "new/photos.csv"])
def test_photos_get_a_table(warm_python: Path, folder: Path, name: str) -> None:
    arguments = ("photos", name, "--gpx", "walk.gpx", "--timezone", "Europe/Stockholm")
    done = run(warm_python, folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{name}: 4 photos: 2 placed by the track (121 points), 1 had a position, 1 has none",
        "  their own positions are 0.0 m from the track at their times (median of 1)",
        "  without a position: 1",
        "    photos/late.jpg: 4.0 h after the track ends (2024-05-01 12:02Z)",
        f"Have a look: beenhere data show {name}",
    ]
    table = read_photos(folder / name)
    assert not table.unusable
    assert sorted(Path(path).name for path in table.paths) == [
        "10.jpg",
        "50.jpg",
        "late.jpg",
        "own.jpg",
    ]
    assert table.positions.known.sum() == 3
    raw = pl.read_csv(folder / name) if name.endswith(".csv") else pl.read_parquet(folder / name)
    first = {"photos": "photos/10.jpg", "photos/table": "10.jpg", "new/photos": "../photos/10.jpg"}
    assert raw["path"].sort()[0] == first[name.rpartition(".")[0]]


def test_a_better_shift_is_proposed(warm_python: Path, folder: Path) -> None:
    for second in (21, 45, 77):
        place = LAT + second * 2e-5, LON + second * 1e-5
        clock = f"2024:05:01 14:{(second + 20) // 60:02}:{(second + 20) % 60:02}"
        write_photo(folder / f"fast/{second}.jpg", position=place, captured=clock)
    arguments = ("fast", "a.csv", "--gpx", "walk.gpx", "--timezone", "+02:00")
    assert "with --shift -20 they would be 0." in run(warm_python, folder, *arguments).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "a.csv"], "--gpx"),
        (["photos", "a.csv", "--gpx", "walk.gpx"], "give --timezone"),
        (["photos", "a.txt", "--gpx", "walk.gpx"], "expected a name in .csv or .parquet"),
        (["photos", "walk.gpx", "--gpx", "walk.gpx"], "is there already"),
        (["nowhere", "a.csv", "--gpx", "walk.gpx"], "nowhere: no such file or folder"),
        (["photos", "a.csv", "--gpx", "no.gpx"], "no.gpx: no such file"),
        (
            ["photos", "a.csv", "--gpx", "walk.gpx", "--every-metres", "5"],
            "--every-metres is for a video",
        ),
        (["photos", "a.csv", "--gpx", "walk.gpx", "--max-seconds", "-1"], "--max-seconds is"),
        (
            ["photos", "a.csv", "--gpx", "walk.gpx", "--every-seconds", "2", "--every-metres", "3"],
            "beenhere: give either --every-metres or --every-seconds. Try 'beenhere data track",
        ),
        (["ride.mp4", "a.csv", "--gpx", "walk.gpx"], "a.csv is to be a folder of frames"),
        (["ride.mp4", "a.tsv", "--gpx", "walk.gpx"], "a.tsv is to be a folder of frames"),
        (["ride.MP4", "a.parquet", "--gpx", "walk.gpx"], "a.parquet is to be a folder of frames"),
    ],
)
def test_bad_input_is_one_line(
    warm_python: Path, folder: Path, arguments: list[str], message: str
) -> None:
    before = (folder / "walk.gpx").read_bytes()
    done = run(warm_python, folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "walk.gpx").read_bytes() == before
    assert not (folder / "a.csv").exists()


def test_a_video_gets_a_folder(warm_python: Path, folder: Path) -> None:
    write_video(folder / "walk.mp4", start=START - timedelta(seconds=10))
    arguments = ("walk.mp4", "frames", "--gpx", "walk.gpx", "--every-seconds", "2", "--mount", "0")
    done = run(warm_python, folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "frames: 5 frames of walk.mp4 (20 s from 2024-05-01T11:59:50+00:00 on)",
        "  seconds for which the track has no position: 10",
        "Have a look: beenhere data show frames",
    ]
    table = read_photos(folder / "frames")
    assert len(table) == 5
    assert table.frame["heading"].null_count() == 0
    again = run(warm_python, folder, *arguments)
    assert again.returncode == 2
    assert "frames is there already" in again.stderr
