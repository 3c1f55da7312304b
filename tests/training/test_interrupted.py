"""Runs that are really killed or interrupted, as processes, and go on as if they had not been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beenhere import config_yaml
from beenhere.config import TrainConfig
from beenhere.models import load_model
from beenhere.training.fit import fit
from beenhere.training.run_folder import RunFolder

# Each kills its process without any chance to clean up, at one moment of the second epoch.
MOMENTS = {
    "in the middle of the epoch": """
from beenhere.training.module import TrainingModule as target
name, when = "training_step", lambda self, batch, index: self.trainer.current_epoch == 1 and index
""",
    "between the models and the state": """
from lightning.pytorch import Trainer as target
name, when = "save_checkpoint", lambda self, path: self.current_epoch == 1
""",
    "while the state is written": """
from lightning.pytorch import Trainer as target
def name(self, path): ...
name, when = "save_checkpoint", lambda self, path: (
    self.current_epoch == 1 and path.write_bytes(b"half a state"))
""",
}
KILLED = """
import os, signal, sys
from pathlib import Path
from beenhere import config_yaml
from beenhere.config import TrainConfig
from beenhere.training.fit import fit
{moment}
original = getattr(target, name)
def killing(self, *arguments):
    if when(self, *arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments)
setattr(target, name, killing)
fit(config_yaml.load(TrainConfig, Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def long_enough(tmp_path_factory, town) -> tuple[Path, Path]:
    """A configuration of three epochs, and a run of it that nothing interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    config = TrainConfig.model_validate(
        {
            "data": {"train": town / "train", "validation": town / "val"},
            "model": {
                "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2},
                "aggregator": {"name": "gem"},
            },
            "batch": {"places": 4, "images": 2, "min_images": 2},
            "optimizer": {"lr": 1e-2, "schedule": {"name": "cosine", "t_max": 2}, "warmup_steps": 5},
            "fit": {"epochs": 3, "precision": "32", "accelerator": "cpu", "workers": 2},
            "evaluation": {"resamples": 100},
        }
    )
    config_yaml.write(config, folder / "three.yaml")
    fit(config, folder / "run")
    return folder / "three.yaml", folder / "run"


def fingerprint(run: Path) -> str:
    return load_model(run / "checkpoints" / "last").fingerprint()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_weights(moment, long_enough, tmp_path):
    config, uninterrupted = long_enough
    run = tmp_path / "run"
    code = KILLED.format(moment=MOMENTS[moment])
    killed = subprocess.run(
        [sys.executable, "-c", code, config, run], capture_output=True, text=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "epoch 1 of 3" in killed.stdout
    assert "epoch 2 of 3" not in killed.stdout
    load_model(run / "checkpoints" / "best"), load_model(run / "checkpoints" / "last")

    result = fit(config_yaml.load(TrainConfig, run / "config.yaml"), run)
    assert result.epochs == 3
    assert fingerprint(run) == fingerprint(uninterrupted)
    assert measured(run) == measured(uninterrupted)


def measured(run: Path) -> list[dict]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: r[name] for name in r if name != "seconds"} for r in records]


def test_ctrl_c_says_how_to_go_on_and_so_it_goes(long_enough, tmp_path):
    config, uninterrupted = long_enough
    run = tmp_path / "run"
    command = [sys.executable, "-m", "beenhere", "train"]
    process = subprocess.Popen(
        [*command, config, "--out", run, "--set", "fit.epochs=100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not RunFolder(run).state.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == f"\ninterrupted; go on with: beenhere train {run}\n"
    assert not list(run.rglob("*.new"))

    finished = len(RunFolder(run).read_results()["epochs"])
    if finished >= 3:
        pytest.skip("three epochs had passed before the interrupt arrived")
    config = config_yaml.load(TrainConfig, run / "config.yaml", ["fit.epochs=3"])
    assert fit(config, run).trained == 3 - finished
    assert fingerprint(run) == fingerprint(uninterrupted)
