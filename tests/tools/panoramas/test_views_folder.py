"""Folders of panoramas to folders of views."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from camera import street, write_photo
from panorama import direction, gpano, panorama, sky, write_panorama
from PIL import Image

from beenhere.config.tools import ViewsConfig
from beenhere.errors import DataError
from beenhere.photos.exif import read_facts
from beenhere.photos.formats import read_photos
from beenhere.tools.panoramas import write_views

SMALL = ViewsConfig(views=4, fov=70, size=(24, 32), workers=1)
LUND = (55.7, 13.2)


def test_views_know_where_they_were_taken_and_which_way_they_look(tmp_path: Path) -> None:
    picture = panorama(sky, 128, heading=200)
    write_panorama(
        tmp_path / "in/a.jpg",
        picture,
        gpano(ProjectionType="equirectangular", PoseHeadingDegrees=200),
        LUND,
        captured="2024:05:01 12:30:00",
    )
    out = tmp_path / "out"
    cut = write_views(tmp_path / "in", out, SMALL)
    assert (cut.panoramas, len(cut.table)) == (1, 4)
    table = read_photos(out)
    assert table.frame["heading"].to_list() == [0, 90, 180, 270]
    assert table.frame["captured"].unique().to_list() == ["2024-05-01T12:30:00"]
    assert np.allclose(table.frame["lat"], LUND[0])
    for path, heading in zip(table.paths, table.frame["heading"], strict=True):
        facts = read_facts(path)
        assert (facts.width, facts.height, facts.heading) == (32, 24, heading)
        assert (facts.lat, facts.lon) == pytest.approx(LUND, abs=1e-6)
        seen = np.asarray(Image.open(path)).astype(float)
        wanted = sky(*map(np.float64, direction(11, 15, (24, 32), 70, 0, heading)))
        assert np.abs(seen[11, 15] - wanted).max() < 5
    # Without the table, EXIF alone says the same.
    (out / "photos.csv").unlink()
    assert read_photos(out).frame["heading"].to_list() == [0, 90, 180, 270]


def test_a_turn_turns_all_views(tmp_path: Path) -> None:
    write_panorama(tmp_path / "in/a.jpg", panorama(sky, 64), heading=10.0)
    options = SMALL.model_copy(update={"turn": -45.0})
    cut = write_views(tmp_path / "in", tmp_path / "out", options)
    assert cut.table.frame["heading"].to_list() == [315, 45, 135, 225]


@pytest.mark.parametrize("source", ["exif", "xmp over exif", "at name", "table over xmp", "none"])
def test_where_the_heading_comes_from(tmp_path: Path, source: str) -> None:
    """The middle looks to 90 degrees; whatever else says otherwise comes second."""
    folder = tmp_path / "in"
    picture = panorama(sky, 64, heading=90)
    if source == "exif":
        write_panorama(folder / "a.jpg", picture, heading=90.0)
    elif source == "xmp over exif":
        write_panorama(folder / "a.jpg", picture, gpano(PoseHeadingDegrees=90), heading=7.0)
    elif source == "at name":
        name = "@543256.96@4181327.60@10@S@37.7773@-122.49041@pano@@90@@@@201506@@.jpg"
        write_panorama(folder / name, picture, gpano(PoseHeadingDegrees=7))
    elif source == "table over xmp":
        write_panorama(folder / "a.jpg", picture, gpano(PoseHeadingDegrees=7))
        (folder / "photos.csv").write_text("path,lat,lon,heading\na.jpg,55.7,13.2,90\n")
    else:
        write_panorama(folder / "a.jpg", picture)
    cut = write_views(folder, tmp_path / "out", SMALL)
    table = read_photos(tmp_path / "out")
    known = source != "none"
    assert table.frame["heading"].to_list() == ([0, 90, 180, 270] if known else [None] * 4)
    assert len(cut.no_heading) == (0 if known else 1)
    seen = np.asarray(Image.open(table.paths[0])).astype(float)[11, 15]
    # View 0 looks north; where no heading is known, to the panorama's middle.
    wanted = direction(11, 15, (24, 32), 70, 0, 0 if known else 90)
    assert np.abs(seen - sky(*map(np.float64, wanted))).max() < 5


def test_what_is_no_panorama_is_named_and_left(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_panorama(folder / "day/a.jpg", panorama(sky, 64))
    whole = write_panorama(folder / "cut.jpg", street(64, 128)).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    write_photo(folder / "photo.jpg", (24, 32))
    cut = write_views(folder, tmp_path / "out", SMALL)
    assert cut.panoramas == 1
    assert [Path(path).name for path, _ in cut.photos] == ["photo.jpg"]
    assert [(Path(path).name, why[:7]) for path, why in cut.unusable] == [
        ("cut.jpg", "cut off"),
        ("empty.jpg", "empty f"),
    ]
    table = read_photos(tmp_path / "out")
    assert len(table) == 4
    assert not table.unusable
    written = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written == [f"a_0{i}.jpg" for i in range(4)] + ["photos.csv", "views.yaml"]


def test_no_panorama_at_all_is_an_error(tmp_path: Path) -> None:
    write_photo(tmp_path / "in/photo.jpg", (24, 32))
    with pytest.raises(DataError, match=r"no panorama among its photos; .*photo.jpg: 32 x 24"):
        write_views(tmp_path / "in", tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_views_beyond_a_partial_panorama_are_left_out(tmp_path: Path) -> None:
    part = panorama(sky, 100)[20:80, 50:150]
    tags = {
        "FullPanoWidthPixels": 200,
        "FullPanoHeightPixels": 100,
        "CroppedAreaLeftPixels": 50,
        "CroppedAreaTopPixels": 20,
        "PoseHeadingDegrees": 90,
    }
    write_panorama(tmp_path / "in/a.jpg", part, gpano(**tags))
    cut = write_views(tmp_path / "in", tmp_path / "out", SMALL)
    assert cut.table.frame["heading"].to_list() == [90]
    assert cut.partial == 3


def test_names_that_would_be_one_stay_two(tmp_path: Path) -> None:
    picture = panorama(sky, 64)
    for name in ("a.jpg", "a.png", "b/a.jpg", "@x@.jpg"):
        write_panorama(tmp_path / "in" / name, picture)
    cut = write_views(tmp_path / "in", tmp_path / "out", SMALL)
    paths = cut.table.paths
    assert len(paths) == len(set(paths)) == 16
    assert not any("@" in path for path in paths)
    assert len(read_photos(tmp_path / "out")) == 16


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in range(16):
        write_panorama(tmp_path / f"in/{number:02}.jpg", street(256, 512, number))
    command = [sys.executable, "-m", "beenhere", "data", "views"]
    command += [str(tmp_path / "in"), str(tmp_path / "out"), "--size", "64", "64"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        while process.poll() is None and len(list(tmp_path.glob("out/[!.]*.jpg"))) < 15:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/[!.]*.jpg")}
    assert 0 < len(done) < 192
    assert not (tmp_path / "out/views.yaml").exists()
    options = ViewsConfig(size=(64, 64), workers=1)
    with pytest.raises(DataError, match="other panoramas or options"):
        write_views(tmp_path / "in", tmp_path / "out", SMALL)
    write_views(tmp_path / "in", tmp_path / "out", options)
    table = read_photos(tmp_path / "out")
    assert len(table) == 192
    assert all(path.stat().st_mtime_ns == then for path, then in done.items())
    for path in table.paths[::50]:
        Image.open(path).load()


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    write_panorama(tmp_path / "in/a.jpg", panorama(sky, 64))
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write_views(tmp_path / "in", out, SMALL)
    (out / "mine.txt").unlink()
    write_views(tmp_path / "in", out, SMALL)
    with pytest.raises(DataError, match="holds views already"):
        write_views(tmp_path / "in", out, SMALL)
    with pytest.raises(DataError, match="which is to stay as it is"):
        write_views(tmp_path / "in", tmp_path / "in/out", SMALL)
    with pytest.raises(DataError, match="is a file"):
        write_views(tmp_path / "in", write_photo(tmp_path / "b.jpg"), SMALL)


def test_what_a_table_knows_is_carried_over(tmp_path: Path) -> None:
    write_panorama(tmp_path / "in/a.jpg", panorama(sky, 64), position=(1.0, 2.0))
    rows = {
        "path": ["a.jpg"],
        "easting": [386876.5],
        "northing": [6174159.25],
        "zone": ["33U"],
        "place": ["7"],
        "city": ["Lund"],
        "condition": ["night"],
        "captured": ["2015-06"],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "in/photos.parquet")
    write_views(tmp_path / "in", tmp_path / "out", SMALL)
    row = read_photos(tmp_path / "out").frame.row(0, named=True)
    assert (row["easting"], row["northing"], row["zone"]) == (386876.5, 6174159.25, "33U")
    assert (row["city"], row["condition"], row["captured"]) == ("Lund", "night", "2015-06")
    assert row["place"] is None  # views to all sides are not one place
    assert read_facts(tmp_path / "out/a_00.jpg").lat == pytest.approx(row["lat"], abs=1e-8)
