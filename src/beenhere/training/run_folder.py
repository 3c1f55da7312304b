"""The folder of a training run: what lies where, when a run may go on in it, what it ran with.

- ``config.yaml``: every option of the run
- ``code.json``: SHA-256 of the source of parts of a person's own, by the option that names them
- ``metrics.jsonl``: one JSON object a line, for each step and each epoch
- ``results.json``: validation after each epoch, which was the best, the tests
- ``checkpoints/best`` and ``last``: models (see :mod:`beenhere.models`)
- ``checkpoints/trainer.ckpt``: the state of training after the last finished epoch
- ``tests/NAME/``: the evaluation of each test set; ``baseline/NAME/``: that of the baseline
- ``tensorboard/``, ``csv/``: logs
"""

import errno
import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from beenhere import __version__
from beenhere.config import config_yaml
from beenhere.config.evaluation import AS_BEFORE
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import source_of_class
from beenhere.config.training import TrainConfig
from beenhere.errors import ModelError, TrainingError
from beenhere.files.atomic import replacing, write_file, write_json
from beenhere.files.locks import locked
from beenhere.files.regular import read_json, read_regular
from beenhere.wording import file_size, one_line

History = list[dict[str, Any]]
"""For each finished epoch its number from 1, means, recalls, learning rates, seconds."""

FREE = (
    "data.tests",
    "fit.epochs",
    "fit.early_stop",
    "fit.baseline",
    "fit.workers",
    "fit.wandb",
    "evaluation.extract",
)
"""Options that may change while a run goes on: they do not change what an epoch does."""


_FULL = [os.strerror(one) for one in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
_STATE = {"global_step", "state_dict", "optimizer_states", "history", "unreadable"}


def own_code_of(config: TrainConfig) -> dict[str, str]:
    """The source of each part of a person's own, by the option that names it.

    See :func:`beenhere.config.own_parts.source_of_class`, which raises ConfigError.
    """
    parts = {
        "model.aggregator": config.model.aggregator,
        "loss": config.loss,
        "miner": config.miner,
    }
    return {
        option: source_of_class(part, option)
        for option, part in parts.items()
        if isinstance(part, OwnPart)
    }


class RunFolder:
    """One run's files. Nothing is made or read before a method is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.code = path / "code.json"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.json"
        self.best = path / "checkpoints" / "best"
        self.last = path / "checkpoints" / "last"
        self.state = path / "checkpoints" / "trainer.ckpt"
        self.tests = path / "tests"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other processes from training in it.

        Raises:
            TrainingError: one does already, or the folder cannot be written.
        """
        busy = (
            f"another process trains in {self.path} ({{holder}}); wait for it, or give another "
            "folder by --out"
        )
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.path / ".lock", busy, error=TrainingError))
            except OSError as error:
                raise TrainingError(
                    f"{self.path} cannot be written ({error.strerror}); give another folder by "
                    "--out"
                ) from error
            yield

    def write_config(self, config: TrainConfig) -> None:
        """Write the options, unless a run with a finished epoch has others, or other code.

        Raises:
            TrainingError: options differ that may not change on the way; all of them are named. Or
                the code of a part of a person's own does.
            ConfigError: a part of a person's own cannot be imported.
        """
        if self.config.exists() and self.state.exists():
            before = config_yaml.plain(config_yaml.load(TrainConfig, self.config))
            differ = [
                f"{name} is {_short(new)}, was {_short(old)}"
                for name, old, new in _differences(before, config_yaml.plain(config))
                if not any(name == free or name.startswith(f"{free}.") for free in FREE)
                and (name, old, new) != ("evaluation.thresholds", AS_BEFORE, None)
            ]
            if differ:
                raise TrainingError(
                    f"{self.path} holds a run with other options: {'; '.join(differ)}. Give this "
                    f"run another folder by --out, or go on with the old one: beenhere train "
                    f"{self.path}"
                )
        self._write_code(own_code_of(config))
        with replacing(self.config) as new:
            config_yaml.write(config, new)

    @contextmanager
    def writing(self, needed: Callable[[], int]) -> Iterator[None]:
        """Say what it takes where the disk is full.

        Args:
            needed: gives the bytes that an epoch takes besides what is there.

        Raises:
            TrainingError: it is; what the last finished epoch has left is as it was.
        """
        try:
            yield
        except (OSError, ModelError, RuntimeError) as error:
            if not _is_full(error):
                raise
            raise TrainingError(
                f"{self.path}: the disk is full; the models and the state of an epoch take "
                f"{file_size(needed())} besides what is there: make room, and go on after the last "
                f"finished epoch with: beenhere train {self.path}"
            ) from error

    def read_state(self) -> dict[str, Any] | None:
        """The state of training after the last finished epoch; None before the first.

        Raises:
            TrainingError: it cannot be read.
        """
        import torch

        if not self.state.exists():
            return None
        try:
            # No code in it is run.
            state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
            state |= state.get("callbacks", {}).get("EpochEnd", {})  # where Lightning put it
            missing = _STATE - state.keys()
        except Exception as error:  # torch.load fails in as many ways as there are files
            raise TrainingError(
                f"{self.state}: not a whole state of training ({one_line(error)}); the models "
                "beside it are untouched: start anew in another folder by --out"
            ) from error
        if missing:
            raise TrainingError(
                f"{self.state}: not a state of training (it lacks {', '.join(sorted(missing))}); "
                "start anew in another folder by --out"
            )
        return state

    def _write_code(self, code: dict[str, str]) -> None:
        found = {option: hashlib.sha256(text.encode()).hexdigest() for option, text in code.items()}
        if self.state.exists() and self.code.exists():
            before = read_json(self.code)
            changed = [option for option in found if before.get(option) != found[option]]
            if changed:
                raise TrainingError(
                    f"the code of {' and '.join(changed)} is not that which {self.path} began "
                    "with, and its epochs would be of two models; put the old code back, give "
                    f"this run another folder by --out, or, if it is to go on with the code of "
                    f"now, delete {self.code}"
                )
        if found:
            write_json(self.code, found)

    def drop_unfinished_metrics(self, epochs: int) -> None:
        """Drop the lines of an epoch that did not finish: it is trained again."""
        if self.metrics.exists():
            lines = read_regular(self.metrics).decode().splitlines()
            kept = "".join(f"{line}\n" for line in lines if _epoch_of(line) <= epochs)
            write_file(self.metrics, kept)

    def read_results(self) -> dict[str, Any]:
        """The content of ``results.json``; empty before the first epoch has finished."""
        if not self.results.exists():
            return {}
        results: dict[str, Any] = read_json(self.results)
        return results


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is of a disk without room, or of a quota."""
    if error is None:
        return False
    # Neither torch nor safetensors says so by the kind of its error.
    said = any(text in str(error) for text in ("inline_container", "PytorchStreamWriter", *_FULL))
    return said or _is_full(error.__cause__)


def best_epoch(history: History, beginning: dict[str, float]) -> int:
    """The epoch with the highest first figure of validation, the earlier of equals; else the last.

    That is R@1, or how far a student agrees with its teacher.

    Args:
        history: of the finished epochs, at least one.
        beginning: the validation of the model before the first step, which is epoch 0; empty where
            it was not measured.
    """
    if not history[-1]["validation"]:
        return int(history[-1]["epoch"])
    name = next(iter(history[-1]["validation"]))
    recalls = {0: beginning[name]} if beginning else {}
    recalls |= {int(record["epoch"]): record["validation"][name] for record in history}
    return max(recalls, key=lambda epoch: (recalls[epoch], -epoch))


def beginning_line(recalls: dict[str, float], epochs: int) -> str:
    """Such as ``epoch 0 of 10  R@1 62.5  R@5 87.0  (before training)``."""
    found = [f"{name} {value:.1f}" for name, value in list(recalls.items())[:2]]
    return "  ".join([f"epoch 0 of {epochs}", *found, "(before training)"])


def epoch_line(record: dict[str, Any], epochs: int) -> str:
    """Such as ``epoch 3 of 10  loss 0.412  active 38%  R@1 61.2  lr 1.0e-04  41 s``."""
    recalls = [f"{name} {value:.1f}" for name, value in record["validation"].items()]
    rates = dict.fromkeys(f"{rate:.1e}" for rate in record["lr"].values())
    # Runs of the first versions have the share of active pairs under another name.
    words = {"active_pairs": "active", "teaching": "active", "agreeing": "agreeing"}
    watched = next(name for name in words if name in record)
    parts = [
        f"epoch {record['epoch']} of {epochs}",
        f"loss {record['loss']:.3f}",
        f"{words[watched]} {math.floor(100 * record[watched] + 0.5)}%",
        *recalls[:2],
        f"lr {' '.join(rates)}",
        f"{record['seconds']:.0f} s",
    ]
    return "  ".join(parts)


def _epoch_of(line: str) -> float:
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # cut off by a kill


def versions() -> dict[str, str]:
    """Of Python and of the packages that training takes besides the model's own."""
    packages = ("torch", "torchvision", "timm", "lightning-fabric", "pytorch-metric-learning")
    own = {"beenhere": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in packages}


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
