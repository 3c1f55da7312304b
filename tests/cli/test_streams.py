"""What reaches a terminal, a pipe that closes, and encodings that lack most characters."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import camera
import pytest
from tiny import write_photo

from beenhere.cli import app as application
from beenhere.cli.output import PlainStream, few, figures_table, list_files
from beenhere.wording import printable

NASTY = "z\x1b[31mred\nline\r\x9b2J\u202e\udcff"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where an index is built if no name is given


def beenhere(*arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """In an environment of its own it is a process that has read that from its start."""
    command = [sys.executable, "-m", "beenhere"] if environment else ["beenhere"]
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )


def test_control_characters_are_shown() -> None:
    shown = printable(NASTY)
    assert shown == r"z\u001b[31mred\u000aline\u000d\u009b2J\u202e\udcff"
    assert json.loads(f'"{shown}"') == NASTY
    assert printable("Zürich, 東京 🗼\t") == "Zürich, 東京 🗼\\u0009"


def test_a_stream_lets_none_through(capsys: pytest.CaptureFixture[str]) -> None:
    inner = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    stream = PlainStream(inner)
    stream.write(f"é {NASTY} 🗼\r\n")
    stream.flush()
    written = inner.buffer.getvalue()
    assert written == (
        b"\\u00e9 z\\u001b[31mred\nline\\u000d\\u009b2J\\u202e\\udcff \\ud83d\\uddfc\r\n"
    )
    assert not stream.isatty() and stream.encoding == "ascii"
    list_files("unusable", [(NASTY, NASTY)], every=False)
    print(few([NASTY]))
    assert capsys.readouterr().out.count("\n") == 3
    table = figures_table([NASTY], [NASTY], [[NASTY, NASTY]])
    assert [str(column.header) for column in table.columns] == 2 * [printable(NASTY)]


def test_what_holds_a_name_is_printed_by_tell() -> None:
    for file in Path(application.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print":
                named = any(isinstance(part, ast.JoinedStr) for part in call.args)
                assert not named or file.name == "output.py", f"{file.name}: line {call.lineno}"


def test_no_name_ends_a_line_in_any_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "r\nEVIL"
    for side, number in (("database", 4), ("queries", 2)):
        for each in range(number):
            position = 50 + each / 1e4, 8.0
            path = root / side / f"{side}\nEVIL{each}.jpg"
            camera.write_photo(path, (48, 64), position, seed=each)
        (root / side / "bad\nEVIL.jpg").write_text("no")
        (root / side / "odd\nEVIL.txtx").write_text("no")
    index, one = "x\nEVIL.index", root / "database/database\nEVIL1.jpg"
    database, queries = root / "database", root / "queries"
    track = Path("t\nEVIL.gpx")
    track.write_text("<gpx></gpx>")
    commands: list[tuple[object, ...]] = [
        ("data", "show", root, "--list"),
        ("data", "check", root, "--fix-list", "f\nEVIL.csv", "--sheet", "s\nEVIL.jpg"),
        ("data", "leave-out", root, "f\nEVIL.csv", "less\nEVIL"),
        ("data", "convert", database, "as\nEVIL", "--to", "utm"),
        ("data", "track", database, "t\nEVIL.csv", "--gpx", track),
        ("data", "views", database, "v\nEVIL"),
        ("index", "build", database, "--out", index),
        ("index", "add", index, queries),
        *(("index", each, index) for each in ("info", "check", "compact")),
        ("index", "train", index, "--search", "exact"),
        ("search", index, one, queries),
        ("locate", queries, "--index", index, "--no-verify"),
        ("locate", queries, "--index", index, "--no-verify", "--out", "a\nEVIL.json"),
        ("tag", "a\nEVIL.json", "--guesses", "--overwrite"),
        ("tag", "--undo", root),
        ("calibrate", index),
        *(("eval", "offline-lite0", "--data", root, "-o", f"{out}\nEVIL") for out in "ab"),
        ("compare", "a\nEVIL", "b\nEVIL"),
        ("index", "remove", index, one),
        ("index", "remove", index, "none\nEVIL"),
        ("locate", one, "--index", "none\nEVIL"),
    ]
    for command in commands:
        for stream in ("stdout", "stderr"):
            monkeypatch.setattr(sys, stream, getattr(sys, stream))  # what main puts in its place
        monkeypatch.setattr(sys, "argv", ["beenhere", *map(str, command)])
        with pytest.raises(SystemExit):
            application.main()
        said = capsys.readouterr()
        lines = (said.out + said.err).splitlines()
        assert lines and not [line for line in lines if "EVIL" in line[:5]], command
        assert not any("fault of beenhere" in line or "there is no o" in line for line in lines)


def test_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "z\x1b[31mred\nline.jpg").write_text("no")
    for command in (["show"], ["show", "--list"], ["check"]):
        said = beenhere("data", *command[:1], str(tmp_path), *command[1:])
        assert b"\x1b" not in said.stdout + said.stderr and b"Traceback" not in said.stderr
        assert b"\nline.jpg" not in said.stdout + said.stderr


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}],
    ids=["ascii streams", "ascii names"],
)
def test_a_locale_of_ascii(tmp_path: Path, environment: dict[str, str]) -> None:
    write_photo(tmp_path / "Zürich" / "東京.jpg", 1)
    (tmp_path / "Zürich" / "é.jpg").write_text("no photo")
    for command in (["data", "show"], ["data", "check"]):
        said = beenhere(*command, str(tmp_path / "Zürich"), **environment)
        assert b"Traceback" not in said.stderr and b"fault of beenhere" not in said.stderr
        assert said.returncode in (0, 2, *([1] if "check" in command else []))
        (said.stdout + said.stderr).decode("ascii")


def test_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/b\xff"
    write_photo(Path(os.fsdecode(folder)) / "a.jpg", 1)
    for command in (["data", "show"], ["data", "check"], ["index", "build"]):
        said = beenhere(*command, folder)
        assert said.returncode == 2 and b"not UTF-8" in said.stderr
    said = beenhere("locate", folder + b"/a.jpg", "--index", folder + b"/x.index")
    assert said.returncode == 2 and b"fault" not in said.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["data", "list"], ["data", "list", "--help"]])
def test_a_reader_that_goes_away(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "beenhere", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "show", ""],
        ["index", "remove", "x.index", ""],
        ["index", "remove", "x.index", " "],
        ["locate", "a.jpg", "--index="],
        ["locate", "a.jpg", "--index", ""],
        ["train", "mixvpr", "--set", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_never_the_current_folder(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["beenhere", *arguments])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as left:
        application.main()
    assert left.value.code == 2
    assert "empty; give a name, or leave it out" in capsys.readouterr().err
