"""Progress: a bar on a terminal, plain lines elsewhere, never on standard output."""

import os
import pty
import subprocess
import sys

import pytest

from beenhere import progress as module
from beenhere.progress import progress

WORK = """
from beenhere.progress import progress
with progress("photos", 3) as advance:
    for _ in range(3):
        advance(1)
"""


def test_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_SECONDS", 0.0)
    with progress("photos", 4) as advance:
        advance(1)
        advance(3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split(",")[0] for line in captured.err.splitlines()] == [
        "photos: 1 of 4",
        "photos: 4 of 4",
    ]


def test_work_of_which_nobody_knows_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_SECONDS", 0.0)
    with progress("photos", None, least=3) as advance:
        advance(7)
    assert capsys.readouterr().err.startswith("photos: 7, ")


def test_short_work_says_nothing_where_there_is_no_terminal() -> None:
    run = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_a_bar_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", WORK],
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
        check=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert b"photos" in shown
    assert b"3/3" in shown
