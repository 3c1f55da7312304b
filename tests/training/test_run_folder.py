"""When a run may go on in a folder, and what is said when not."""

from pathlib import Path

import pytest

from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.errors import TrainingError
from beenhere.training.run_folder import FREE, RunFolder, epoch_line


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A folder with the default options and a finished epoch."""
    run = RunFolder(tmp_path / "run")
    run.state.parent.mkdir(parents=True)
    run.state.touch()
    run.write_config(TrainConfig())
    return run


def options(*assignments: str) -> TrainConfig:
    return config_yaml.load(TrainConfig, None, assignments)


@pytest.mark.parametrize(
    "assignment",
    [
        "fit.epochs=20",
        "fit.early_stop=3",
        "fit.workers=2",
        "fit.wandb=project",
        "data.tests.more=city/test",
        "evaluation.extract.batch_size=3",
    ],
)
def test_what_does_not_change_an_epoch_may_change(assignment, run):
    run.write_config(options(assignment))
    assert config_yaml.load(TrainConfig, run.config) == options(assignment)


def test_a_run_that_has_its_thresholds_written_down_goes_on(run):
    """Earlier versions wrote 25 m where none were given."""
    run.write_config(options())
    written = options("evaluation.thresholds=[25]")
    with run.config.open("w") as file:
        file.write(config_yaml.yaml.safe_dump(config_yaml.plain(written)))
    run.write_config(options())
    run.write_config(options())
    with pytest.raises(TrainingError, match=r"evaluation.thresholds is \[10.0\], was null"):
        run.write_config(options("evaluation.thresholds=[10]"))


def test_every_free_option_exists():
    plain = config_yaml.plain(TrainConfig())
    for name in FREE:
        group = plain
        for key in name.split("."):
            group = group[key]


@pytest.mark.parametrize(
    ("assignment", "difference"),
    [
        ("loss=contrastive", "loss is contrastive, was multi_similarity."),
        ("loss.beta=40", "loss.beta is 40.0, was 50.0."),
        ("model.backbone.name=resnet50", "model.backbone.name is resnet50, was resnet18.tv_in1k."),
        (
            "model.preprocessing.image_size=[8, 9]",
            "model.preprocessing.image_size is [8, 9], was null",
        ),
        ("data.validation=city/val", "data.validation is "),
        ("batch.places=3", "batch.places is 3, was 64."),
        ("fit.precision=32", "fit.precision is 32, was auto."),
    ],
)
def test_what_does_change_it_is_refused(assignment, difference, run):
    before = run.config.read_text()
    with pytest.raises(TrainingError) as error:
        run.write_config(options(assignment, "fit.epochs=20"))
    assert f"other options: {difference}" in str(error.value)
    assert "\n" not in str(error.value)
    assert run.config.read_text() == before


def test_all_differences_are_named(run):
    with pytest.raises(
        TrainingError, match=r"batch\.images is 2, was 4; optimizer\.lr is 0\.1, was"
    ):
        run.write_config(options("batch.images=2", "optimizer.lr=0.1"))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="--out"), RunFolder(tmp_path / "file" / "run").locked():
        pass


@pytest.mark.parametrize("name", ["active_pairs", "teaching"])
def test_the_line_of_an_epoch_of_this_version_and_of_the_first(name):
    record = {"epoch": 3, "loss": 0.4119, name: 0.376, "lr": {"head": 1e-4}, "seconds": 41.2}
    line = epoch_line({**record, "validation": {"R@1": 61.2}}, 10)
    assert line == "epoch 3 of 10  loss 0.412  active 38%  R@1 61.2  lr 1.0e-04  41 s"
