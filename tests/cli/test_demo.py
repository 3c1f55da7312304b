"""The demo at a reduced size, as a process: what it prints, what it leaves, and that it repeats."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

SMALL = [
    "--city.cities=1",
    "--city.places=6",
    "--city.images-per-place=4",
    "--city.database=12",
    "--city.queries=5",
    "--city.size=64",
    "--set=model.preprocessing.image_size=[64,64]",
    "--set=batch.places=6",
    "--set=fit.epochs=1",
    "--set=optimizer.schedule=constant",
]


Demo = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def demo(warm_python: Path) -> Demo:
    def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [warm_python / "beenhere", "demo", "--out", str(out), *SMALL, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def shown(
    demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("demo") / "my demo"
    return out, demo(out)


def test_it_ends_well_and_says_where_everything_lies(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, run = shown
    assert run.returncode == 0, run.stderr
    for name in ("GeM, untrained", "offline-lite0, untrained", "the same, trained"):
        assert name in run.stdout
    for path in (out / "matches.jpg", out / "run", out / "city", out / "evaluations"):
        assert str(path) in run.stdout
        assert path.exists()
    assert "Next:" in run.stdout


def test_the_table_holds_what_the_results_say(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, run = shown
    rows = [
        line.split() for line in run.stdout.splitlines() if " day " in line or " night " in line
    ]
    names = [
        (model, light) for model in ("gem", "untrained", "trained") for light in ("day", "night")
    ]
    assert len(rows) == len(names)
    for row, (model, light) in zip(rows, names, strict=True):
        results = json.loads((out / f"evaluations/{model}-{light}/results.json").read_text())
        percents = [
            one["percent"]
            for one in results["recalls"]
            if one["condition"] == light and one["at"] in (1, 5, 10)
        ]
        shown_percents = [float(cell) for cell in row[row.index(light) + 1 :: 3]]
        assert shown_percents == [round(percent, 1) for percent in percents]


def test_the_picture_has_eight_queries(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, _ = shown
    with Image.open(out / "matches.jpg") as picture:
        assert picture.height > 8 * 204
        assert picture.width > 4 * 272


def test_a_second_run_goes_on_with_what_is_there(
    demo: Demo, shown: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    out, first = shown
    again = demo(out)
    assert again.returncode == 0, again.stderr
    table = first.stdout.partition(" R@10 ")[2].partition("That took")[0]
    assert again.stdout.partition(" R@10 ")[2].partition("That took")[0] == table
    assert "epoch 1 of 1" in first.stdout and "epoch 1 of 1" not in again.stdout


def test_another_city_in_the_same_folder_is_refused(
    demo: Demo, shown: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    out, _ = shown
    run = demo(out, "--city.seed=5")
    assert run.returncode == 2
    assert "seed is 0, asked for 5" in run.stderr
