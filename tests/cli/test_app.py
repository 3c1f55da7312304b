"""The command line as a process: what it prints, how it ends, what it imports."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from beenhere.cli.app import app, main


def beenhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beenhere", *arguments], capture_output=True, text=True, check=False
    )


def page(*command: str) -> str:
    """The help of a command."""
    console = Console(file=io.StringIO(), width=100)
    app([*command, "--help"], console=console, result_action="return_value")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_help_lists_the_commands_without_torch() -> None:
    code = (
        "import sys\n"
        "from beenhere.cli.app import app\n"
        "app(['--help'], result_action='return_value')\n"
        "heavy = {'torch', 'timm', 'lightning_fabric', 'faiss', 'matplotlib', 'polars', 'numpy'}\n"
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


@pytest.mark.parametrize(
    ("command", "first", "last"),
    [
        (["eval"], ["--data", "--within"], ["--confidence", "--extract.device", "--set"]),
        (["index", "build"], ["--model", "--search.kind"], ["--dtype", "--search.rescore"]),
        (["index", "train"], ["--search.kind"], ["--search.rescore"]),
        (["calibrate"], ["--queries PATH", "--outside-accepted"], ["--folds", "--wait"]),
        (["compare"], ["--within", "--no-maps"], ["--extract.device"]),
        (["locate"], ["--index", "--near"], ["--device"]),
        (["data", "check"], ["--fix-list", "--no-pixels"], ["--max-speed"]),
        (["data", "places"], ["--clusters.radius", "--split.val"], ["--cells.size"]),
    ],
)
def test_help_shows_what_most_people_need_first(
    command: list[str], first: list[str], last: list[str]
) -> None:
    common, advanced = page(*command).split(" Advanced ")
    for option in first:
        assert option in common and option not in advanced
    for option in last:
        assert option in advanced and option not in common


def test_a_page_says_all_and_a_list_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for arguments in (["index", "build", "--help"], ["index", "--help"]):
        monkeypatch.setattr(sys, "argv", ["beenhere", *arguments])
        with pytest.raises(SystemExit):
            main()
        shown.append(" ".join(capsys.readouterr().out.split()))
    assert "Make an index of photos, to tell where other photos were taken. Inter" in shown[0]
    assert "Make an index of photos, to tell where other photos were taken." in shown[1]
    assert "Interrupted" not in shown[1]


def test_version() -> None:
    assert beenhere("--version").stdout.strip() == "0.1.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evla"], "did you mean 'eval'?"),
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


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("indx", "there is no command 'indx'; did you mean 'index'? there are demo, train, "),
        ("eval", "MODEL is missing: one by name, such as megaloc (beenhere model list has "),
        (
            "locate photo.jpg",
            "--index is missing; give the folder of an index, or --server URL",
        ),
        ("index build photos --modl x", "there is no option --modl; did you mean '--model'? Try "),
        (
            "index build photos -o",
            "-o takes a value: folder of the index [default: the name of the ",
        ),
        ("data track a b", "--gpx is missing: a GPX file, or a folder of them; may be repeated. "),
        ("data show --nope", "there is no option --nope. Try 'beenhere data show --help'."),
        ("data show x --witin 3", "there is no option --witin; did you mean '--within'? Try "),
        ("data show a b", "there is no place for 'b'. Try "),
        ("data show a --within far", "--within is 'far'; expected a number. Try "),
        ("data show a --within -1", "--within is -1; expected 0 or more. Try "),
        ("locate a --index b --threshold 2", "--threshold is 2; expected 1 or less. Try "),
        ("data convert a b --to shrds", "--to is 'shrds'; did you mean 'shards'? expected one of "),
        (
            "data views a b --size 9",
            "--size takes 2 values: height and width of a view in pixels. ",
        ),
        ("data views a b --size 9 99", "--size is '9': input should be greater than or equal to "),
        ("eval m --data a --data b", "--data is given more than once. Try "),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(
    typed: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["beenhere", *typed.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said and said.count("\n") == 1


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
