"""``beenhere index``: every command as a person types it, and what it says."""

import json
import subprocess
from pathlib import Path

import pytest
from tiny import at_name, write_photo

from beenhere.cli.app import app
from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.index import Index, search_recall, segments
from beenhere.retrieval.search import choice


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with five photos of which one is none."""
    for number in range(4):
        write_photo(tmp_path / "photos" / at_name(500_000 + number, 4_100_000), number)
    (tmp_path / "photos" / at_name(1, 2)).write_bytes(b"no photo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app(["index", *arguments], result_action="return_value", exit_on_error=False, print_error=False)


def build(*options: str) -> None:
    run("build", "photos", "--model", "offline-lite0", "-o", "x.index", *options)


def test_from_photos_to_a_smaller_index(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def says(*arguments: str) -> list[str]:
        capsys.readouterr()
        run(*arguments)
        return capsys.readouterr().out.splitlines()

    build("--dtype", "float16", "--extract.batch-size", "2", "--set", "extract.workers=1")
    built, where, search, question, unreadable = capsys.readouterr().out.splitlines()
    assert built.startswith("x.index: 4 photos by offline-lite0, in ")
    assert where == "where they are: all with a position"
    assert search == "search: exact: 4 photos are too few to learn a search structure from"
    assert question == "Ask it: beenhere locate PHOTO --index x.index"
    assert unreadable.startswith("photos that cannot be read, left out: 1: ")
    assert unreadable.endswith("@.jpg (not a photo: a text file)")
    build("--dtype", "float16")
    assert "x.index holds these 4 photos already: nothing to do" in capsys.readouterr().out

    write_photo(folder / "more" / at_name(1, 5), 9)
    (folder / "photos" / at_name(500_000, 4_100_000)).rename(folder / "more" / at_name(1, 6))
    assert says("add", "x.index", "more") == ["x.index: 1 new, 1 moved; 5 photos now"]
    assert says("add", "x.index", "more") == ["x.index: 2 unchanged; 5 photos now"]
    gone = "remove", "x.index", "more", "*/@500001*"
    with pytest.raises(ConfigError, match=r"3 of the 5 photos of x.index would go; add --yes"):
        run(*gone)
    assert says(*gone, "--yes") == ["x.index: 3 photos removed, 2 left"]
    shown = says("info", "x.index")
    assert "  photos      2, all with a position, taken 2015-07 to 2015-07" in shown
    assert "  removed     3, see compact" in shown and "  unreadable  1, see --json" in shown
    assert "  descriptors 6328 numbers in float16" in shown
    assert "  search      exact: 2 photos are too few to learn a search structure from" in shown
    assert "  calibration none; fit one: beenhere calibrate x.index --queries PHOTOS" in shown
    (check,) = says("check", "x.index")
    assert check.startswith("x.index: 8 files, ") and check.endswith(", all as they were written")
    (compacted,) = says("compact", "x.index")
    assert compacted.startswith("x.index: ") and " kB, was " in compacted
    found = json.loads("\n".join(says("info", "x.index", "--json")))
    assert (found["photos"], found["removed"], found["positioned"]) == (2, 0, 2)
    assert list(found["left_out_photos"].values()) == ["not a photo: a text file"]
    assert found["model"]["name"] == "offline-lite0"
    assert len(Index.open("x.index")) == 2


def test_how_it_is_searched(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(*arguments: str) -> list[str]:
        capsys.readouterr()
        run(*arguments)
        return capsys.readouterr().out.splitlines()

    monkeypatch.setattr(choice, "FEWEST_TO_LEARN", 4)
    # More than there are: nothing to train.
    monkeypatch.setattr(search_recall, "FEWEST_TO_LEARN", 5)
    whitening = ("--whitening.dim", "3", "--whitening.power", "0.5")
    build("--search", "hnsw", *whitening)
    assert "search: hnsw: hnsw was asked for" in capsys.readouterr().out
    assert (
        "x.index holds these 4 photos already"
        in says(
            "build",
            "photos",
            "--model",
            "offline-lite0",
            "-o",
            "x.index",
            "--search",
            "hnsw",
            *whitening,
        )[0]
    )
    with pytest.raises(DataError, match=r"change it: beenhere index train x.index --search pq"):
        build("--search.kind", "pq", *whitening)
    shown = says("info", "x.index", "--recall")
    assert "  descriptors 3 numbers in float32, whitened from 6328 on 4 photos" in shown
    assert "  search      hnsw: hnsw was asked for" in shown
    table = shown[shown.index("measured with 4 of its photos as queries, none its own match:") :]
    header, exact, half, small, graph, note = table[1:]
    assert header.split("  ")[1] == "search" and "first 20 kept" in header
    assert exact.startswith("  exact ") and "100.00%" in exact and graph.startswith("* hnsw ")
    assert half.startswith("  exact, float16") and small.startswith("  exact, int8")
    assert len({len(line) for line in table[1:-1]}) == 1 and note.startswith("  * in force")
    found = json.loads("\n".join(says("info", "x.index", "--recall", "--json")))
    assert found["structure"]["kind"] == found["recall"]["in_force"] == "hnsw"
    assert found["recall"]["table"][0]["kept"] == {"1": 1.0, "20": 1.0}
    assert says("train", "x.index", "--search.kind", "hnsw", "--search.m", "8") == [
        "x.index: hnsw: hnsw was asked for"
    ]
    write_photo(folder / "more" / at_name(1, 5), 9)
    monkeypatch.setattr(segments, "LAG", 0.5)
    run("add", "x.index", "more")
    (line,) = (line for line in says("info", "x.index") if line.startswith("  search"))
    assert line.endswith("hnsw was asked for; 1 photo came later, and is searched exactly")
    assert says("train", "x.index", "--search", "exact") == [
        "x.index: exact: exact search was asked for"
    ]


def test_what_a_calibration_is_and_that_photos_have_changed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*options: str) -> list[str]:
        capsys.readouterr()
        run("info", "x.index", *options)
        return capsys.readouterr().out.splitlines()

    def confidence(inside: int, threshold: float) -> dict[str, object]:
        return {"threshold": threshold, "fitted": {"inside": inside, "outside": 1000}}

    build()
    index = Index.open("x.index")
    index.set_calibration({"plain": {}})  # values that nothing of ours has fitted
    assert "  calibration plain only" in shown()
    values = {
        "plain": confidence(970, 0.64),
        "verified": confidence(970, 0.8512),
        "fitted": {
            "at": "2026-01-31T12:00:00+00:00",
            "notes": {"plain": ["one", "both"], "verified": ["both"]},
        },
    }
    index.set_calibration(values)
    said = (
        "  calibration plain and verified, fitted 2026-01-31 on 970 queries inside and 1,000 "
        "outside; threshold 0.64 / 0.85"
    )
    lines = shown()
    first = lines.index(said)
    assert lines[first + 1 : first + 3] == [
        "              note (plain): one",
        "              note: both",
    ]
    assert lines[first + 3].startswith("  size ")
    index.set_calibration({"plain": confidence(60, 0.5)})
    run("remove", "x.index", "*/@500001*")
    assert capsys.readouterr().out == "x.index: 1 photo removed, 3 left\n"
    lines = shown()
    first = lines.index(
        "  calibration plain only, fitted on 60 queries inside and 1,000 outside; threshold 0.50"
    )
    changed = "              fitted with 4 photos, where now are 3: fit it again"
    assert lines[first + 1] == changed
    found = json.loads("\n".join(shown("--json")))["calibration"]
    assert (found["photos"], found["values"]) == (4, index.calibration)


def test_the_search_of_an_index_of_which_all_is_removed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    run("remove", "x.index", "photos", "--yes")
    run("info", "x.index")
    assert "  search      exact: there is no photo to search\n" in capsys.readouterr().out


def test_help_says_when_an_index_is_whitened(capsys: pytest.CaptureFixture[str]) -> None:
    run("build", "--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "[choices: auto, half, none] [default: auto]" in said
    assert "[default: 512 if another is given]" in said
    assert "[default: 1.0 if another is given]" in said
    assert "[default: 512]" not in said


def test_a_damaged_index_ends_with_one(folder: Path) -> None:
    build()
    (vectors,) = (folder / "x.index" / "parts").glob("*.vectors.npy")
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.write_bytes(data)
    command = ["beenhere", "index", "check", "x.index"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(f"x.index/parts/{vectors.name} is damaged: its SHA-256 is ")
    assert done.stderr == (
        "x.index is damaged: bring back a copy of the folder, or build it again\n"
    )


def test_what_an_interrupted_change_left_is_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    (folder / "x.index" / "parts" / "000099.vectors.npy").write_bytes(b"half")
    run("check", "x.index")
    assert "1 file left by an interrupted change" in capsys.readouterr().out


def test_many_unreadable_photos_are_not_all_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        (folder / "photos" / at_name(2, number)).write_bytes(b"no photo")
    build()
    shown = capsys.readouterr().out
    assert shown.count("a text file") == 3
    assert "left out: 5: " in shown and "(all by beenhere index info x.index --json)" in shown


@pytest.mark.parametrize("command", ["add x.index photos", "remove x.index photos"])
def test_no_index_is_an_error_before_photos_are_read(folder: Path, command: str) -> None:
    with pytest.raises(DataError, match=r"x.index does not exist; make one"):
        run(*command.split())


def test_another_precision_is_refused(folder: Path) -> None:
    build("--extract.precision", "32")
    with pytest.raises(ConfigError, match="computed in 32"):
        run("add", "x.index", "photos", "--extract.precision", "bf16")


def test_phone_photos_find_each_other(real_photos: Path, tmp_path: Path) -> None:
    """29 photos of one walk; each is the nearest of itself, and another of the street is next."""
    index = Index.build(real_photos / "lund", "offline-lite0", tmp_path / "x.index", dtype="int8")
    assert len(index) == 29 and index.photos.positions.known.all()
    (segment,) = index.segments
    matches = index.search(segment.floats(0, 29), k=2)
    assert (matches.rows[:, 0] == range(29)).all()
    assert (matches.similarity[:, 0] > matches.similarity[:, 1]).all()
