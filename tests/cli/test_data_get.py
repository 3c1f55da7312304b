"""``beenhere data get``: what a person sees before, during and after."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from downloadable_set import pack, town, write_town
from file_server import FileServer, file_server, serving

from beenhere.cli.data_sets import get
from beenhere.errors import ConfigError, DataError
from beenhere.photos import catalog
from beenhere.photos.catalog import NamedSet, RemoteFile


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


@pytest.fixture
def entry(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NamedSet:
    """A set in the catalogue that forbids commercial use."""
    archive = pack(write_town(tmp_path / "authors"), tmp_path / "town.zip")
    url = server.answers("/f", serving(archive))
    entry = town(
        RemoteFile(name="town.zip", url=url, bytes=len(archive)),
        photos=8,
        purpose=("train", "val"),
        disk_bytes=1_200_000,
        licence="CC BY-NC",
        commercial="forbidden",
    )
    monkeypatch.setattr(catalog, "named_set", lambda name: entry)
    return entry


def test_a_set(entry: NamedSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    get("town", to=data, accept_licence=True)
    facts = [
        "Town: a few streets",
        "  for             train, val",
        "  photos          8",
        "  download        1.0 MB",
        "  on disk         1.2 MB",
        "  licence         CC BY-NC",
        "  commercial use  FORBIDDEN",
        "  paper           none",
        "  page            http://town.test/",
        f"  folder          {data}/town",
    ]
    steps = [
        f"Have a look: beenhere data show {data}/town",
        f"Measure on it: beenhere eval offline-lite0 --data {data}/town/val",
    ]
    out, err = capsys.readouterr()
    assert out.splitlines() == [*facts, f"{data}/town: ready", *steps]
    assert err == ""
    get("town", to=data)  # nothing is fetched, so nobody is asked
    again = [*facts, f"{data}/town: is there already, with the right counts", *steps]
    assert capsys.readouterr().out.splitlines() == again


def test_nobody_to_ask(
    entry: NamedSet, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "town").mkdir(parents=True)  # an empty folder is no set
    with pytest.raises(ConfigError, match=r"commercially \(CC BY-NC\); to agree, add --accept-li"):
        get("town", to=tmp_path / "data")
    assert "commercial use  FORBIDDEN" in capsys.readouterr().out
    assert server.asked == [] and list((tmp_path / "data/town").iterdir()) == []
    get("town", to=tmp_path / "data", accept_licence=True)
    assert f"{tmp_path / 'data/town'}: ready" in capsys.readouterr().out


def test_a_set_that_no_program_can_fetch_is_shown_with_its_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalog, "named_set", lambda name: town(commercial="forbidden"))
    with pytest.raises(DataError, match=r"by a program. Write to the mayor. Then: beenhere data"):
        get("town", to=tmp_path / "data")
    assert capsys.readouterr().out.startswith("Town: a few streets\n")
    assert not (tmp_path / "data").exists()


def test_the_end_of_a_process(tmp_path: Path) -> None:
    program = ["beenhere", "data", "get", "MSLS", "--to", str(tmp_path)]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith("beenhere: msls cannot be fetched by a program. ")
    assert run.stderr.count("\n") == 1


def test_a_person_is_asked_and_may_leave(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    program = ["beenhere", "data", "get", "gsv_xs", "--to", str(tmp_path)]
    run = subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"Press Enter" not in shown:
        shown += os.read(ours, 4096)
    assert b"FORBIDDEN" in shown
    os.write(ours, b"\x04")  # Ctrl-D; a Ctrl-C before the terminal is read would be missed
    assert run.wait(timeout=60) == 130
    os.close(ours)
    assert list(tmp_path.iterdir()) == []
