"""``beenhere eval``: what a person sees, and the files it leaves."""

import json
import subprocess
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from tiny import TinyModel, at_name, write_photo

from beenhere.cli.app import app
from beenhere.errors import ConfigError, DataError
from beenhere.evaluation import evaluate as evaluation

FAST = ["--extract.device", "cpu", "--extract.precision", "32", "--extract.workers", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Here lies a tree ``street/test``: 12 queries, two far from every database photo."""
    for side, step in (("database", 20), ("queries", 24)):
        for i in range(12):
            name = at_name(550_000 + step * i, 4_180_000)
            write_photo(tmp_path / "street" / "test" / side / name, i)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "load_model", lambda spec, device: TinyModel().to(device))
    monkeypatch.setattr(evaluation, "read_provenance", lambda spec: {})
    return tmp_path


def run(*arguments: str) -> None:
    app(["eval", *arguments, *FAST], result_action="return_value")


def test_a_table_that_a_person_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("runs/mixvpr", "--data", "street/test", "--within", "5", "25", "--recall-at", "1", "5")
    shown = capsys.readouterr().out
    results = json.loads((folder / "evaluations/mixvpr-street-test/results.json").read_text())
    lines = shown.splitlines()
    assert lines[0] == "street-test: 12 queries in 12 photos, by runs/mixvpr"
    for n, line in ((1, lines[4]), (5, lines[5])):
        cells = [r for r in results["recalls"] if r["at"] == n]
        expected = [f"{r['percent']:.1f} [{r['low']:.1f}, {r['high']:.1f}]" for r in cells]
        assert line.split() == " ".join([f"R@{n}", *expected]).split()
    without = results["without_positive"]
    assert len(without["25"]) == 1
    assert f"never right: 1: {without['25'][0]}" in shown
    assert f"{len(without['5'])}: {', '.join(without['5'][:3])}, ... (all in" in shown
    assert "24 photos described" in shown
    assert "In evaluations/mixvpr-street-test: results.json" in shown
    run("runs/mixvpr", "--data", "street/test")
    assert "all descriptors were there already" in capsys.readouterr().out


def test_conditions_stand_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(path.name for path in (folder / "street/test/queries").iterdir())
    rows = [f"queries/{name},{('day', 'night')[i % 4 == 0]}" for i, name in enumerate(names)]
    (folder / "street/test/conditions.csv").write_text("\n".join(["path,condition", *rows]) + "\n")
    run("runs/mixvpr", "--data", "street/test")
    assert capsys.readouterr().out.splitlines()[2].split("  ")[0] == "within 25 m"
    run("runs/mixvpr", "--data", "street/test", "--within", "5", "25")
    shown = capsys.readouterr().out
    for title in ("all (12)", "day (9)", "night (3)"):
        assert title in shown


def test_a_query_without_a_position_is_named_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo(folder / "street/test/queries/@@@@@@@nowhere@@@@@@@@.jpg", 3)
    run("runs/mixvpr", "--data", "street/test", "--within", "25", "0.001")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "nowhere" in line] == [
        "queries without a position, so never right: 1: "
        "street/test/queries/@@@@@@@nowhere@@@@@@@@.jpg"
    ]
    assert any(
        line.startswith("without a photo within 25 m, so never right: 1: ") for line in lines
    )
    run("runs/mixvpr", "--data", "street/test", "--within", "1000")
    assert "without a photo within" not in capsys.readouterr().out


def test_certainty_that_is_none_is_said_of_each_figure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in (folder / "street/test/queries").iterdir())
    rows = [f"queries/{name},{'near' if i < 4 else 'far'}" for i, name in enumerate(names)]
    (folder / "street/test/conditions.csv").write_text("\n".join(["path,condition", *rows]) + "\n")
    run("m", "--data", "street/test", "--within", "25", "0.1", "--recall-at", "1", "12")
    (line,) = (x for x in capsys.readouterr().out.splitlines() if "bootstrap sees no doubt" in x)
    start = (
        "where all queries are right, or none, the bootstrap sees no doubt; Wilson's interval, in "
    )
    assert line.startswith(f"{start}results.json: ")
    results = json.loads((folder / "evaluations/m-street-test/results.json").read_text())
    sure = {
        f"{r['percent']:.1f} of {r['queries']} queries "
        f"[{r['wilson_low']:.1f}, {r['wilson_high']:.1f}]"
        for r in results["recalls"]
        if r["percent"] in (0, 100)
    }
    assert {text.split()[0] for text in sure} == {"0.0", "100.0"} and len(sure) > 1
    assert set(line.removeprefix(f"{start}results.json: ").split("; ")) == sure


def test_json_is_the_results_file_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("runs/mixvpr", "--data", "street/test", "--json", "--out", "there", "--set", "seed=3")
    shown = capsys.readouterr().out
    assert shown == (folder / "there/results.json").read_text()
    assert json.loads(shown)["config"]["seed"] == 3


def test_panels_draws_the_queries(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "there").mkdir()
    (folder / "there/matches-page-2.jpg").write_bytes(b"of a picture that had more")
    run("runs/mixvpr", "--data", "street/test", "--panels", "2", "--out", "there")
    assert "Look at there/matches.jpg" in capsys.readouterr().out
    assert not (folder / "there/matches-page-2.jpg").exists()
    with Image.open(folder / "there/matches.jpg") as picture:
        assert picture.height > 400


def test_results_are_a_folder(folder: Path) -> None:
    for out in ("results.json", "x.csv"):
        with pytest.raises(ConfigError, match=rf"--out is {out}; expected a folder"):
            run("runs/mixvpr", "--data", "street/test", "-o", out)
        assert not (folder / out).exists()
    (folder / "there").write_text("mine")
    with pytest.raises(DataError, match="there: is a file; expected a folder"):
        run("runs/mixvpr", "--data", "street/test", "-o", "there")


def test_unreadable_photos_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("database", "queries"):
        sorted((folder / "street/test" / side).iterdir())[0].write_bytes(b"no photo")
    (folder / "street/test/queries/raw.dng").write_bytes(b"raw")
    run("runs/mixvpr", "--data", "street/test")
    shown = capsys.readouterr().out
    assert "12 queries in 12 photos" in shown
    assert "queries that cannot be read, counted as not found: 1: street/test/queries/@" in shown
    assert "database photos that cannot be read, left out: 1: street/test/database/@" in shown
    assert "raw.dng (camera raw file" in shown


@pytest.mark.parametrize(
    ("arguments", "folder_name"),
    [
        (
            ["offline-lite0", "--database", "a/database", "--queries", "a/queries"],
            "offline-lite0-a",
        ),
        (["runs/x/checkpoints/best", "--data", "sf_xs/val"], "x-best-sf_xs-val"),
        (["runs/x", "--photos", "my/photos", "--leave-one-out"], "x-my-photos"),
        (["runs/x", "--database", "a/map", "--queries", "b/new.csv"], "x-new.csv"),
    ],
)
def test_the_folder_is_named_after_model_and_data(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    folder_name: str,
) -> None:
    seen = {}

    def evaluate(model: str, **given: object) -> None:
        seen.update(given)
        raise ConfigError("seen")

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    with pytest.raises(ConfigError, match="seen"):
        app(["eval", *arguments], exit_on_error=False, print_error=False)
    assert seen["out"] == Path("evaluations") / folder_name


def test_photos_and_leave_one_out_go_together(folder: Path) -> None:
    for arguments in (["--photos", "a"], ["--leave-one-out", "--data", "a"]):
        with pytest.raises(ConfigError, match="go together"):
            app(["eval", "runs/x", *arguments], exit_on_error=False, print_error=False)


def test_phone_photos_with_the_offline_model(real_photos: Path, tmp_path: Path) -> None:
    """29 photos of one walk, each with another within 25 m; EXIF positions."""
    command = ["beenhere", "eval", "offline-lite0", "--leave-one-out"]
    command += ["--photos", str(real_photos / "lund"), "--out", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["queries"] == 29 and results["without_positive"] == {"25": []}
    recall = {r["at"]: r["percent"] for r in results["recalls"]}
    assert recall[1] >= 85 and recall[5] >= 95
    predictions = pl.read_parquet(tmp_path / "predictions.parquet")
    assert (predictions["query"] != predictions["database"]).all()
    assert predictions.height == 29 * 20
