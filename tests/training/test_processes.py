"""One process a device: real ones, training together on the CPU; and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from beenhere.config.training import TrainConfig
from beenhere.training.fit import fit

# Run as a program of its own: the processes started from it import it again.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from beenhere.errors import BeenhereError, DataError
from beenhere.training.processes import run_on_devices

def work(what, folder):
    rank = os.environ["LOCAL_RANK"]
    mine = folder / f"{rank}.new"
    mine.write_text(str(os.getpid()))
    mine.rename(folder / rank)
    if what == "finish":
        return
    while not all((folder / each).exists() for each in "01"):
        time.sleep(0.01)
    if rank == "1" and what == "fail":
        raise DataError("a photo is odd")
    if rank == "1" and what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)

if __name__ == "__main__":
    try:
        run_on_devices(2, work, sys.argv[1], Path(sys.argv[2]))
    except BeenhereError as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # one that nobody waits for yet has ended as well
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def pids(folder: Path) -> list[int]:
    return [int((folder / rank).read_text()) for rank in "01"]


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("finish", 0, ""),
        ("fail", 1, "DataError: a photo is odd\n"),
        ("die", 1, "TrainingError: the processes of the 2 devices ended with exit codes [-9, -9]"),
    ],
)
def test_they_end_together(what, code, message, program, tmp_path):
    done = subprocess.run(
        [sys.executable, program, what, tmp_path], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == code
    assert done.stderr.startswith(message)
    assert all(gone(pid) for pid in pids(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_they_leave_with_the_one_that_started_them(number, program, tmp_path):
    process = subprocess.Popen(
        [sys.executable, program, "wait", tmp_path], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not all((tmp_path / rank).exists() for rank in "01"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(number)
    process.wait(timeout=30)
    while not all(gone(pid) for pid in pids(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_devices_train_together(options, tmp_path, capfd):
    options["fit"]["devices"] = 2
    options["batch"]["places"] = 3
    result = fit(TrainConfig.model_validate(options), tmp_path / "run")
    assert result.epochs == 2
    records = [
        json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    ]
    # 10 places by 3: batches of 3, 3 and 4, one halved: two steps an epoch on each device, written
    # by one of them.
    steps = Counter(record["epoch"] for record in records if "validation" not in record)
    assert steps == {1: 2, 2: 2}
    assert len(list((tmp_path / "run/csv").iterdir())) == 1
    out, err = capfd.readouterr()
    said = [line.split("  ")[0] for line in out.splitlines()]
    assert said == ["epoch 0 of 2", "epoch 1 of 2", "epoch 2 of 2"]
    assert err == ""
