"""Writing a city: the same bytes whoever works on it, and nothing of anybody else's touched."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from beenhere.city import CityFolder, write_city
from beenhere.config.tools import CityConfig
from beenhere.errors import DataError
from beenhere.files.atomic import BESIDE

OPTIONS = CityConfig(
    seed=3, cities=2, places=3, images_per_place=2, database=6, queries=5, size=32, workers=1
)


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> CityFolder:
    return write_city(tmp_path_factory.mktemp("city") / "out", OPTIONS)


def test_trees(city: CityFolder) -> None:
    assert len(list(city.gsv_xs.glob("train/*/*.jpg"))) == 6
    assert len(list(city.gsv_xs.glob("train/*"))) == 2
    for root in (city.sf_xs / "val", city.sf_xs / "test", city.tokyo_xs / "test"):
        assert len(list(root.glob("database/*.jpg"))) == 6
        assert len(list(root.glob("queries/*.jpg"))) == 5
    assert (city.places, city.photos) == (3, 39)
    assert len(list(city.root.rglob("*.jpg"))) == 39


def test_photos_are_of_the_size_asked(city: CityFolder) -> None:
    for path in city.root.rglob("*.jpg"):
        with Image.open(path) as photo:
            assert photo.size == (32, 32)
            # A street is never one flat colour.
            assert np.asarray(photo).std() > 3


def test_record_tells_what_was_written(city: CityFolder) -> None:
    record = yaml.safe_load((city.root / "city.yaml").read_text())
    assert record["options"] == OPTIONS.model_dump(exclude={"workers"})
    assert record["photos"] == {
        "training": 6, "sf_xs/val": 11, "sf_xs/test": 11, "tokyo_xs/test": 11
    }  # fmt: skip


def test_conditions_stand_beside_each_evaluation_set(city: CityFolder) -> None:
    for root in (city.sf_xs / "val", city.sf_xs / "test", city.tokyo_xs / "test"):
        with (root / "conditions.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        named = {row["path"]: row["condition"] for row in rows}
        assert set(named) == {p.relative_to(root).as_posix() for p in root.rglob("*.jpg")}
        for path, condition in named.items():
            if path.startswith("database/"):
                assert condition == "day"
            elif root.parent.name == "tokyo_xs":
                assert condition == "night"


def test_workers_do_not_change_a_byte(city: CityFolder, tmp_path: Path) -> None:
    write_city(tmp_path / "two", OPTIONS.model_copy(update={"workers": 2}))
    assert contents(tmp_path / "two") == contents(city.root)


def test_finished_city_is_left_alone(city: CityFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in city.root.rglob("*")}
    assert write_city(city.root, OPTIONS) == city
    assert {path: path.stat().st_mtime_ns for path in city.root.rglob("*")} == before


def runs(process: Path) -> bool:
    """Whether there is a process, by its folder in /proc; a zombie has no command line."""
    try:
        return bool((process / "cmdline").read_bytes())
    except OSError:
        return False


def test_a_killed_city_is_finished(city: CityFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = OPTIONS.model_dump() | {"workers": 2}
    code = (
        "import pathlib, sys; from beenhere.config.tools import CityConfig\n"
        "from beenhere.city import write_city\n"
        f"write_city(pathlib.Path({str(out)!r}), CityConfig(**{options!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while len(list(out.rglob("[!.]*.jpg"))) < 8:
        assert process.poll() is None, "the city was finished, or failed, before it could be killed"
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = [Path("/proc", pid) for pid in listed.read_text().split()] if listed.exists() else []
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(map(runs, workers)):
        assert time.monotonic() < end, "the workers of a killed process go on"
        time.sleep(0.05)
    assert not (out / "city.yaml").exists()
    written = {path: path.stat().st_mtime_ns for path in out.rglob("[!.]*.jpg")}
    # What a killed write leaves behind is not in the way.
    next(iter(written)).with_name(BESIDE + next(iter(written)).name).write_bytes(b"half")
    write_city(out, OPTIONS)
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())
    left = contents(out)
    assert {name: left[name] for name in contents(city.root)} == contents(city.root)


def test_other_options_are_refused(city: CityFolder) -> None:
    before = contents(city.root)
    with pytest.raises(DataError, match="seed is 3, asked for 4"):
        write_city(city.root, OPTIONS.model_copy(update={"seed": 4}))
    assert contents(city.root) == before


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"holiday\.jpg.*choose a new or empty folder"):
        write_city(tmp_path, OPTIONS)
    assert contents(tmp_path) == {"holiday.jpg": b"mine"}


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a note")
    with pytest.raises(DataError, match="is a file"):
        write_city(tmp_path / "out", OPTIONS)


def test_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text("[unfinished")
    with pytest.raises(DataError, match=r"city\.yaml"):
        write_city(tmp_path, OPTIONS)
