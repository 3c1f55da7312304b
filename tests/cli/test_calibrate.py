"""``beenhere calibrate``: as a person types it, and what it says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from streets import street_model, write_streets

from beenhere.cli.app import app
from beenhere.errors import BeenhereError
from beenhere.retrieval.index import Index

QUICK = ("--folds", "3", "--resamples", "100", "--set", "matches=10")


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_streets(tmp_path_factory.mktemp("streets"))
    (root / "queries" / "broken.jpg").write_bytes(b"no photo")
    Index.build(root / "map", street_model(), root / "x.index", extract={"precision": "32"})
    return root


@pytest.fixture
def folder(streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with an index of its own."""
    for name in ("queries", "elsewhere"):
        (tmp_path / name).symlink_to(streets / name)
    shutil.copytree(streets / "x.index", tmp_path / "x.index")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str, *arguments: str) -> None:
    app([command, *arguments], result_action="return_value", exit_on_error=False, print_error=False)


def test_figures_charts_and_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["x.index", "--queries", "queries", "--outside", "elsewhere", *QUICK]
    run("calibrate", *given, "--verify", "--set", "verification.matches=2", "--plot", "chart.png")
    lines = capsys.readouterr().out.splitlines()
    first, second = (
        lines.index(f"x.index, matches {how}") for how in ("by similarity", "verified")
    )
    for start in (first, second):
        outside = "  outside the map: 60 with their place hidden, 6 from elsewhere"
        assert lines[start + 1] == outside
        assert lines[start + 2].startswith("  left out: 1: ")
        assert lines[start + 2].endswith("broken.jpg (its name holds no @, unlike the others)")
    assert lines[-2:] == ["drawn: chart.png", "drawn: chart-verified.png"]
    for name in ("chart.png", "chart-verified.png"):
        with Image.open(folder / name) as chart:
            assert chart.width > 500
    # What was calibrated with is what `locate` asks with.
    query = next((folder / "queries").glob("@*"))
    run("locate", str(query), "--index", "x.index", "--json")
    (found,) = json.loads(capsys.readouterr().out)
    assert len(found["matches"]) == 10 and 0 < found["probability"] < 1 and found["radius_m"] > 0
    with pytest.raises(BeenhereError, match=r"^matches is 20, but .* calibrated with 10"):
        run("locate", str(query), "--index", "x.index", "--matches", "20")


def test_figures_for_other_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("calibrate", "x.index", "--queries", "queries", "--hide", "150", "--json", *QUICK)
    said = json.loads(capsys.readouterr().out)
    assert said == Index.open("x.index").calibration
    assert list(said) == ["plain", "verified", "locate", "fitted"]
    assert said["fitted"]["queries"].startswith("queries (photos; what is known of them comes")
    assert said["fitted"]["options"]["hide"] == 150 and said["fitted"]["outside"] is None
    assert said["plain"]["fitted"]["inside"] == said["plain"]["fitted"]["outside"] == 60


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--queries", "elsewhere"], "0 queries from inside the map; expected 10 or more"),
        (["--queries", "none"], "none: no such file or folder"),
        (["--queries", "queries", "--plot", "no/x.png"], "no/x.png: there is no folder no"),
        (["--queries", "queries", "--plot", "x.txt"], "x.txt ends in '.txt'; expected .png"),
        (["--queries", "queries", "--hide", "10"], "hide is 10; expected 25 or more, within which"),
        (["--set", "match=3"], "options: 'match' is not an option; did you mean 'matches'?"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder: Path, options: list[str], said: str) -> None:
    with pytest.raises(BeenhereError) as error:
        run("calibrate", "x.index", *options)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
    assert Index.open("x.index").calibration is None


def test_a_missing_index_is_told_before_what_takes_seconds_to_import(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "beenhere.evaluation.calibration.calibrate_index", None)
    with pytest.raises(BeenhereError, match=r"^y\.index does not exist"):
        run("calibrate", "y.index", "--queries", "queries")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "x.index does not exist; make one: beenhere index build"),
        (["--quries", "queries"], "there is no option --quries; did you mean '--queries'?"),
        (["--folds", "1"], "--folds is '1': input should be greater than or equal to 2"),
    ],
)
def test_an_error_in_a_process_of_its_own(tmp_path: Path, options: list[str], said: str) -> None:
    done = subprocess.run(
        ["beenhere", "calibrate", "x.index", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"beenhere: {said}"), done.stderr
    assert len(done.stderr.splitlines()) == 1
