"""Programs of the warm Python do as those of the real one: tests that use it prove as much."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REAL = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


def ended(
    program: Path, arguments: list[str], folder: Path
) -> tuple[int, str, list[str], list[Path]]:
    """Exit status, what was said (of a traceback: its last line), and the files made."""
    folder.mkdir()
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=os.environ | {"WORD": "x"},
        input="asked\n",
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.splitlines()[-1:]
    return done.returncode, done.stdout.replace(folder.name, ""), said, sorted(folder.rglob("*"))


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys; print(sys.argv, sys.path[0], os.getcwd(), os.environ['WORD'], input())",
        "print('no end of line', end='')",
        "import atexit; atexit.register(print, 'at exit')",
        "from threading import *; Timer(0.1, lambda: print('later')).start()",
        "import sys; sys.exit(7)",
        "import sys; sys.exit('a reason')",
        "print('before'); 1 / 0",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os._exit(3)",
        "import multiprocessing as m; p = m.get_context('spawn').Process(target=print); "
        "p.start(); p.join(); print(p.exitcode)",
        "import random; random.seed(1); print(__name__, random.random())",
    ],
)
def test_code_runs_as_in_a_new_process(code: str, warm_python: Path, tmp_path: Path) -> None:
    arguments = ["-c", code, "a b", "-c"]
    warm = ended(warm_python / "python", arguments, tmp_path / "warm")
    assert warm == ended(REAL / "python", arguments, tmp_path / "real")


@pytest.mark.parametrize("arguments", [["--version"], ["nope"], ["index", "info", "none"]])
def test_the_command_runs_as_in_a_new_process(
    arguments: list[str], warm_python: Path, tmp_path: Path
) -> None:
    warm = ended(warm_python / "beenhere", arguments, tmp_path / "warm")
    assert warm == ended(REAL / "beenhere", arguments, tmp_path / "real")


def test_forks_draw_different_random_numbers(warm_python: Path) -> None:
    code = "import random, numpy; print(random.random(), numpy.random.default_rng().random())"
    said = {subprocess.check_output([warm_python / "python", "-c", code]) for _ in range(2)}
    assert len(said) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_fork(number: signal.Signals, warm_python: Path, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "try:\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt: raise SystemExit(130)"
    )
    process = subprocess.Popen(
        [warm_python / "python", "-c", code], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        fork = int(process.stdout.readline())
        assert fork != process.pid
        process.send_signal(number)
        assert process.wait() == (130 if number == signal.SIGINT else -number)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{fork}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
