"""``beenhere search`` lists what looks alike, of photos of which nothing is known."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from tiny import write_photo

from beenhere.cli.app import app
from beenhere.errors import BeenhereError
from beenhere.retrieval.index import Index


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos without any position, and their index."""
    root = tmp_path_factory.mktemp("shelf")
    for number in range(6):
        write_photo(root / f"photos/{number}.png", number, 64, 64)
    Index.build(root / "photos", "offline-lite0", root / "x.index")
    return root


@pytest.fixture
def folder(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photos", "x.index"):
        (tmp_path / name).symlink_to(shelf / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, index: str = "x.index") -> None:
    app(
        ["search", index, *arguments],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )


def test_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("photos/2.png", "photos/4.png", "-k", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[3]] == ["photos/2.png", "photos/4.png"] and len(lines) == 6
    assert lines[1].split()[:2] == ["1", "1.000"] and lines[1].endswith("photos/2.png")
    assert lines[4].endswith("photos/4.png") and lines[5].split()[0] == "2"


def test_as_json_and_in_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("photos/1.png", "--json", "--matches", "99")
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["query"] == "photos/1.png" and len(printed["matches"]) == 6
    run("photos/1.png", "-o", "found.csv", "-k", "99")
    run("photos/1.png", "-o", "found.json", "-k", "99")
    assert capsys.readouterr().out == ""
    assert json.loads((folder / "found.json").read_text()) == [printed]
    rows = list(csv.DictReader(io.StringIO((folder / "found.csv").read_text(), newline="")))
    assert [row["path"] for row in rows] == [match["path"] for match in printed["matches"]]
    assert [float(row["similarity"]) for row in rows] == [
        match["similarity"] for match in printed["matches"]
    ]


@pytest.fixture(scope="module")
def dated(shelf: Path) -> Path:
    """An index of the same photos, each 1.1 km north of the last, a year later, and to the east."""
    lines = [f"photos/{n}.png,{52 + n / 100},13,{2010 + n}-06,{60 * n}" for n in range(6)]
    (shelf / "known.csv").write_text("\n".join(["path,lat,lon,captured,heading", *lines]))
    Index.build(shelf / "known.csv", "offline-lite0", shelf / "known.index")
    return shelf / "known.index"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--near", "52.02,13", "--radius", "1200"], "123"),
        (["--dates", "2013.."], "345"),
        (["--heading", "350", "--tolerance", "75"], "015"),
        (["--dates", "..2012", "--near=52.02,13.0", "--radius", "1200"], "12"),
        (["--near", "-52,13", "--radius", "5"], ""),
    ],
)
def test_only_some_photos_are_searched(
    folder: Path,
    dated: Path,
    options: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("photos/2.png", "--json", *options, index=str(dated))
    (printed,) = json.loads(capsys.readouterr().out)
    found = sorted(Path(match["path"]).stem for match in printed["matches"])
    assert "".join(found) == expected


def test_what_cannot_be_read_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "notes.jpg").write_text("hello")
    standard_input = io.TextIOWrapper(io.BytesIO((folder / "photos/3.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", standard_input)
    with pytest.raises(SystemExit) as left:
        run("notes.jpg", "nowhere.jpg", "-", "-k", "1")
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert "notes.jpg: not a photo: a text file; not searched for" in printed.err
    assert "nowhere.jpg: no such file; not searched for" in printed.err
    assert printed.out.splitlines()[0] == "-" and printed.out.endswith("photos/3.png\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "no photo is named"),
        (("--mtches", "3"), "there is no option --mtches; did you mean '--matches'"),
        (("photos/1.png", "--near", "52,13"), "--near and --radius go together"),
        (("--tolerence", "3"), "there is no option --tolerence; did you mean '--tolerance'"),
        (("photos/1.png", "-o", "x.txt"), "expected a name that ends in .csv or .json"),
        (
            ("photos/1.png", "--json", "-o", "x.csv"),
            "--json is given, and --out is x.csv; expected a name that",
        ),
        (("photos/1.png", "-o", "gone/x.csv"), "there is no folder"),
        (("photos/1.png", "--extract.precision", "bf16"), "precision is bf16, but"),
    ],
)
def test_bad_input_is_one_line(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    kept = Index.open("x.index").manifest.model.precision
    if kept == "bf16":
        arguments = tuple(each.replace("bf16", "32") for each in arguments)
        reason = reason.replace("is bf16", "is 32")
    with pytest.raises(BeenhereError, match=reason) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)


def test_build_says_that_nothing_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def build(photos: str, out: str) -> str:
        app(
            ["index", "build", photos, "--model", "offline-lite0", "-o", out],
            result_action="return_value",
            exit_on_error=False,
            print_error=False,
        )
        return capsys.readouterr().out

    said = build("photos", "y.index")
    assert "where they are: nothing says it (no position, no x and y, frame or place" in said
    table = "path,x,y,place\nphotos/0.png,1,2,hall\nphotos/1.png,3,4,\nphotos/2.png,,,\n"
    (folder / "some.csv").write_text(table)
    said = build("some.csv", "z.index")
    assert "2 with x and y, 1 with a place's name, 1 without any of these" in said
