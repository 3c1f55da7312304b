"""``beenhere compare``: what a person sees, and the files it leaves."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from tiny import at_name, write_photo
from two_runs import small_model, write_run

from beenhere.cli.app import app
from beenhere.errors import BeenhereError, ConfigError, DataError, ModelError
from beenhere.models import save_checkpoint

A = [True, True, True, False, False, True, False, True]
B = [True, False, False, False, True, False, True, True]
FAST = ["--extract.device", "cpu", "--extract.precision", "32", "--extract.workers", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs ``a`` and ``b``, both tested on ``streets``; no photo of it is anywhere else."""
    monkeypatch.chdir(tmp_path)
    for name, right, seed in (("a", A, 1), ("b", B, 2)):
        write_run(Path(name), Path("photos"), right, seed)
    return tmp_path


@pytest.fixture
def tree(folder: Path) -> Path:
    """Ten queries and ten database photos, 20 m from one to the next."""
    for side, shift in (("database", 0), ("queries", 1)):
        for i in range(10):
            name = at_name(550_000 + 20 * i, 4_180_000)
            write_photo(folder / "town" / side / name, i + 5 * shift * (i % 3))
    return Path("town")


def run(*arguments: str) -> None:
    app(["compare", *arguments, *FAST], result_action="return_value", exit_on_error=False)


def refused(*arguments: str) -> BeenhereError:
    with pytest.raises(BeenhereError) as caught:
        run(*arguments)
    return caught.value


def test_a_table_that_a_person_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("a", "b")
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[:2] == ["A: a", "B: b"]
    assert lines[3] == "streets: 8 queries in 8 photos, right within 25 m"
    rows = {
        line.split()[0]: line.split()[1:7] for line in lines if line[1:4] in ("all", "day", "nig")
    }
    # queries, both, only A, only B, neither, R@1 of A
    assert rows["all"] == ["8", "2", "3", "2", "1", "62.5"]
    assert rows["day"] == ["5", "1", "2", "1", "1", "60.0"]
    assert rows["night"] == ["2", "0", "1", "1", "0", "50.0"]
    assert "+12.5 [" in shown and "McNemar's exact test" in shown
    pages = ["compare.jpg", "compare-page-2.jpg"]
    assert f"In comparisons/a-b: compare.json, {', '.join(pages)}" in shown
    assert "not there any more" not in shown
    for page in pages:  # of six queries: three of A alone, two of B alone, one of neither
        with Image.open(f"comparisons/a-b/{page}") as picture:
            assert 1500 < picture.width <= 1600 and 3 * 500 < picture.height <= 2400
    assert "1.000" in rows_of(lines, "all")


def rows_of(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.strip().startswith(name))


def test_a_real_process_prints_compare_json(folder: Path) -> None:
    command = ["beenhere", "compare", "a/tests/streets", "b", "--json"]
    done = subprocess.run(
        [*command, "--out", "there", "--count", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout == Path("there/compare.json").read_text()
    (test,) = json.loads(done.stdout)["tests"]
    assert [Path(query).stem for query in test["only_b"]] == ["4", "6"]


def test_pictures_without_maps_and_no_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    widths = []
    for maps in ([], ["--no-maps"]):
        run("a", "b", "--out", "there", *maps)
        with Image.open("there/compare.jpg") as picture:
            widths.append(picture.width)
    assert widths[0] > widths[1]
    capsys.readouterr()
    run("a", "a", "--out", "same", "--no-maps")
    assert "Look at same/compare.jpg" in capsys.readouterr().out  # where both are wrong
    run("a", "b", "--out", "there", "--count", "0")
    assert "no query to draw" in capsys.readouterr().out
    assert not list(Path("there").glob("*.jpg"))


def test_the_same_seed_draws_the_same_picture(folder: Path) -> None:
    pictures = []
    for seed in ("0", "0", "1", "2", "3"):
        run("a", "b", "--out", seed, "--count", "1", "--no-maps", "--seed", seed)
        pictures.append(Path(seed, "compare.jpg").read_bytes())
    assert pictures[0] == pictures[1] and len(set(pictures)) > 1


def test_photos_that_have_gone_are_named_and_nothing_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/queries/1.jpg").unlink()
    Path("photos/queries/2.jpg").write_bytes(b"no photo")
    run("a", "b")
    assert "their places are empty: 1, such as photos/queries/1.jpg" in capsys.readouterr().out
    assert Path("comparisons/a-b/compare.jpg").is_file()


def test_photos_are_described_once_for_eval_and_compare(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app(
        ["eval", "a", "--data", "town", "--within", "15", "30", *FAST],
        result_action="return_value",
    )
    run("a", "b", "--data", "town", "--at", "2")
    shown = capsys.readouterr().out
    assert "town: 10 queries in 10 photos, right within 15 m" in shown and "R@2 A" in shown
    results = json.loads(Path("evaluations/a-town/results.json").read_text())
    assert results["timing"]["images_computed"] == 0
    assert results["config"]["thresholds"] == [15, 30]
    assert results["config"]["recall_at"] == [1, 2, 5, 10, 20]
    record = json.loads(Path("comparisons/a-b-town/compare.json").read_text())
    first = record["tests"][0]["conditions"][0]
    for letter in "ab":
        frame = pl.read_parquet(f"evaluations/{letter}-town/predictions.parquet")
        right = frame.filter(pl.col("rank") <= 2, pl.col("distance_m") <= 15)["query"].n_unique()
        assert first[f"recall_{letter}"] == pytest.approx(10 * right)
        assert (first["both"] + first[f"only_{letter}"]) == right


def test_an_evaluation_stands_for_its_model_on_new_photos(tree: Path) -> None:
    run("a/tests/streets", "b", "--data", "town", "--no-maps")
    assert {path.name for path in Path("evaluations").iterdir()} == {"a-town", "b-town"}
    assert Path("comparisons/a-b-town/compare.json").is_file()


def test_database_with_queries_and_photos_by_themselves(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ["--database", "town/database", "--queries", "town/queries"]
    run("a", "b", *sides, "--no-maps", "--within", "40")
    assert "10 queries in 10 photos, right within 40 m" in capsys.readouterr().out
    run("a", "b", "--photos", "town/database", "--no-maps")
    assert "town-database" in capsys.readouterr().out
    predictions = pl.read_parquet("evaluations/a-town-database/predictions.parquet")
    assert (predictions["query"] != predictions["database"]).all()


def test_bad_input_is_one_line_that_says_what_to_do(tree: Path) -> None:
    assert "nowhere does not exist; expected a run folder" in str(refused("a", "nowhere"))
    assert "share no test set; give photos" in str(refused("a", "offline-lite0"))
    assert "expected data" in str(refused("a", "b", "--database", "town/database"))
    assert isinstance(refused("a", "b", "--data", "town", "--photos", "town"), ConfigError)
    save_checkpoint(small_model(5), "b/checkpoints/best", {})
    error = refused("a", "b")
    assert isinstance(error, ModelError) and "--no-maps" in str(error)
    assert not Path("comparisons").exists()
    run("a", "b", "--no-maps")


def test_what_others_have_put_there_is_not_overwritten(tree: Path) -> None:
    Path("mine").mkdir()
    Path("mine/compare.json").write_text("[]")
    error = refused("a", "b", "--data", "town", "--out", "mine")
    assert isinstance(error, DataError) and "give another folder by --out" in str(error)
    assert not Path("evaluations").exists(), "it is said before the work is done"


def test_a_wrapped_network_has_no_similarity_maps_and_it_is_said(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    source = (
        "import torch, beenhere\n"
        "def network():\n"
        "    layers = torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()\n"
        "    return beenhere.wrap(torch.nn.Sequential(*layers), image_size=(32, 32))\n"
    )
    Path("plain_network.py").write_text(source)
    run("plain_network:network", "a", "--data", str(tree))
    said = [line for line in capsys.readouterr().out.splitlines() if "similarity maps" in line]
    assert said == [
        "plain_network:network has no similarity maps: a wrapped network does not say which of its "
        "layers gives feature maps"
    ]
    run("plain_network:network", "a", "--data", str(tree), "--no-maps")
    assert "similarity maps" not in capsys.readouterr().out
