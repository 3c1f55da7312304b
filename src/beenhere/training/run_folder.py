"""The folder of a training run: what lies where, and when a run may go on in it.

- ``config.yaml``: every option of the run
- ``metrics.jsonl``: one JSON object a line, for each step and each epoch
- ``results.json``: validation after each epoch, which was the best, the tests
- ``checkpoints/best`` and ``last``: models (see :mod:`beenhere.models`)
- ``checkpoints/trainer.ckpt``: the state of training after the last finished epoch
- ``tests/NAME/``: the evaluation of each test set
- ``tensorboard/``, ``csv/``: logs
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beenhere import config_yaml
from beenhere.config import TrainConfig
from beenhere.errors import TrainingError

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are then the caller's to avoid
    fcntl = None  # type: ignore[assignment]

FREE = (
    "data.tests",
    "fit.epochs",
    "fit.early_stop",
    "fit.workers",
    "fit.wandb",
    "evaluation.extract",
)
"""Options that may change while a run goes on: they do not change what an epoch does."""


class RunFolder:
    """One run's files. Nothing is made or read before a method is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.json"
        self.best = path / "checkpoints" / "best"
        self.last = path / "checkpoints" / "last"
        self.state = path / "checkpoints" / "trainer.ckpt"
        self.tests = path / "tests"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other processes from training in this folder.

        Raises:
            TrainingError: one does already, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be written ({error.strerror}); give another folder by --out"
            ) from error
        with lock:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    raise TrainingError(
                        f"another process trains in {self.path}; wait for it, or give another "
                        "folder by --out"
                    ) from error
            yield

    def agree(self, config: TrainConfig) -> None:
        """Write the options, or see that a run with a finished epoch has the same.

        Raises:
            TrainingError: options differ that may not change on the way; all of them are named.
        """
        if self.config.exists() and self.state.exists():
            before = config_yaml.plain(config_yaml.load(TrainConfig, self.config))
            differ = [
                f"{name} is {_short(new)}, was {_short(old)}"
                for name, old, new in _differences(before, config_yaml.plain(config))
                if not any(name == free or name.startswith(f"{free}.") for free in FREE)
            ]
            if differ:
                raise TrainingError(
                    f"{self.path} holds a run with other options: {'; '.join(differ)}. Give this "
                    f"run another folder by --out, or go on with the old one: beenhere train "
                    f"{self.path}"
                )
        new = beside(self.config)
        config_yaml.write(config, new)
        settle(new, self.config)

    def write_results(self, results: dict[str, Any]) -> None:
        """Replace ``results.json`` at once."""
        new = beside(self.results)
        new.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        settle(new, self.results)

    def read_results(self) -> dict[str, Any]:
        """What ``results.json`` holds; empty before the first epoch has finished."""
        if not self.results.exists():
            return {}
        results: dict[str, Any] = json.loads(self.results.read_text(encoding="utf-8"))
        return results


def beside(path: Path) -> Path:
    """Where to write what shall be the file at ``path``, until :func:`settle`."""
    return path.with_name(f"{path.name}.new")


def settle(new: Path, path: Path) -> None:
    """Give a whole file its name: a kill or a power cut leaves the old one there, or the new."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(path)


def epoch_line(record: dict[str, Any], epochs: int) -> str:
    """Such as ``epoch 3 of 10  loss 0.412  teaching 38%  R@1 61.2  lr 1.0e-04  41 s``."""
    recalls = [f"{name} {value:.1f}" for name, value in record["validation"].items()]
    rates = dict.fromkeys(f"{rate:.1e}" for rate in record["lr"].values())
    parts = [
        f"epoch {record['epoch']} of {epochs}",
        f"loss {record['loss']:.3f}",
        f"teaching {math.floor(100 * record['teaching'] + 0.5)}%",
        *recalls[:2],
        f"lr {' '.join(rates)}",
        f"{record['seconds']:.0f} s",
    ]
    return "  ".join(parts)


def _differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield name, old, new
        return
    if old.get("name") != new.get("name") and old.keys() != new.keys():
        # Another loss, say: that it has other options goes without saying.
        yield name, old["name"], new["name"]
        return
    for key in {**old, **new}:
        inner = f"{name}.{key}" if name else key
        yield from _differences(old.get(key), new.get(key), inner)


def _short(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
