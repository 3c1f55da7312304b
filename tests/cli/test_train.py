"""``beenhere train`` as a process: exit codes and what a person reads."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from beenhere.config import config_yaml
from beenhere.config.shipped import abouts, packaged
from beenhere.config.training import TrainConfig
from beenhere.errors import TrainingError
from beenhere.photos.table import PhotoTable


def beenhere_train(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["beenhere", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with photos, a table of them, and ``small.yaml``: a training of seconds."""
    folder = tmp_path_factory.mktemp("here")
    columns: dict[str, list] = {"path": [], "place": [], "lat": [], "lon": []}
    for place in range(4):
        for number in range(3):
            random = np.random.default_rng([place, number])
            pixels = random.integers(0, 60, (48, 48, 3)) + np.array([60 * place, 90, 120])
            path = folder / "photos" / f"{place}-{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            columns["path"].append(str(path))
            columns["place"].append(str(place))
            columns["lat"].append(55.7 + place / 100)
            columns["lon"].append(13.2)
    PhotoTable.from_columns(columns).write(folder / "photos.csv")
    options = {
        "data": {
            "train": "photos.csv",
            "validation": {"database": "photos.csv", "queries": "photos.csv"},
            "tests": {"again": {"database": "photos.csv", "queries": "photos.csv"}},
        },
        "model": {
            "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2},
            "aggregator": "gem",
        },
        "batch": {"places": 4, "images": 3, "min_images": 3},
        "fit": {"epochs": 2, "precision": "32", "accelerator": "cpu"},
        "evaluation": {"resamples": 100, "recall_at": [1, 5]},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(options))
    return folder


@pytest.fixture(scope="module")
def trained(here: Path) -> subprocess.CompletedProcess[str]:
    return beenhere_train(here, "small.yaml")


def test_a_training_from_start_to_end(trained, here):
    assert trained.returncode == 0, trained.stderr
    lines = trained.stdout.splitlines()
    assert lines[0].startswith("epoch 0 of 2  R@1 ")
    assert lines[0].endswith("  (before training)")
    lines = [line for line in lines[1:] if "No epoch made the model better" not in line]
    assert lines[0].startswith("epoch 1 of 2  loss ")
    assert lines[1].startswith("epoch 2 of 2  loss ")
    for part in ("  active ", "%  R@1 ", "  R@5 ", "  lr 1.0e-04  "):
        assert part in lines[0]
    assert lines[2].startswith("best       epoch ")
    assert lines[3].startswith("test       again  R@1 ")
    assert lines[4] == "model      runs/small/checkpoints/best"
    assert len(lines) == 5
    assert trained.stderr == ""
    assert (here / "runs/small/tests/again/predictions.parquet").is_file()


def test_the_folder_of_a_run_goes_on(trained, here, tmp_path):
    shutil.copytree(here / "runs/small", tmp_path / "run")
    more = beenhere_train(here, tmp_path / "run", "--set", "fit.epochs=3")
    assert more.returncode == 0, more.stderr
    assert [line[:12] for line in more.stdout.splitlines()[:2]] == ["epoch 3 of 3", "best       e"]


def test_another_run_in_the_same_folder_is_refused(trained, here, monkeypatch):
    from beenhere.cli.train import train

    monkeypatch.chdir(here)
    with pytest.raises(TrainingError, match=r"other options: fit\.seed is 1, was 0\."):
        train("small.yaml", set_=["fit.seed=1"])


def test_a_finished_run_says_how_to_train_longer(trained, here, monkeypatch, capsys):
    from beenhere.cli.train import train

    monkeypatch.chdir(here)
    train("runs/small")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("best       epoch ")
    assert said[-1].endswith("train longer with: beenhere train runs/small --set fit.epochs=4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to train"),
        (("mixvp",), "did you mean 'mixvpr'? expected a YAML file, or one of avg, boq, convap,"),
        (("mine.yaml",), "mine.yaml: cannot be read"),
        (("photos",), "photos is not the folder of a run: it has no config.yaml"),
        (("small.yaml", "--set", "fit.epoch=3"), "'fit.epoch' is not an option; did you mean"),
        (("small.yaml", "--set", "fit.epochs=0"), "fit.epochs is 0"),
        (("runs/small", "--out", "elsewhere"), "beenhere train runs/small/config.yaml --out"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, message, trained, here):
    done = beenhere_train(here, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_print_config_shows_every_option_and_is_a_configuration(here, tmp_path):
    done = beenhere_train(here, "small.yaml", "--set", "loss=triplet", "--print-config")
    assert done.returncode == 0, done.stderr
    (tmp_path / "printed.yaml").write_text(done.stdout)
    printed = config_yaml.load(TrainConfig, tmp_path / "printed.yaml")
    assert printed == config_yaml.load(TrainConfig, here / "small.yaml", ["loss=triplet"])
    for line in ("margin: 0.1  # library 0.05, vpr 0.1", "# t_max: 10  # epochs from the highest"):
        assert line in done.stdout, "also of what was not chosen"
    bare = beenhere_train(here, "--print-config")
    (tmp_path / "bare.yaml").write_text(bare.stdout)
    assert config_yaml.load(TrainConfig, tmp_path / "bare.yaml") == TrainConfig()


def test_unreadable_photos_are_named_at_the_end(capsys, tmp_path):
    from beenhere.cli.train import _report
    from beenhere.training.fit import FitResult

    unreadable = {f"{number}.jpg": "cut off" for number in range(5)}
    _report(FitResult(tmp_path, 2, 2, 2, {}, {}, unreadable), TrainConfig())
    said = capsys.readouterr().out
    assert "5 training photos" in said
    assert said.count("cut off") == 3
    assert str(tmp_path / "results.json") in said
    assert "there are no validation photos" in said


@pytest.mark.parametrize(
    ("gained", "lost", "said"),
    [
        (12, 2, "has R@1 52.5: training brought +25.0 ["),
        (2, 12, "; keep offline-lite0"),
        (4, 3, "training brought nothing that 40 queries can tell (+2.5 ["),
    ],
)
def test_what_training_brought_is_said(gained, lost, said, capsys, tmp_path):
    from beenhere.cli.train import _report
    from beenhere.evaluation.differences import ConditionDifference
    from beenhere.evaluation.significance import compare_rows
    from beenhere.training.fit import FitResult

    ours, theirs = np.zeros((2, 40), np.bool_)
    both = 19
    ours[: both + gained] = True
    theirs[:both] = True
    theirs[40 - lost :] = True
    gain = ConditionDifference(None, both, 0, compare_rows(ours, theirs, 0.95, 1000, 0))
    options = TrainConfig.model_validate({"fit": {"baseline": "offline-lite0"}})
    result = FitResult(tmp_path, 2, 2, 2, {"R@1": 80.0}, {"own": {"R@1": 1.0}}, {})
    _report(replace(result, gains={"own": gain}, baseline="offline-lite0"), options)
    printed = capsys.readouterr().out
    assert said in printed
    assert ("keep offline-lite0" in printed) == (gained < lost + 5)


def test_a_model_that_no_epoch_made_better_is_said(capsys, tmp_path):
    from beenhere.cli.train import _report
    from beenhere.training.fit import FitResult

    begun = {"R@1": 80.0}
    _report(FitResult(tmp_path, 2, 2, 0, begun, {}, {}, begun), TrainConfig())
    assert "No epoch made the model better" in capsys.readouterr().out
    _report(FitResult(tmp_path, 2, 2, 1, {"R@1": 81.0}, {}, {}, begun), TrainConfig())
    assert "No epoch made the model better" not in capsys.readouterr().out


STUDY = {
    # name: aggregator, stages removed, epochs, loss, optimizer, lr, schedule
    "avg": ("avg", 0, 20, "contrastive", "sgd", 1e-3, "constant"),
    "gem": ("gem", 0, 10, "contrastive", "sgd", 1e-3, "constant"),
    "cosplace": ("cosplace", 0, 10, "contrastive", "sgd", 1e-3, "constant"),
    "convap": ("convap", 0, 10, "contrastive", "sgd", 1e-3, "constant"),
    "mixvpr": ("mixvpr", 0, 10, "contrastive", "sgd", 1e-3, "constant"),
    "mixvpr-crop1": ("mixvpr", 1, 10, "contrastive", "sgd", 1e-3, "constant"),
    "mixvpr-crop2": ("mixvpr", 2, 10, "contrastive", "sgd", 1e-3, "constant"),
    "mixvpr-best": ("mixvpr", 1, 10, "multi_similarity", "adamw", 1e-4, "cosine"),
}


@pytest.mark.parametrize("name", STUDY)
def test_shipped_configurations_are_those_of_the_study(name):
    config = config_yaml.load(TrainConfig, packaged(name))
    found = (
        config.model.aggregator.name,
        config.model.backbone.crop,
        config.fit.epochs,
        config.loss.name,
        config.optimizer.name,
        config.optimizer.lr,
        config.optimizer.schedule.name,
    )
    assert found == STUDY[name]
    assert config.model.backbone.name == "resnet18.tv_in1k"
    assert (config.batch.places, config.batch.images, config.batch.min_images) == (64, 4, 4)
    assert (config.miner.name, config.optimizer.weight_decay) == ("none", 1e-3)
    assert config.augment.randaugment == 3
    assert set(config.data.tests) == {"sf_xs", "tokyo_xs"}
    if config.loss.name == "contrastive":
        assert (config.loss.pos_margin, config.loss.neg_margin) == (0, 1)
        assert config.optimizer.momentum == 0.9
    else:
        assert config.optimizer.schedule.t_max == 5


def test_every_shipped_configuration_loads_and_is_described_in_the_help(here):
    shown = " ".join(beenhere_train(here, "--help").stdout.replace("\u2502", " ").split())
    others = {"boq", "demo", "distil", "finetune", "megaloc", "salad"}
    assert set(abouts()) == {*STUDY, *others}
    for name, about in abouts().items():
        config_yaml.load(TrainConfig, packaged(name))
        assert len(about) > 10
        assert f"{name}: {about}" in shown
