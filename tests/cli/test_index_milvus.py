"""``beenhere index`` with photos in Milvus Lite, each command in a process of its own."""

import json
import subprocess
from pathlib import Path

import pytest
from milvus_writer import close_lite
from tiny import at_name, write_photo

from beenhere.cli.app import app
from beenhere.errors import DataError


def run(*arguments: str) -> None:
    app(["index", *arguments], result_action="return_value", exit_on_error=False, print_error=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with four photos."""
    for number in range(4):
        write_photo(tmp_path / "photos" / at_name(500_000 + number, 4_100_000), number)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def says(*arguments: str) -> list[str]:
        run(*arguments)
        out, err = capfd.readouterr()
        assert err == ""  # what pymilvus logs does not reach a person
        return out.splitlines()

    where = f"{folder}/lite.db/city"
    given = ["photos", "--model", "offline-lite0", "-o", "x.index", "--store", "lite.db/city"]
    built, *_, search, question = says("build", *given)
    assert built.startswith("x.index: 4 photos by offline-lite0, in ")
    assert search == f"search: exact: by Milvus, {where}"
    assert question.startswith("Ask it: ")
    assert says("build", *given)[0] == "x.index holds these 4 photos already: nothing to do"
    write_photo(folder / "more" / at_name(1, 5), 9)
    (folder / "photos" / at_name(500_000, 4_100_000)).rename(folder / "more" / at_name(1, 6))
    assert says("add", "x.index", "more") == ["x.index: 1 new, 1 moved; 5 photos now"]
    assert says("remove", "x.index", "*/@500001*") == ["x.index: 1 photo removed, 4 left"]
    shown = says("info", "x.index")
    assert "  photos      4" in shown and f"  search      exact: by Milvus, {where}" in shown
    assert any(
        line.endswith("in the folder; photos and descriptors are elsewhere") for line in shown
    )
    found = json.loads("\n".join(says("info", "x.index", "--json")))
    assert (found["photos"], found["store"]["collection"]) == (4, "city")
    assert says("check", "x.index") == ["x.index: 0 files, 0 bytes, all as they were written"]
    assert says("compact", "x.index") == ["x.index: 0 bytes, was 0 bytes"]
    with pytest.raises(DataError, match="leave out --recall"):
        run("info", "x.index", "--recall")
    close_lite(folder / "lite.db")


def test_an_error_is_one_line(folder: Path) -> None:
    arguments = ["build", "photos", "--model", "offline-lite0", "-o", "x.index", "--store", "here"]
    done = subprocess.run(
        ["beenhere", "index", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("beenhere: store is 'here'; expected milvus://HOST/COLLECTION")
    assert len(done.stderr.splitlines()) == 1
