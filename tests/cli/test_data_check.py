"""``beenhere data check`` and ``leave-out`` as processes: what they print, write and end with."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from camera import street, write_photo
from PIL import Image

from beenhere.city import write_city
from beenhere.cli.app import app
from beenhere.config.tools import CityConfig
from beenhere.photos.formats import read_photos
from beenhere.tools import doctor

OPTIONS = CityConfig(
    seed=8, cities=1, places=4, images_per_place=4, database=8, queries=4, size=64, workers=1
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def beenhere(warm_python: Path, tmp_path: Path) -> Run:
    """A command of ``beenhere data`` as a process, in the test's folder."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [str(warm_python / "beenhere"), "data", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(tmp_path_factory.mktemp("clean") / "city", OPTIONS).root


@pytest.fixture
def city(clean: Path, tmp_path: Path) -> Path:
    """A city with three faults: a test photo in train, a black photo, one in the future."""
    root = Path(shutil.copytree(clean, tmp_path / "city"))
    train = sorted(root.glob("gsv_xs/train/*/*.jpg"))
    shutil.copyfile(sorted(root.glob("sf_xs/test/queries/*.jpg"))[0], train[2])
    Image.new("RGB", (64, 64)).save(sorted(root.glob("sf_xs/val/database/*.jpg"))[1])
    dated = sorted(root.glob("sf_xs/val/queries/*.jpg"))[0]
    fields = dated.name.split("@")
    fields[13] = "21190704"
    dated.rename(dated.with_name("@".join(fields)))
    return root


def test_from_check_to_a_clean_set(city: Path, tmp_path: Path, beenhere: Run) -> None:
    (city / "sf_xs/val/queries/holiday.heic").write_bytes(b"x")
    done = beenhere("check", "city", "--fix-list", "fixes.csv", "--sheet", "sheet.png")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "city: 52 photos in 4 sets"
    table = [line.split() for line in lines[2:8]]
    assert [row[:2] for row in table[1:6]] == [
        ["1", "yes"],
        ["1", "yes"],
        ["1", "yes"],
        ["5", "no"],
        ["1", "no"],
    ]
    assert "3 kinds of fault would change a score; 2 more are worth knowing." in lines
    assert "  where: gsv_xs/train 1" in lines
    assert "      contrast 0.0, of at most 127.5" in lines
    assert "fixes.csv: 2 photos to leave out, 1 to mend; 1 more could not be used anyway." in lines
    assert "To go on without them: beenhere data leave-out city fixes.csv NEW" in lines
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 1190
        colours = {colour for _, colour in sheet.getcolors(1 << 24) or []}
        assert (0xCC, 0x33, 0x11) in colours  # frames of what changes a score
    fixes = pl.read_csv(tmp_path / "fixes.csv")
    assert fixes.columns == ["path", "problem", "detail", "suggestion"]
    assert fixes.select("problem", "suggestion").sort("problem").rows() == [
        ("copy-across-splits", "leave out"),
        ("future-date", "mend"),
        ("near-empty", "leave out"),
        ("not-used", "leave out (or mend it at the source, and check again)"),
    ]
    before = {path: path.read_bytes() for path in city.rglob("*.jpg")}
    done = beenhere("leave-out", "city", "fixes.csv", "new")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "new/gsv_xs/train: 15 photos, 1 left out"
    # The same words as the check's: the file that is no photo was in no table.
    assert done.stdout.splitlines()[-1] == "Of " + next(
        line for line in lines if line.startswith("fixes.csv: ")
    )
    assert {path: path.read_bytes() for path in city.rglob("*.jpg")} == before
    left = read_photos(tmp_path / "new/gsv_xs/train")
    gone = Path(fixes.filter(problem="copy-across-splits")["path"][0])
    assert len(left) == 15
    assert {Path(path).resolve() for path in left.paths} == {
        path for path in city.glob("gsv_xs/train/*/*.jpg") if path != tmp_path / gone
    }
    table = pl.read_parquet(tmp_path / "new/gsv_xs/train/photos.parquet")
    assert all(path.startswith("../../../city/gsv_xs/train/") for path in table["path"])
    again = beenhere("check", "new", "--json")
    assert again.returncode == 0
    found = json.loads(again.stdout)
    assert not found["changes_a_score"]
    assert [each["kind"] for each in found["findings"]] == ["small-place", "future-date"]
    assert {part["split"] for part in found["parts"]} == {"train", "val", "test"}


def test_clean(clean: Path, tmp_path: Path, beenhere: Run) -> None:
    done = beenhere("check", clean, "--sheet", "sheet.jpg", "--skip", "heading-range")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{clean}: 52 photos in 4 sets\nNothing found.\nNo sheet: nothing to draw.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["city", "--skip", "sizes"], "skip names 'sizes'; expected of not-used, unreadable"),
        (["city", "--sheet", "sheet.gif"], "sheet.gif ends in '.gif'; expected .png, .jpg, .jpeg"),
        (["city", "--sheet", "no/sheet.png"], "no/sheet.png: there is no folder no; make it first"),
        (["city", "--fix-list", "no/f.csv"], "no/f.csv: there is no folder no; make it first"),
        (
            ["city", "--fix-list", "f.json"],
            "--fix-list is f.json; expected a name that ends in .csv",
        ),
        (["city", "--fix-list", "city"], "city: is a folder; expected the name of a CSV file"),
        (["city", "--within", "-1"], "--within is '-1': input should be greater than or equal"),
    ],
)
def test_bad_input(arguments: list[str], message: str, city: Path, beenhere: Run) -> None:
    done = beenhere("check", *arguments)
    assert done.returncode == 2
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"beenhere: {message}")


def test_leave_out_refuses(city: Path, tmp_path: Path, beenhere: Run) -> None:
    (tmp_path / "fixes.csv").write_text("path,problem,detail,suggestion\na.jpg,x,y,leave out\n")
    (tmp_path / "other.csv").write_text("path,name\na.jpg,b\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine\n")
    train = next(city.glob("gsv_xs/train/*"))
    everything = "\n".join(f"city/{each.relative_to(city)},,,leave out" for each in train.iterdir())
    (tmp_path / "all.csv").write_text(f"path,problem,detail,suggestion\n{everything}\n")
    for fixes, out, message in (
        ("fixes.csv", "new", "the fix list names 'a.jpg', which is no photo of city"),
        ("other.csv", "new", "other.csv: expected a fix list with the columns path,problem"),
        ("none.csv", "new", "none.csv: expected a fix list with the columns path,problem"),
        ("all.csv", "mine", "mine holds something already, and nothing is overwritten"),
        ("all.csv", "city/new", "city/new lies in city, which is to stay as it is"),
        ("all.csv", "new", "gsv_xs/train: the fix list leaves out all 16 photos"),
    ):
        done = beenhere("leave-out", "city", fixes, out)
        assert done.returncode == 2
        assert done.stderr.startswith(f"beenhere: {message}"), done.stderr
        assert not (tmp_path / "new").exists() and not (city / "new").exists()
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_help_tells_the_rule(beenhere: Run) -> None:
    said = " ".join(beenhere("leave-out", "--help").stdout.replace("│", " ").split())
    assert "Every photo is left out whose suggestion starts with leave out;" in said
    assert "Delete the rows of photos that you want to keep." in said


def test_leave_out_into_an_empty_folder(city: Path, tmp_path: Path, beenhere: Run) -> None:
    (tmp_path / "fixes.csv").write_text("path,problem,detail,suggestion\n")
    (tmp_path / "new").mkdir()
    done = beenhere("leave-out", "city", "fixes.csv", "new")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Of fixes.csv: 0 photos to leave out, 0 to mend.\n")
    assert len(read_photos(tmp_path / "new/gsv_xs/train")) == 16


def test_metadata_alone_needs_no_torch(city: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom beenhere.cli.data import check\n"
        "from beenhere.config.tools import CheckConfig\n"
        "try:\n    check(Path('city'), config=CheckConfig(pixels=False))\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"
    assert "city: 52 photos in 4 sets; no photo was opened" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(street(1000, 1500)).save(tmp_path / "first.png")
    for number in range(400):
        os.link(tmp_path / "first.png", tmp_path / f"photos/{number:03d}.png")
    (tmp_path / "fixes.csv").write_text("mine\n")
    screen, terminal = os.openpty()  # there the bar shows when the work begins
    process = subprocess.Popen(
        ["beenhere", "data", "check", "photos", "--fix-list", "fixes.csv"],
        cwd=tmp_path,
        stderr=terminal,
    )
    shown = b""
    while b"photos" not in shown:
        shown += os.read(screen, 1000)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    os.close(terminal)
    with suppress(OSError):  # the end, on Linux
        while rest := os.read(screen, 1000):
            shown += rest
    os.close(screen)
    assert b"beenhere: interrupted" in shown
    assert (tmp_path / "fixes.csv").read_text() == "mine\n"
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "first.png", "fixes.csv"}


def test_photos_that_change_while_they_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        write_photo(tmp_path / f"{number}.jpg", position=(50 + number, 8), seed=number)
    gather = doctor.gather

    def gather_and_change(path: Path) -> object:
        found = gather(path)
        (tmp_path / "1.jpg").unlink()
        (tmp_path / "2.jpg").write_bytes(b"")
        (tmp_path / "3.jpg").unlink()
        os.mkfifo(tmp_path / "3.jpg")
        (tmp_path / "4.jpg").write_bytes((tmp_path / "0.jpg").read_bytes())
        return found

    monkeypatch.setattr(doctor, "gather", gather_and_change)
    with pytest.raises(SystemExit) as left:
        app(["data", "check", str(tmp_path), "--json", "--sheet", str(tmp_path / "s.png")])
    assert left.value.code == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    cases = {Path(each["path"]).name: each["detail"] for each in found[0]["examples"]}
    gone, empty, pipe = "no such file", "empty file (0 bytes)", "not a regular file"
    assert found[0]["kind"] == "unreadable"
    assert cases == {"1.jpg": gone, "2.jpg": empty, "3.jpg": pipe}
    assert found[1]["kind"] == "copy-elsewhere"  # what is in the files now
