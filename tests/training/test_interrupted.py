"""Runs that are really killed or interrupted, as processes, and go on as if they had not been."""

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.errors import TrainingError
from beenhere.models import load_model
from beenhere.training.fit import fit
from beenhere.training.run_folder import RunFolder

# The program trains once for each moment, in a process that is killed at that moment of the second
# epoch, without any chance to clean up. (Forked: the imports take longer than all else.)
PROGRAM = """
import os, signal, sys
from pathlib import Path
import torch
from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.training.fit import fit
from beenhere.training.objectives import TrainingStep

def in_the_epoch(step, images, places, epoch, batch, rank):
    return epoch == 1 and batch == 1

def before_the_state(state, path):
    return state["epoch"] == 1

def in_the_state(state, path):
    return state["epoch"] == 1 and path.write_bytes(b"half a state")

moments = {
    "in the epoch": (TrainingStep, "forward", in_the_epoch),
    "before the state": (torch, "save", before_the_state),
    "in the state": (torch, "save", in_the_state),
}
config, folder = config_yaml.load(TrainConfig, Path(sys.argv[1])), Path(sys.argv[2])
for moment, (target, name, arrived) in moments.items():
    process = os.fork()
    if process == 0:
        original = getattr(target, name)
        def killing(*arguments):
            if arrived(*arguments):
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments)
        setattr(target, name, killing)
        fit(config, folder / moment)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL
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
            "optimizer": {
                "name": "sgd",
                "lr": 1e-2,
                "schedule": {"name": "cosine", "t_max": 2},
                "warmup_steps": 5,
            },
            "fit": {"epochs": 3, "precision": "32", "accelerator": "cpu", "workers": 2},
            "evaluation": {"resamples": 100},
        }
    )
    config_yaml.write(config, folder / "three.yaml")
    fit(config, folder / "run")
    return folder / "three.yaml", folder / "run"


def fingerprint(run: Path) -> str:
    return load_model(run / "checkpoints" / "last").fingerprint()


@pytest.fixture(scope="module")
def killed(long_enough, tmp_path_factory, warm_python) -> Path:
    """Runs by the moment that they were killed at."""
    folder = tmp_path_factory.mktemp("killed")
    program = [warm_python / "python", "-c", PROGRAM, long_enough[0], folder]
    subprocess.run(program, check=True, timeout=200)
    return folder


@pytest.mark.parametrize("moment", ["in the epoch", "before the state", "in the state"])
def test_a_killed_run_goes_on_to_the_same_weights(moment, killed, long_enough):
    run, uninterrupted = killed / moment, long_enough[1]
    load_model(run / "checkpoints" / "best"), load_model(run / "checkpoints" / "last")
    state = torch.load(run / "checkpoints" / "trainer.ckpt", weights_only=True)
    assert state["epoch"] == 0, "that of the epoch before"

    result = fit(config_yaml.load(TrainConfig, run / "config.yaml"), run)
    assert result.epochs == 3
    assert fingerprint(run) == fingerprint(uninterrupted)
    assert measured(run) == measured(uninterrupted)


AT_RANDOM = """
import os, random, signal, sys
from pathlib import Path
from beenhere.config import config_yaml
from beenhere.config.training import TrainConfig
from beenhere.training.fit import fit

config, run = config_yaml.load(TrainConfig, Path(sys.argv[1])), Path(sys.argv[2])
moments, kills = random.Random(5), 0
for start in range(4):
    process = os.fork()
    if process == 0:
        # Each change of the disk may be the last; the last start is left alone.
        left = moments.randrange(60 * (start + 1)) if start < 3 else 1 << 60
        def killing(event, arguments):
            global left
            if event in ("os.rename", "os.remove", "os.mkdir") or (
                event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wxa"
            ):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(killing)
        fit(config, run)
        os._exit(0)
    moments.random()  # another moment for the next
    kills += os.waitpid(process, 0)[1] != 0
print(kills)
"""


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(
    long_enough, tmp_path, warm_python
):
    """At changes of the disk drawn at random, each time it goes on."""
    config, uninterrupted = long_enough
    program = [warm_python / "python", "-c", AT_RANDOM, config, tmp_path / "run"]
    done = subprocess.run(program, check=True, timeout=200, capture_output=True, text=True)
    assert 1 <= int(done.stdout.splitlines()[-1]) <= 3
    assert fingerprint(tmp_path / "run") == fingerprint(uninterrupted)
    assert measured(tmp_path / "run") == measured(uninterrupted)


def measured(run: Path) -> list[dict]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: r[name] for name in r if name != "seconds"} for r in records]


@pytest.mark.parametrize("largest", [20_000, 1_500_000])
def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(largest, long_enough, tmp_path):
    """Files may grow to so many bytes: not one model goes in, or models and no state."""
    config, run = config_yaml.load(TrainConfig, long_enough[0]), tmp_path / "run"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        with pytest.raises(TrainingError) as error:
            fit(config, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    said = str(error.value)
    assert re.fullmatch(rf"{run}: the disk is full; .* take \d\.\d MB besides .* train {run}", said)
    assert not list(run.rglob(".new-*"))
    assert (run / "checkpoints/last").exists() == (largest > 100_000)
    assert fit(config, run).epochs == 3
    assert fingerprint(run) == fingerprint(long_enough[1])
    assert measured(run) == measured(long_enough[1])


def test_ctrl_c_says_how_to_go_on_and_so_it_goes(long_enough, tmp_path, warm_python):
    config, uninterrupted = long_enough
    run = tmp_path / "run"
    command = [warm_python / "beenhere", "train", config, "--out", run]
    process = subprocess.Popen(
        [*command, "--set", "fit.epochs=100000"],
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
    assert not list(run.rglob(".new-*"))

    finished = len(RunFolder(run).read_results()["epochs"])
    if finished >= 3:
        pytest.skip("three epochs had passed before the interrupt arrived")
    config = config_yaml.load(TrainConfig, run / "config.yaml", ["fit.epochs=3"])
    assert fit(config, run).trained == 3 - finished
    assert fingerprint(run) == fingerprint(uninterrupted)
