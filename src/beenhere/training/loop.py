"""The training loop of one device: Lightning's, set up from the options."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from beenhere.config import FitConfig, ModelConfig, TrainConfig
from beenhere.datasets.formats import EvaluationTables
from beenhere.devices import choose_device, cores, has_bfloat16
from beenhere.errors import ConfigError, TrainingError
from beenhere.models import VPRModel, build_model
from beenhere.training.epoch_end import EpochEnd
from beenhere.training.module import TrainingModule
from beenhere.training.run_folder import RunFolder
from beenhere.training.source import TrainingPhotos
from beenhere.training.step_metrics import StepMetrics

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]

PATIENCE = timedelta(hours=24)
"""How long the devices wait for the first one while it validates."""


def train(
    config: TrainConfig,
    architecture: ModelConfig,
    run_dir: Path,
    photos: TrainingPhotos,
    validation: EvaluationTables | None,
) -> None:
    """Train for the epochs that the run's folder does not have yet.

    Runs once in each device's process; where there are several, ``LOCAL_RANK`` tells them apart.

    Args:
        config: every option.
        architecture: ``config.model`` with what it leaves open filled in.
        run_dir: where the state of the last finished epoch is looked for, and written.
        photos: to train on.
        validation: or None.
    """
    run = RunFolder(run_dir)
    if config.fit.devices > 1:
        torch.set_num_threads(max(1, cores() // config.fit.devices))
    going_on = run.state.exists()
    seed_everything(config.fit.seed)
    # The weights of a run that goes on are in its state: none need to be fetched.
    model = VPRModel(architecture) if going_on else build_model(architecture)
    module = TrainingModule(model, config, photos)
    steps = StepMetrics(run.metrics)
    epochs = EpochEnd(config, run, photos, validation, steps)
    handler = signal.getsignal(signal.SIGINT)
    with _quiet_lightning():
        trainer = pl.Trainer(
            default_root_dir=run.path,
            max_epochs=config.fit.epochs,
            accelerator="gpu" if choose_fit_device(config.fit).type == "cuda" else "cpu",
            devices=config.fit.devices,
            strategy=DDPStrategy(timeout=PATIENCE) if config.fit.devices > 1 else "auto",
            plugins=[LightningEnvironment()],
            precision=choose_precision(config.fit),
            accumulate_grad_batches=config.fit.accumulate,
            benchmark=True,
            callbacks=[steps, epochs],
            logger=_loggers(config.fit, run),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        try:
            trainer.fit(module, ckpt_path=run.state if going_on else None, weights_only=True)
        except SystemExit as error:
            # Lightning turns Ctrl-C into an exit, and leaves further ones ignored.
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from error


def seed_everything(seed: int) -> None:
    """Start torch's generators (CPU and GPU) from a seed; new weights are drawn from them."""
    torch.manual_seed(seed)


def choose_fit_device(fit: FitConfig) -> torch.device:
    """The kind of device to train on.

    Raises:
        ConfigError: this machine has not so many of them.
    """
    device = choose_device({"auto": "auto", "cpu": "cpu", "gpu": "cuda"}[fit.accelerator])
    if device.type == "cuda" and fit.devices > torch.cuda.device_count():
        raise ConfigError(
            f"fit.devices is {fit.devices}, but torch sees {torch.cuda.device_count()} GPUs; set "
            "fit.devices lower, or fit.accelerator=cpu"
        )
    return device


def choose_precision(fit: FitConfig) -> Precision:
    """Lightning's name of the precision to train in.

    Raises:
        ConfigError: one that the device does not have.
    """
    device = choose_fit_device(fit)
    if fit.precision == "auto":
        return "bf16-mixed" if has_bfloat16(device) else "32-true"
    if fit.precision == "16-mixed" and device.type == "cpu":
        raise ConfigError("fit.precision is '16-mixed', which needs a GPU; set bf16-mixed or 32")
    return "32-true" if fit.precision == "32" else fit.precision


def _loggers(fit: FitConfig, run: RunFolder) -> list[Logger]:
    starts = len(list(run.path.glob("csv/*")))
    loggers: list[Logger] = [
        TensorBoardLogger(run.path, name="tensorboard", version=""),
        CSVLogger(run.path, name="csv", version=f"start-{starts + 1}"),
    ]
    if fit.wandb is not None:
        try:
            from lightning.pytorch.loggers import WandbLogger

            # Each start is a run of its own there; the group holds those of one folder together.
            name = run.path.resolve().name
            loggers.append(WandbLogger(name, run.path, project=fit.wandb, group=name))
        except ModuleNotFoundError as error:
            raise TrainingError(
                "fit.wandb is set and wandb is not installed; pip install 'beenhere[wandb]'"
            ) from error
    return loggers


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Its tips and warnings speak of its own options, which a person here does not set."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in logs]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        for log in logs:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)
