"""From a folder of phone photos to a trained model, and to other layouts, as processes."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from town import write_photo
from walks import town

SMALL = ["--min-images", "2", "--clusters.apart", "10", "--split.gap", "20"]
TINY = {
    "model.backbone": "{name: resnet10t.c3_in1k, pretrained: false, crop: 2}",
    "model.aggregator": "{name: convap, out_channels: 16}",
    "model.preprocessing.image_size": "[32, 32]",
    "batch.places": "4",
    "fit.epochs": "1",
    "fit.precision": "32",
    "fit.accelerator": "cpu",
    "fit.workers": "1",
    "evaluation.resamples": "100",
    "evaluation.extract.device": "cpu",
    "evaluation.extract.precision": "32",
}


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of 40 spots on three days, some looking along a compass; nothing but EXIF knows."""
    folder = tmp_path_factory.mktemp("phone") / "DCIM"
    rng = np.random.default_rng(0)
    for spot in range(40):
        metres = np.array([30.0 * spot, 5.0 * (spot % 3)]) + rng.normal(0, 1, (3, 2))
        positions = town("border of two zones", metres)
        for day in range(3):
            path = folder / f"IMG_{3 * spot + day:04}.jpg"
            write_photo(path, spot, day)
            heading = None if spot % 5 == 0 else 90.0 + 5 * day
            with_exif(path, positions.lat[day], positions.lon[day], heading, day)
    return folder


def with_exif(path: Path, lat: float, lon: float, heading: float | None, day: int) -> None:
    image = Image.open(path)
    exif = image.getexif()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (lat, 0.0, 0.0)
    gps[3], gps[4] = "E", (lon, 0.0, 0.0)
    if heading is not None:
        gps[16], gps[17] = "T", heading
    exif.get_ifd(0x8769)[0x9003] = f"2024:05:0{day + 1} 10:00:00"
    image.save(path, exif=exif, quality=90)


def run(programs: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(programs / "beenhere"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_trains_on_photos_that_carry_only_gps(
    phone: Path, tmp_path: Path, warm_python: Path
) -> None:
    made = run(warm_python, tmp_path, "data", "places", str(phone), "own", *SMALL)
    assert (made.returncode, made.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in made.stdout.splitlines()]
    assert lines[0] == "own"
    assert lines[1] == "photos 120 with a position, in one area"
    assert lines[3] == "clusters of 10 m by position and heading, 10 m apart"
    assert any(": no heading (--headings ignore goes without)" in line for line in lines)
    assert any(line.startswith("caution") and "teach little" in line for line in lines)
    remedy = "caution until then, search without: beenhere index build PHOTOS -o NAME.index"
    assert remedy in lines
    assert lines[-1] == "Train with: beenhere train own/train.yaml --out runs/own"
    counts = yaml.safe_load((tmp_path / "own/places.yaml").read_text())
    assert counts["queries_by"] == {"val": "days", "test": "days"}

    options = [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    trained = run(
        warm_python, tmp_path, *lines[-1].removeprefix("Train with: beenhere ").split(), *options
    )
    assert trained.returncode == 0, trained.stderr
    assert "epoch 1 of 1" in trained.stdout + trained.stderr
    best = tmp_path / "runs/own/checkpoints/best"
    assert best.is_dir()
    measured = run(warm_python, tmp_path, "eval", "runs/own", "--data", "own/test")
    assert measured.returncode == 0, measured.stderr
    shown = run(warm_python, tmp_path, "data", "show", "own")
    assert shown.returncode == 0
    assert shown.stdout.count("(100%) have a database photo within 25 m") == 2


def test_what_is_wrong_is_said_in_one_line(phone: Path, tmp_path: Path, warm_python: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine").write_text("")
    for arguments, message in (
        ((str(phone), "own"), "beenhere: own holds something already"),
        ((str(phone), "new", "--split.gap", "5000"), "too little ground"),
        (
            (str(phone), "new", "--cells.angle", "50"),
            "beenhere: --cells.angle is 50 and turns 2; expected a full circle of angles",
        ),
        (
            (str(phone), "new", "--split.val", "0.5", "--split.test", "0.6"),
            "beenhere: --split.val is 0.5 and --split.test 0.6: nothing is left.",
        ),
        (("nowhere", "new"), "beenhere: nowhere: no such file or folder"),
    ):
        failed = run(warm_python, tmp_path, "data", "places", *arguments)
        assert failed.returncode == 2
        assert message in failed.stderr
        assert failed.stderr.count("\n") == 1
        assert not (tmp_path / "new").exists()


def test_convert_as_a_process(phone: Path, tmp_path: Path, warm_python: Path) -> None:
    run(warm_python, tmp_path, "data", "places", str(phone), "own", *SMALL)
    made = run(warm_python, tmp_path, "data", "convert", "own", "names", "--to", "utm")
    assert (made.returncode, made.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in made.stdout.splitlines()]
    assert "as utm (" in lines[0] and "hard links)" in lines[0]
    assert any(line.startswith("not carried ") and "places of train" in line for line in lines)
    shown = run(warm_python, tmp_path, "data", "show", "names")
    assert shown.stdout.count("(100%) have a database photo within 25 m") == 2
    taken = run(warm_python, tmp_path, "data", "convert", "own", "names", "--to", "csv")
    assert taken.returncode == 2
    assert taken.stderr == (
        "beenhere: names holds something already, and nothing is overwritten; give a new or empty "
        "folder\n"
    )
    several = run(warm_python, tmp_path, "data", "convert", "own", "shards", "--to", "shards")
    assert several.returncode == 2
    assert several.stderr.endswith("; name own/train\n")


def test_training_photos_to_shards(phone: Path, tmp_path: Path, warm_python: Path) -> None:
    run(warm_python, tmp_path, "data", "places", str(phone), "own", *SMALL)
    made = run(warm_python, tmp_path, "data", "convert", "own/train", "shards", "--to", "shards")
    assert (made.returncode, made.stderr) == (0, "")
    places = yaml.safe_load((tmp_path / "own/places.yaml").read_text())["counts"]
    assert made.stdout.splitlines() == [
        f"shards: {places['train']} photos of {places['places']} places in 1 shard",
        "Have a look: beenhere data show shards",
        "Train with: beenhere train CONFIG --set data.train=shards",
    ]
    assert len(list((tmp_path / "shards").glob("*.tar"))) == 1
