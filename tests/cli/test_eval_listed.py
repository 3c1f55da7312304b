"""``beenhere eval`` and ``compare`` by lists, as a person runs them."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from listed_street import write_street
from published_sets import objects
from tiny import TinyModel, write_photo

from beenhere.cli.app import app
from beenhere.errors import ConfigError
from beenhere.evaluation import evaluate as evaluation

PAIR = ("--database", "nordland/ref", "--queries", "nordland/query")
FAST = ["--extract.device", "cpu", "--extract.precision", "32", "--extract.workers", "1"]


@pytest.fixture
def nordland(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve frames each: query ``i`` shows what frame ``i + 4`` does."""
    for at in range(12):
        write_photo(tmp_path / "nordland/ref" / f"{at:04}.png", at)
        write_photo(tmp_path / "nordland/query" / f"{at:04}.png", at + 4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_process(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(evaluation, "load_model", lambda spec, device: TinyModel().to(device))
    monkeypatch.setattr(evaluation, "read_provenance", lambda spec: {})
    app([*arguments, *FAST], result_action="return_value", exit_on_error=False)


def test_a_real_process(tmp_path: Path) -> None:
    """Lists in .npy by numbers, and a threshold that cannot apply."""
    street = write_street(tmp_path / "street")
    (street / "ground_truth.csv").unlink()
    for side in ("ref", "query"):  # as numbers: d03.png -> 3.png
        for file in (street / side).iterdir():
            file.rename(file.with_name(f"{int(file.stem[1:])}.png"))
    (street / "conditions.csv").unlink()
    np.save(street / "ground_truth.npy", objects([[at] for at in range(9)]), allow_pickle=True)
    done = subprocess.run(
        [
            *("beenhere", "eval", "offline-lite0", "--data", "street"),
            *("--within", "5", "--panels", "2", *FAST),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "R@1" in done.stdout and "100.0 [100.0, 100.0]" in done.stdout
    assert "on the list" in done.stdout and "within 5 m" not in done.stdout
    assert "so --within does not apply" in done.stdout
    assert "without a position" not in done.stdout
    folder = tmp_path / "evaluations/offline-lite0-street"
    assert (folder / "matches.jpg").stat().st_size > 1000
    assert json.loads((folder / "results.json").read_text())["recalls"][0]["threshold"] is None


def test_protocols_differ(
    nordland: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recalls = {}
    for protocol in ("1-frame", "10-frames"):
        in_process(monkeypatch, "eval", "m", "--data", "nordland", "--protocol", protocol)
        file = nordland / f"evaluations/m-nordland-{protocol}/results.json"
        results = json.loads(file.read_text())
        assert results["name"] == f"nordland-{protocol}"
        recalls[protocol] = next(one["percent"] for one in results["recalls"] if one["at"] == 1)
    assert recalls["1-frame"] < recalls["10-frames"] and recalls["10-frames"] >= 100 * 8 / 12
    capsys.readouterr()


def test_a_protocol_that_there_is_not(nordland: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no protocol '2-frames'; it can serve 1-frame, 10-"):
        in_process(monkeypatch, "eval", "m", "--data", "nordland", "--protocol", "2-frames")
    with pytest.raises(ConfigError, match="protocol '1-frame' is one of a published set"):
        in_process(monkeypatch, "eval", "m", *PAIR, "--protocol", "1-frame")


def test_comparing(
    nordland: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        options = ("--data", "nordland", "--protocol", "10-frames", "--out", name)
        in_process(monkeypatch, "eval", "m", *options)
    capsys.readouterr()
    app(
        ["compare", "a", "b", "--within", "3", "--no-maps", "--out", "found"],
        result_action="return_value",
        exit_on_error=False,
    )
    assert "12 queries in 12 photos, right by the lists" in capsys.readouterr().out
    assert json.loads(Path("found/compare.json").read_text())["tests"][0]["threshold"] is None


def test_show_names_protocols(nordland: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["data", "show", "nordland"], result_action="return_value", exit_on_error=False)
    shown = capsys.readouterr().out
    assert "positives  12 of 12 queries (100%) have a photo on the list, 2 to 3 each\n" in shown
    assert "protocols  1-frame, 10-frames (the first is shown)" in shown


def test_show_names_the_file_of_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    street = write_street(tmp_path / "street")

    def shown() -> str:
        app(["data", "show", str(street)], result_action="return_value", exit_on_error=False)
        lines = capsys.readouterr().out.splitlines()
        (line,) = (line for line in lines if line.startswith("  positives"))
        return line

    on_list = "have a photo on the list of ground_truth.csv"
    assert shown() == f"  positives  8 of 9 queries (88.9%) {on_list}, 1 to 3 each; 1 has none"
    (street / "ground_truth.csv").write_text("query,database\nquery/q0.png,ref/d00.png\n")
    assert shown() == f"  positives  1 of 9 queries (11.1%) {on_list}, 1 each; 8 have none"
    (street / "ground_truth.csv").write_text("query,database\n")
    assert shown() == f"  positives  0 of 9 queries (0%) {on_list}; 9 have none"
