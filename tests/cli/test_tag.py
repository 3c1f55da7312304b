"""``beenhere tag`` and ``locate --write-exif``: as a person types it, and what it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tiny import at_name, write_photo

from beenhere.cli.app import app
from beenhere.errors import ConfigError, DataError
from beenhere.photos.exif import read_facts
from beenhere.retrieval.index import Index


def run(*arguments: str) -> None:
    app(arguments, result_action="return_value", exit_on_error=False, print_error=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(3):
        write_photo(tmp_path / f"walk/{number}.jpg", number, 40, 56)
    write_photo(tmp_path / "walk/3.png", 3, 40, 56)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(**status: str) -> None:
    place = {"lat": 37.5, "lon": -122.25}
    found: list[dict[str, Any]] = [
        {
            "query": f"walk/{name.removeprefix('n').replace('_', '.')}",
            "status": said,
            "radius_m": None,
            "probability": None,
            "place": place,
            **(place if said == "known" else {"lat": None, "lon": None}),
        }
        for name, said in status.items()
    ]
    Path("answers.json").write_text(json.dumps(found))


def test_positions_go_in_and_come_out_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(n0_jpg="known", n1_jpg="guess", n2_jpg="unknown", n3_png="known")
    before = {path: path.read_bytes() for path in (folder / "walk").iterdir()}
    run("tag", "answers.json")
    said = capsys.readouterr()
    walk = folder / "walk"
    assert said.out == "" and said.err.splitlines() == [
        "beenhere: positions written into 2 files",
        f"beenhere: to bring them back: beenhere tag --undo {walk}",
        "beenhere: 1 guess not written (--guesses writes them too)",
        "beenhere: 1 photo without a position to write",
    ]
    assert read_facts("walk/0.jpg").answer == (37.5, -122.25)
    assert (walk / "3.png.xmp").is_file()
    run("tag", "answers.json", "--guesses", "--write-xmp")
    said = capsys.readouterr()
    assert said.err.splitlines()[0] == "beenhere: positions written into 1 file"
    assert "walk/0.jpg: has a position already (37.50000, -122.25000 in EXIF)" in said.err
    run("tag", "--undo", "walk/0.jpg")
    assert capsys.readouterr().out == f"{walk}: 1 file as before\n"
    run("tag", "--undo", ".")
    assert capsys.readouterr().out == "walk: 2 files as before\n"
    assert {path: path.read_bytes() for path in walk.iterdir()} == before


def test_what_cannot_be_written_is_named_and_the_exit_code_is_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(n0_jpg="known", n9_jpg="known")
    with pytest.raises(SystemExit) as left:
        run("tag", "answers.json")
    assert left.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "beenhere: walk/9.jpg: no such file or directory; not written"
    assert read_facts("walk/0.jpg").answer == (37.5, -122.25)
    with Image.open("walk/0.jpg") as image:
        image.save("walk/0.jpg", quality=50)
    with pytest.raises(SystemExit) as left:
        run("tag", "--undo", "walk")
    assert left.value.code == 2
    assert "0.jpg has been changed since, and is left as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((), ConfigError, "nothing is named; give the JSON of beenhere locate"),
        (("--undo",), ConfigError, "nothing is named; give folders or photos"),
        (("a", "--undo", "--guesses"), ConfigError, "--undo goes with no other option"),
        (("walk", "--undo"), DataError, "walk: no beenhere-undo.jsonl in it or below"),
        (("walk/0.jpg", "--undo"), DataError, "walk/0.jpg: there is no beenhere-undo.jsonl beside"),
        (("none.json",), DataError, "none.json cannot be read (no such file or directory)"),
        (("walk/0.jpg",), DataError, "walk/0.jpg is no JSON; expected the JSON that"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path, arguments: tuple[str, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        run("tag", *arguments)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_locate_writes_what_it_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        name = at_name(500_000, 4_100_000 + 5 * number)
        write_photo(folder / "photos" / name, number, 64, 64)
    Index.build("photos", "offline-lite0", "x.index")
    locate = ("locate", "walk/0.jpg", "--index", "x.index", "--no-verify")
    for option in ("--overwrite", "--guesses"):
        with pytest.raises(ConfigError, match=f"{option} goes with --write-exif or --write-xmp"):
            run(*locate, option)
    run(*locate, "--write-exif", "--write-xmp")
    assert "1 guess not written (--guesses writes them too)" in capsys.readouterr().err
    run(*locate, "--write-exif", "--write-xmp", "--guesses", "-o", "a.json")
    said = capsys.readouterr()
    assert said.out == "" and "positions written into 2 files" in said.err
    (answer,) = json.loads((folder / "a.json").read_text())
    facts = read_facts("walk/0.jpg")
    place = answer["place"]
    assert facts.answer == pytest.approx((place["lat"], place["lon"]), abs=1e-7)
    assert "1 file" not in said.err and (folder / "walk/0.jpg.xmp").is_file()
    # What was found by picture never becomes the truth of another index, from wherever it is read.
    run("tag", "a.json", "--write-xmp", "--guesses", "--overwrite")
    capsys.readouterr()
    run("index", "build", "walk", "--out", "w.index")
    said = capsys.readouterr()
    (line,) = [one for one in (said.out + said.err).splitlines() if "located by picture" in one]
    assert line.endswith("and is not taken for the truth: 1: walk/0.jpg")
    assert "left out" not in said.out + said.err  # the file beside it
    assert Index.open("w.index").photos.positions.known.sum() == 0
