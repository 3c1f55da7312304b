"""The command line as a process: what it prints, how it ends, what it imports."""

import subprocess
import sys
from pathlib import Path

import pytest


def beenhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beenhere", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_the_commands_without_torch() -> None:
    code = (
        "import sys\n"
        "from beenhere.cli.app import app\n"
        "app(['--help'], result_action='return_value')\n"
        "heavy = {'torch', 'timm', 'lightning', 'faiss', 'matplotlib', 'polars', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip().endswith("[]")
    for command in ("demo", "train", "eval", "data"):
        assert command in run.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["train"],
        ["eval"],
        ["data"],
        ["data", "show"],
        ["data", "city"],
        ["index", "build"],
    ],
)
def test_every_command_has_help_without_torch(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from beenhere.cli.app import app\n"
        f"app({[*command, '--help']!r}, result_action='return_value')\n"
        "print('torch' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("Usage: beenhere")
    assert run.stdout.rstrip().endswith("False")


def test_version() -> None:
    assert beenhere("--version").stdout.strip() == "0.1.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evla"], "Did you mean"),
        (["eval"], "Try 'beenhere eval --help'"),
        (["data", "show", "--nope"], "--nope"),
        (["data", "show", "nowhere"], "nowhere"),
        (["train", "--set", "optimizer.lrr=1", "--print-config"], "did you mean 'lr'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    run = beenhere(*arguments)
    assert run.returncode == 2
    assert run.stderr.startswith("beenhere: ")
    assert len(run.stderr.strip().splitlines()) == 1
    assert message in run.stderr
    assert run.stdout == ""


def test_debug_shows_where() -> None:
    run = beenhere("--debug", "data", "show", "nowhere")
    assert run.returncode != 0
    assert "Traceback" in run.stderr


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m beenhere train --print-config | head -n 1"
    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert run.stderr == ""


def test_an_output_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = beenhere("data", "city", str(tmp_path / "file" / "city"))
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
