"""``beenhere study`` as a person calls it: interrupted, changed, asked how far it is."""

import csv
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
ROWS = {"slow": {"optimizer.lr": 1e-4}, "fast": {"optimizer.lr": 1e-2, "fit.epochs": 1}}


@pytest.fixture
def beenhere(warm_python: Path, tmp_path: Path) -> Command:
    """Run ``beenhere study`` in the test's folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [warm_python / "beenhere", "study", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            stdin=subprocess.DEVNULL,
        )

    return run


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Every table of the report, without its times."""
    found = {}
    for path in sorted(folder.glob("tables/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        times = ("seconds", "milliseconds per photo")
        found[path.name] = [{k: v for k, v in row.items() if k not in times} for row in rows]
    return found


def test_an_interrupted_study_gives_the_same_report(
    write, profile, beenhere, warm_python, tmp_path
):
    study = write(ROWS, set={"fit.epochs": 3}, compare=[["mine", "slow", "fast"]])
    whole = beenhere("run", study, "--data", profile, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    assert "1 table, 2 rows, 2 different trainings" in whole.stdout
    assert "[2/2] fast: done in" in whole.stdout
    assert "Look at whole/town/mine/report.html" in whole.stdout

    command = [warm_python / "beenhere", "study", "run", study, "--data", profile]
    process = subprocess.Popen(
        [*command, "--out", "cut"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch 1 of 3" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    again = f"beenhere study run {study} --data {profile} --out cut"
    assert said == f"\ninterrupted; go on with: {again}\n"
    left = beenhere("status", study, "--out", "cut")
    assert "interrupted, epoch" in left.stdout and "waiting" in left.stdout

    again = beenhere("run", study, "--data", profile, "--out", "cut")
    assert again.returncode == 0, again.stderr
    assert "slow: goes on after epoch" in again.stdout
    assert tables(tmp_path / "cut/town/mine") == tables(tmp_path / "whole/town/mine") != {}

    # Nothing is left to do, and the report of the same results is the same to the byte.
    page = tmp_path / "cut/town/mine/report.html"
    before = page.read_bytes()
    page.unlink()
    report = beenhere("report", study, "--out", "cut")
    assert report.returncode == 0, report.stderr
    assert page.read_bytes() == before

    study.write_text(study.read_text().replace("0.01", "0.02"))
    changed = beenhere("run", study, "--data", profile, "--out", "cut")
    assert changed.returncode == 2
    assert "fast (Mine): optimizer.lr 0.01 -> 0.02" in changed.stderr
    assert "this row has changed since the last training; add --yes" in changed.stderr
    old = beenhere("status", study, "--out", "cut")
    assert old.returncode == 0 and "file has changed since it was run" in old.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "papr"], "there is no study 'papr'; did you mean 'paper'?"),
        (["run", "paper", "--data", "dmo"], "no data profile 'dmo'; did you mean 'demo'?"),
        (["run", "paper"], "--set data.train=PATH, or try --data demo"),
        (["run", "paper", "--seeds", "0"], "--seeds is 0; expected 1 or more"),
        (["run", "paper", "--launcher", "ray", "--parallel", "2"], "--parallel is for"),
        (["status", "paper"], "study 'paper' was not run (in beenhere-studies); start it with"),
        (
            ["report", "paper", "--data", "gsv-xs"],
            "start it with: beenhere study run paper --data gsv-xs",
        ),
    ],
)
def test_bad_input_is_one_line(arguments, message, beenhere, tmp_path):
    done = beenhere(*arguments)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_study_without_data_says_so(write, beenhere):
    done = beenhere("run", write(ROWS))
    assert done.returncode == 2 and "does not say what to train on; give --data" in done.stderr
