"""``beenhere data`` as a process: what a person reads, and how it ends."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from camera import write_photo

from beenhere.cli import data
from beenhere.config.tools import CityConfig
from beenhere.errors import DataError
from beenhere.photos.reference import REFERENCES

Show = Callable[..., list[str]]

NAME = "@{east:.2f}@4181327.60@10@S@37.7773@-122.49041@{pano}@@{heading}@@@@{date}@{note}@.jpg"


def beenhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["beenhere", *arguments], capture_output=True, text=True, check=False)


def words(text: str) -> list[str]:
    """The lines of a text, with runs of spaces as one."""
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """``data show`` in this process."""

    def run(path: Path, **options: Any) -> list[str]:
        data.show(path, **options)
        out, err = capsys.readouterr()
        assert err == ""
        return words(out)

    return run


def named(folder: Path, pano: str, east: float, date: str = "201506", note: str = "") -> None:
    name = NAME.format(east=east, pano=pano, heading=90, date=date, note=note)
    write_photo(folder / name, size=(60, 80))


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A training set and an evaluation set under one root."""
    for place in range(3):
        for image in range(2 + place):
            pano = f"{place}{image}"
            named(tmp_path / "gsv_xs/train/Rome", pano, 5e5 + 100 * place, note=f"000{place}_Rome")
    val = tmp_path / "sf_xs/val"
    for number in range(4):
        named(val / "database", f"d{number}", 5e5 + 30 * number, date="2013")
    for number in range(3):
        named(val / "queries", f"q{number}", 5e5 + 60 * number + 1, date="20200229")
    write_photo(val / "queries/@@@@@@@nowhere@@.jpg", size=(40, 30))
    (val / "queries/@5@north@10@S@@@lost@@.jpg").write_bytes(b"x")
    rows = [f"{path.parent.name}/{path.name},day" for path in (val / "queries").iterdir()]
    (val / "conditions.csv").write_text("\n".join(["path,condition", *rows]))
    return tmp_path


def test_a_folder_of_phone_photos(tmp_path: Path, show: Show) -> None:
    write_photo(tmp_path / "a.jpg", (30, 40), (52.5, 13.4), captured="2014:06:07 10:24:05")
    write_photo(tmp_path / "b.jpg", (30, 40), (52.5001, 13.4), orientation=6)
    write_photo(tmp_path / "c.jpg", (30, 40), (52.6, 13.4), captured="2016:01:01 00:00:00")
    write_photo(tmp_path / "d.jpg", (30, 40), (0, 0))
    for number in range(5):
        (tmp_path / f"empty{number}.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    run = beenhere("data", "show", str(tmp_path))
    assert (run.returncode, run.stderr) == (0, "")
    assert words(run.stdout) == [
        str(tmp_path),
        "format photos; what is known of them comes from their EXIF headers",
        "photos 4, of which 1 without a position",
        "extent 0 m west to east, 11.1 km south to north",
        "52.50000 N, 13.40000 E to 52.60000 N, 13.40000 E",
        "taken 2014-06-07 to 2016-01-01, 2 without a date",
        "headings no photo has a heading",
        "pixels 40 x 30 (75%), 30 x 40 (25%)",
        "not used 6 files",
        "empty file (0 bytes) (5)",
        "empty0.jpg",
        "empty1.jpg",
        "empty2.jpg",
        "... and 2 more (--list names them)",
        "not a photo: a text file (1)",
        "text.png",
        "notes 1 file",
        "GPS position is 0, 0 (no fix) (1)",
        "d.jpg",
        "neighbours 2 of 4 photos (50.0%) have another within 25 m",
    ]
    assert "empty4.jpg" in show(tmp_path, list_=True)
    assert show(tmp_path, within=5.0)[-1].startswith("neighbours 0 of 4 photos (0%)")


def test_every_set_below_a_root(sets: Path, show: Show) -> None:
    lines = show(sets)
    train = lines.index(str(sets / "gsv_xs/train"))
    database = lines.index(f"{sets / 'sf_xs/val'}, database")
    queries = lines.index(f"{sets / 'sf_xs/val'}, queries")
    assert train < database < queries
    assert "places 3, 2 to 4 photos each, median 3" in lines[train:database]
    assert "cities 1: Rome 9" in lines[train:database]
    assert "taken 2015-06" in lines[train:database]
    assert "photos 4, all with a position" in lines[database:queries]
    assert "pixels 80 x 60 (width x height)" in lines[database:queries]
    rest = lines[queries:]
    assert "photos 4, of which 1 without a position" in rest
    assert "conditions day 4" in rest
    assert "taken 2020-02-29, 1 without a date" in rest
    assert "its name has northing north; expected a number (1)" in rest
    assert "queries/@5@north@10@S@@@lost@@.jpg" in rest
    assert rest[-1] == (
        "positives 2 of 4 queries (50.0%) have a database photo within 25 m; 1 without a position"
    )


def test_photos_whose_content_cannot_be_read_are_found_by_their_headers(
    sets: Path, show: Show
) -> None:
    (
        sets
        / "sf_xs/val/database"
        / NAME.format(east=5e5, pano="bad", heading="", date="", note="")
    ).write_bytes(b"")
    assert "empty file (0 bytes) (1)" in show(sets / "sf_xs/val")


def test_without_positions(tmp_path: Path, show: Show) -> None:
    for side in ("database", "queries"):
        write_photo(tmp_path / side / "a.jpg")
    lines = show(tmp_path)
    assert lines.count("photos 1, none with a position") == 2
    assert lines[-1] == "positives unknown: no database photo has a position"


def test_one_photo(tmp_path: Path, show: Show) -> None:
    lines = show(write_photo(tmp_path / "a.jpg", position=(-33.5, -70.25)))
    assert "extent one point, 33.50000 S, 70.25000 W" in lines
    assert not any(line.startswith("neighbours") for line in lines)


def test_real_photos(real_photos: Path, show: Show) -> None:
    lines = show(real_photos / "lund")
    assert "photos 29, all with a position" in lines
    assert "extent 56 m west to east, 172 m south to north" in lines
    assert lines[-1] == "neighbours 29 of 29 photos (100%) have another within 25 m"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "no such file or folder"),
        ("empty", "is empty; expected photos in it"),
        ("notes", "holds no photos; found a.txt, expected files such as .jpg or .png"),
        ("notes/a.txt", "ends in '.txt'; expected a folder of photos"),
    ],
)
def test_nothing_to_show(tmp_path: Path, show: Show, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("hello")
    with pytest.raises(DataError) as error:
        show(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ") and message in str(error.value)


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path) -> None:
    table = tmp_path / "bad.csv"
    table.write_text("path,lat,lon\na.jpg,north,2\n")
    run = beenhere("data", "show", str(table))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        f"beenhere: {table} line 2, column 'lat': got 'north'; expected degrees from -90 to 90, "
        "with a point for decimals\n"
    )


def test_a_distance_below_zero_is_refused(tmp_path: Path) -> None:
    run = beenhere("data", "show", str(tmp_path), "--within", "-1")
    assert (
        run.returncode == 2 and run.stderr.count("\n") == 1 and "--within is" in run.stderr.lower()
    )


def test_the_distance_is_the_evaluations() -> None:
    assert (
        f"[default: {REFERENCES['position'].radius:g} m;"
        in beenhere("data", "show", "--help").stdout
    )


def test_show_does_not_import_torch(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from beenhere.cli.data import show\n"
        f"show(Path({str(tmp_path)!r}))\n"
        "print('torch' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"


# --- the city -------------------------------------------------------------------------------------


def test_every_option_of_the_city_is_explained() -> None:
    text = " ".join(beenhere("data", "city", "--help").stdout.replace("│", " ").split())
    for name, option in CityConfig.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        assert f"{flag} INT {option.description} [default: {option.default}]" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--places", "-3"], "--places is '-3': input should be greater than or equal to 1"),
        (["--set", "size=8"], "size is 8: input should be greater than or equal to 32"),
    ],
)
def test_a_bad_option_of_the_city(tmp_path: Path, arguments: list[str], message: str) -> None:
    run = beenhere("data", "city", str(tmp_path / "city"), *arguments)
    assert run.returncode == 2 and message in run.stderr and run.stderr.count("\n") == 1
    assert not (tmp_path / "city").exists()


def test_a_small_city_can_be_rendered_and_shown(tmp_path: Path, show: Show) -> None:
    out = tmp_path / "city"
    small = ["--cities", "1", "--places", "2", "--images-per-place", "2", "--size", "32"]
    run = beenhere(
        "data", "city", str(out), *small, "--database", "2", "--set", "queries=1", "--workers", "1"
    )
    assert run.returncode == 0, run.stderr
    assert "2 training places" in run.stdout and f"beenhere data show {out}" in run.stdout
    lines = show(out)
    assert "places 2, 2 photos each" in lines
    assert sum(line.startswith("positives") for line in lines) >= 2
    assert not any(line.startswith("not used") for line in lines)
