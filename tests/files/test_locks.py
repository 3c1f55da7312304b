"""One process at a time, and who it is."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from beenhere.errors import DataError, TrainingError
from beenhere.files.locks import holder, locked

HOLD = """
import sys, time
from pathlib import Path
from beenhere.files.locks import locked
with locked(Path(sys.argv[1]), "busy"):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_another_process_is_named_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        assert (holder(file) or "").startswith(f"process {other.pid} on ")
        with (
            pytest.raises(TrainingError, match=rf"^taken by process {other.pid} on .*, since 20"),
            locked(file, "taken by {holder}", error=TrainingError),
        ):
            pytest.fail("two hold it")
        other.kill()
    assert holder(file) is None
    with locked(file, "busy"):
        pass


def test_one_waits_for_its_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, held, done = tmp_path / ".lock", threading.Event(), threading.Event()

    def hold() -> None:
        with locked(file, "busy"):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    threading.Timer(0.2, done.set).start()
    with locked(file, "busy", wait=60):
        pass
    thread.join()
    assert capsys.readouterr().err.startswith("waiting for process ")


def test_one_is_refused_when_its_time_is_up(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    with locked(file, "busy"):
        begin = time.monotonic()
        with pytest.raises(DataError, match=r"^busy$"), locked(file, "busy", wait=0.5):
            pytest.fail("two hold it")
        assert time.monotonic() - begin >= 0.5


def test_the_file_goes_where_it_is_not_kept(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock", "busy", keep=False):
        assert holder(tmp_path / ".lock") is not None
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / ".lock", "busy"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / ".lock"]


def test_a_look_at_the_holder_refuses_nobody(tmp_path: Path) -> None:
    file, end = tmp_path / ".lock", threading.Event()

    def look() -> None:
        while not end.is_set():
            holder(file)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with locked(file, "busy"):
                pass
    finally:
        end.set()
        thread.join()
