"""``beenhere data views`` as a process: what a person reads, and how it ends."""

import subprocess
from pathlib import Path

import pytest
from camera import street, write_photo
from panorama import gpano, panorama, sky, write_panorama


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    whole = gpano(ProjectionType="equirectangular", PoseHeadingDegrees=30)
    write_panorama(tmp_path / "walk/R1.jpg", panorama(sky, 64), whole, (55.7, 13.2))
    write_panorama(tmp_path / "walk/R2.jpg", panorama(sky, 64))
    write_photo(tmp_path / "walk/IMG.jpg")
    (tmp_path / "walk/R3.jpg").touch()
    return tmp_path


def run(warm_python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(warm_python / "beenhere"), "data", "views", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_what_a_person_reads(warm_python: Path, folder: Path) -> None:
    done = run(warm_python, folder, "walk", "views", "--views", "4", "--size", "32", "48")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "views: 8 views of 2 panoramas, 60 degrees wide, 48 x 32 pixels",
        "  without a heading, as are their views: 1",
        "    walk/R2.jpg",
        "  no panoramas, left as they are: 1",
        "    walk/IMG.jpg: 32 x 24 pixels, no XMP tags of a panorama; "
        "a panorama is twice as wide as high",
        "  cannot be used: 1",
        "    walk/R3.jpg: empty file (0 bytes)",
        "Have a look: beenhere data show views",
    ]


def test_long_lists_are_cut_unless_asked_for(warm_python: Path, folder: Path) -> None:
    for number in range(7):
        write_panorama(folder / f"walk/P{number}.jpg", street(30, 40, number))
    short = run(warm_python, folder, "walk", "a", "--size", "16", "16").stdout
    assert "  no panoramas, left as they are: 8\n" in short
    assert "    ... and 3 more (--list)\n" in short
    long = run(warm_python, folder, "walk", "b", "--size", "16", "16", "--list").stdout
    assert long.count("no XMP tags") == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["walk", "walk"], "walk lies in walk, which is to stay as it is"),
        (["nowhere", "views"], "nowhere: no such file or folder"),
        (["walk", "views", "--fov", "180"], "--fov is"),
        (["walk", "views", "--views", "0"], "--views is"),
        (["walk", "views", "--size", "512"], "size"),
    ],
)
def test_bad_input_is_one_line(
    warm_python: Path, folder: Path, arguments: list[str], message: str
) -> None:
    done = run(warm_python, folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "views").exists()
