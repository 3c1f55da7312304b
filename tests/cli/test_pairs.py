"""``beenhere index pairs`` and ``export``, and ``--h5`` of ``build`` and ``add``."""

from pathlib import Path

import h5py
import pytest
from tiny import at_name, write_photo

from beenhere.cli.app import app
from beenhere.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos 10 m apart, their index, and one to ask for."""
    root = tmp_path_factory.mktemp("town")
    for number in range(5):
        write_photo(root / "images/map" / at_name(500_000 + 10 * number, 4_100_000), number)
    write_photo(root / "images/asked/new.png", 2)
    _run("build", f"{root}/images/map", "--model", "offline-lite0", "-o", f"{root}/x.index")
    return root


def _run(*arguments: str) -> None:
    app(["index", *arguments], result_action="return_value", exit_on_error=False, print_error=False)


@pytest.fixture
def folder(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("images", "x.index"):
        (tmp_path / name).symlink_to(town / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pairs(folder: Path, town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("pairs", "x.index", "--within", "10.5")
    said = f"pairs.txt: 4 pairs; names are relative to {town}/images/map\n"
    assert capsys.readouterr().out == said
    lines = Path("pairs.txt").read_text().splitlines()
    numbers = {frozenset(float(name.split("@")[1]) for name in line.split()) for line in lines}
    assert numbers == {frozenset((500_000 + 10 * n, 500_010 + 10 * n)) for n in range(4)}

    _run("pairs", "x.index", "-k", "1", "--queries", "images/asked", "--root", "images")
    (line,) = Path("pairs.txt").read_text().splitlines()
    assert line == f"asked/new.png map/{at_name(500_020, 4_100_000)}"


def test_pairs_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"lies outside of images/asked \(5 such photos\)"):
        _run("pairs", "x.index", "--root", "images/asked")
    write_photo(folder / "others/my photo.png", 1)
    with pytest.raises(DataError, match=r"my photo\.png' cannot stand in a list of pairs"):
        _run("pairs", "x.index", "--queries", "others")
    with pytest.raises(ConfigError, match="mutual pairs"):
        _run("pairs", "x.index", "--queries", "images/asked", "--mutual")
    assert not Path("pairs.txt").exists()


def test_to_hloc_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("export", "x.index", "--h5", "d.h5", "--root", "images")
    assert capsys.readouterr().out == (
        "d.h5: 5 descriptors in float16; names are relative to images\n"
    )
    with h5py.File("d.h5") as file:
        assert list(file) == ["map"] and len(file["map"]) == 5
    again = "build", "images/map", "--model", "offline-lite0", "--h5", "d.h5"
    with pytest.raises(DataError, match="give that by --root"):
        _run(*again, "-o", "y.index")
    assert not Path("y.index").exists()
    _run(*again, "-o", "y.index", "--root", "images")
    assert capsys.readouterr().out.splitlines()[-1] == "5 descriptors taken from d.h5"
    _run("add", "y.index", "images/map", "--h5", "d.h5", "--root", "images")
    told = capsys.readouterr().out.splitlines()
    assert told == ["y.index: 5 unchanged; 5 photos now", "0 descriptors taken from d.h5"]
    with pytest.raises(ConfigError, match="--root is given without --h5"):
        _run("add", "y.index", "images/map", "--root", "images")
