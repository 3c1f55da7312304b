"""The training loop of one device, from its first step to the checkpoints of the last epoch.

Fabric brings what differs between machines: devices, mixed precision, averaged gradients. All else
is here. An epoch is a function of the weights, the optimizer's state, the options and its number:
these are what the state of training holds, and so a run goes on as if it had never stopped.
"""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.optim import Optimizer

from beenhere.config import config_yaml
from beenhere.config.evaluation import EvalConfig
from beenhere.config.models import ModelConfig
from beenhere.config.training import FitConfig, TrainConfig
from beenhere.devices import choose_device, cores, has_bfloat16
from beenhere.errors import ConfigError, TrainingError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.files.atomic import replacing, write_json
from beenhere.models import VPRModel, build_model, read_provenance, save_checkpoint
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.reference import REFERENCES
from beenhere.progress import progress
from beenhere.training.augment import generator_of
from beenhere.training.batches import TrainingBatch, TrainingBatches
from beenhere.training.beginning import Start, check_start, learn_beginning, started_from
from beenhere.training.objectives import TrainingStep
from beenhere.training.optim import build_optimizer, set_learning_rates
from beenhere.training.run_folder import (
    History,
    RunFolder,
    beginning_line,
    best_epoch,
    epoch_line,
    versions,
)
from beenhere.training.source import TrainingPhotos, training_batches
from beenhere.training.teacher import SimilarityDistillation, TaughtPhotos

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
LONGEST_WAIT = timedelta(hours=24)
"""How long the other devices wait for the first one while it validates."""


def train(
    config: TrainConfig,
    architecture: ModelConfig,
    run_dir: Path,
    photos: TrainingPhotos,
    validation: EvaluationTables | None,
) -> None:
    """Train for the epochs that the run's folder does not have yet.

    A new model is validated before its first step, as epoch 0, so that a training that makes it
    worse shows. After each epoch the first device validates and writes the models and the state,
    while the others wait. The best epoch has the highest validation R@1 at the first threshold, the
    earlier of equals, maybe epoch 0; without validation photos it is the last.

    Runs once in each device's process; where there are several, ``LOCAL_RANK`` tells them apart.

    Args:
        config: every option.
        architecture: ``config.model`` with what it leaves open filled in.
        run_dir: where the state of the last finished epoch is looked for, and written.
        photos: to train on.
        validation: or None.

    Raises:
        TrainingError: the loss is not finite any more, or the state cannot be read.
    """
    run, fit = RunFolder(run_dir), config.fit
    if fit.devices > 1:
        torch.set_num_threads(max(1, cores() // fit.devices))
    torch.backends.cudnn.benchmark = True
    fabric = _launched(fit)
    rank, first = fabric.global_rank, fabric.is_global_zero
    state = run.read_state()
    torch.manual_seed(fit.seed)  # new weights are drawn from its generators
    held, began_as = None, None
    if fit.start is not None:
        first_model, architecture = started_from(fit.start, architecture.backbone.freeze)
        began_as = first_model.fingerprint()
        check_start(None if state is None else state.get("start"), began_as, fit.start)
        model, held = VPRModel(architecture), Start(first_model, fit.blend)
        model.load_state_dict(first_model.state_dict())
        del first_model
    else:
        # The weights of a run that goes on are in its state: none need to be fetched.
        model = build_model(architecture) if state is None else VPRModel(architecture)
    taught = photos if isinstance(photos, TaughtPhotos) else None
    objective = None
    if taught is not None and config.distil is not None:
        known = None if state is None else state.get("teacher")
        check_start(known, taught.teacher["fingerprint"], config.distil.teacher)
        objective = SimilarityDistillation(taught.vectors, config.distil.temperature)
    step = TrainingStep(model, config, objective).to(
        fabric.device
    )  # before its optimizer's state is loaded
    optimizer = build_optimizer(config.optimizer, model, step.objective)
    pin = fabric.device.type == "cuda"
    batches = training_batches(photos, config, model.preprocessing, rank, fabric.world_size, pin)
    batches.check_sizes()
    evaluation = with_recall_at_1(config.evaluation)
    watched = str(step.objective.watched)
    # The model stays where it is trained, whatever device evaluations are to run on.
    extract = evaluation.extract.model_copy(update={"device": "auto"})
    evaluation = evaluation.model_copy(update={"extract": extract})
    history: History = []
    beginning: dict[str, float] = {}  # recalls before the first step
    unreadable, steps = dict(photos.unusable()), 0
    if state is not None:
        step.load_state_dict(state["state_dict"])
        optimizer.load_state_dict(state["optimizer_states"][0])
        if "MixedPrecision" in state:
            fabric.strategy.precision.load_state_dict(state["MixedPrecision"])
        history, unreadable = state["history"], state["unreadable"]
        beginning = state.get("beginning", {})  # runs of the first versions have none
        steps = state["global_step"]
        del state  # as big as the model
    takes = partial(_bytes_at_once, step, optimizer)
    data = photos.fingerprint() if first else {}
    if first and history:
        before = read_provenance(run.last).get("data", {}).get("sha256", data["sha256"])
        if before != data["sha256"]:
            print(
                f"{config.data.train} holds other photos than when epoch {len(history)} was "
                "trained: the run goes on with these; for one of these alone give another --out",
                file=sys.stderr,
            )
    passes = -(-(fit.steps_per_epoch or 1) // len(batches))
    length = passes * len(batches)

    def provenance_of(metrics: dict[str, Any]) -> dict[str, Any]:
        return {
            "training": config_yaml.plain(config),
            "data": data,
            "metrics": metrics,
            "trained_with": versions(),
        }

    if first:
        run.drop_unfinished_metrics(len(history))
        if not history:
            # The others wait for these weights in setup(), which gives them to every device.
            if held is None:
                learn_beginning(model, batches, fabric.device, fit.seed)
            beginning = _validated(model, validation, taught, evaluation)
            if beginning:
                with run.writing(takes):
                    save_checkpoint(model, run.best, provenance_of({"validation": beginning}))
                print(beginning_line(beginning, fit.epochs), flush=True)
    trained, stepping = fabric.setup(step, optimizer)
    beginning = fabric.broadcast(beginning)

    with run.writing(takes), ExitStack() as stack:
        loggers = stack.enter_context(_loggers(fit, run)) if first else []
        metrics = stack.enter_context(
            (run.metrics if first else Path(os.devnull)).open("a", encoding="utf-8")
        )
        for epoch in range(len(history), fit.epochs):
            best = best_epoch(history, beginning) if history else 0
            if history and fit.early_stop and epoch - best >= fit.early_stop:
                break
            start = time.monotonic()
            # Layers that draw at random (dropout, stochastic depth) use torch's global generator.
            torch.manual_seed(generator_of(fit.seed, epoch, rank).initial_seed())
            sums = torch.zeros(3, dtype=torch.float64)
            bar = progress(f"epoch {epoch + 1} of {fit.epochs}", length)
            with bar if first else nullcontext(lambda done: None) as advance:
                for number, batch in enumerate(_several(batches, epoch * passes, passes)):
                    whole = (number + 1) % fit.accumulate == 0 or number + 1 == length
                    set_learning_rates(optimizer, config.optimizer, epoch, steps)
                    batch = batch.to(fabric.device)
                    with fabric.no_backward_sync(trained, enabled=not whole):
                        loss, active = trained(batch.images, batch.places, epoch, number, rank)
                        # The last step of an epoch may have fewer batches, and is as much smaller.
                        fabric.backward(loss / fit.accumulate)
                    if whole:
                        stepping.step()
                        stepping.zero_grad()
                        steps += 1
                    means = {"loss": loss.item(), watched: active.item()}
                    if not math.isfinite(means["loss"]):
                        kept = " (the state of the last finished epoch is kept)" if epoch else ""
                        raise TrainingError(
                            f"the loss is {means['loss']} in epoch {epoch + 1}, batch "
                            f"{number + 1}: training diverged; start again with a lower "
                            f"optimizer.lr{kept}"
                        )
                    sums += torch.tensor([1, *means.values()], dtype=torch.float64)
                    rates = learning_rates(optimizer)
                    record = {"epoch": epoch + 1, "step": steps, **means, "lr": rates}
                    print(json.dumps(record), file=metrics)
                    for logger in loggers:
                        named = {f"lr/{group}": rate for group, rate in rates.items()}
                        logger.log_metrics({**means, **named}, steps)
                    advance(1)
            reduced = fabric.all_reduce(sums.to(fabric.device), reduce_op="sum")
            count, *totals = torch.as_tensor(reduced).tolist()
            means = dict(zip(("loss", watched), (t / count for t in totals), strict=True))
            unreadable |= _unreadable_on_all(batches)
            if first:
                saved = stack.enter_context(ExitStack())
                if held is not None:
                    saved.enter_context(held.blended(model))
                recalls = _validated(model, validation, taught, evaluation)
                record = {
                    "epoch": epoch + 1,
                    "step": steps,
                    **means,
                    "validation": recalls,
                    "lr": learning_rates(optimizer),
                    "seconds": round(time.monotonic() - start, 3),
                }
                history.append(record)
                # Who is killed between two of these goes on from the state of the epoch before,
                # and writes the same models and metrics again.
                if best_epoch(history, beginning) == epoch + 1:
                    save_checkpoint(model, run.best, provenance_of(record))
                save_checkpoint(model, run.last, provenance_of(record))
                saved.close()  # training goes on from its own weights
                print(json.dumps(record), file=metrics, flush=True)
                named = {f"epoch/{name}": value for name, value in means.items()}
                named |= {f"validation/{name}": value for name, value in recalls.items()}
                for logger in loggers:
                    logger.log_metrics(named, steps)
                results = {
                    "best_epoch": best_epoch(history, beginning),
                    "beginning": beginning,
                    "epochs": history,
                    "unreadable": [{"path": p, "reason": r} for p, r in unreadable.items()],
                    "tests": {},
                }
                write_json(run.results, results)
                # The names are those of Lightning's Trainer, which wrote these files at first.
                finished = {
                    "epoch": epoch,
                    "global_step": steps,
                    "state_dict": step.state_dict(),
                    "optimizer_states": [optimizer.state_dict()],
                    "history": history,
                    "beginning": beginning,
                    "unreadable": unreadable,
                    "start": began_as,
                    "teacher": taught and taught.teacher["fingerprint"],
                }
                if scaler := fabric.strategy.precision.state_dict():  # of 16-mixed alone
                    finished["MixedPrecision"] = scaler
                with replacing(run.state) as new:
                    torch.save(finished, new)
                print(epoch_line(record, fit.epochs), flush=True)
            history = fabric.broadcast(history)  # until then the others wait


def _validated(
    model: VPRModel,
    validation: EvaluationTables | None,
    taught: TaughtPhotos | None,
    config: EvalConfig,
) -> dict[str, float]:
    """What epochs are compared by, in percent: R@1 first, or what a student agrees on."""
    found: dict[str, float] = {}
    if validation is not None:
        found = named_recalls(evaluate_tables(model, validation, config))
    if taught is None:
        return found
    first = config.model_copy(update={"recall_at": [1]})
    agreement = evaluate_tables(model, taught.agreement, first).recalls[0].percent
    return dict(list(found.items())[:1]) | {"agreement": agreement} | found


def _several(batches: TrainingBatches, first: int, passes: int) -> Iterator[TrainingBatch]:
    """The batches of some passes over the places, one after the other."""
    for batches.epoch in range(first, first + passes):
        yield from batches


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
    """Fabric's name of the precision to train in.

    Raises:
        ConfigError: one that the device does not have.
    """
    device = choose_fit_device(fit)
    if fit.precision == "auto":
        return "bf16-mixed" if has_bfloat16(device) else "32-true"
    if fit.precision == "16-mixed" and device.type == "cpu":
        raise ConfigError("fit.precision is '16-mixed', which needs a GPU; set bf16-mixed or 32")
    return "32-true" if fit.precision == "32" else fit.precision


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """By parameter group, ``"backbone"`` and ``"head"``."""
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def with_recall_at_1(config: EvalConfig) -> EvalConfig:
    """The same options, with R@1 among what is measured: the best epoch is chosen by it."""
    return config.model_copy(update={"recall_at": sorted({1, *config.recall_at})})


def named_recalls(evaluation: Evaluation) -> dict[str, float]:
    """``{"R@1": 61.2, ...}`` in percent; other thresholds than the first as ``"R@1 50 m"``."""
    first, unit = evaluation.recalls[0].threshold, REFERENCES[evaluation.by].unit
    return {
        f"R@{one.at}" + ("" if one.threshold == first else f" {one.threshold:g}{unit}"): one.percent
        for one in evaluation.recalls
        if one.condition is None
    }


def _launched(fit: FitConfig) -> Fabric:
    # Its tips speak of its own options, which a person here does not set.
    logs = [logging.getLogger(name) for name in ("lightning_fabric", "lightning_utilities")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        fabric = Fabric(
            accelerator="gpu" if choose_fit_device(fit).type == "cuda" else "cpu",
            devices=fit.devices,
            strategy=DDPStrategy(timeout=LONGEST_WAIT) if fit.devices > 1 else "auto",
            # Processes are started by us, wherever we run: not by SLURM or torchrun.
            plugins=[LightningEnvironment()],
            precision=choose_precision(fit),
        )
        fabric.launch()
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
    return fabric


@contextmanager
def _loggers(fit: FitConfig, run: RunFolder) -> Iterator[list[Logger]]:
    starts = len(list(run.path.glob("csv/*")))
    loggers: list[Logger] = [
        TensorBoardLogger(run.path, name="tensorboard", version=""),
        CSVLogger(run.path, name="csv", version=f"start-{starts + 1}"),
    ]
    if fit.wandb is not None:
        try:
            from pytorch_lightning.loggers import WandbLogger

            # Each start is a run of its own there; the group holds those of one folder together.
            name = run.path.resolve().name
            loggers.append(WandbLogger(name, run.path, project=fit.wandb, group=name))
        except ModuleNotFoundError as error:
            raise TrainingError(
                "fit.wandb is set and wandb is not installed; pip install 'beenhere[wandb]'"
            ) from error
    try:
        yield loggers
    except BaseException:
        for logger in loggers:
            with suppress(OSError):  # which would hide why the training ended
                logger.finalize("failed")
        raise
    for logger in loggers:
        logger.finalize("success")


def _bytes_at_once(step: TrainingStep, optimizer: Optimizer) -> int:
    """That the files of an epoch take while those of the one before are still there."""
    weights = sum(int(value.nbytes) for value in step.state_dict().values())
    states = [value for state in optimizer.state.values() for value in state.values()]
    return 2 * weights + sum(value.nbytes for value in states if isinstance(value, torch.Tensor))


def _unreadable_on_all(batches: TrainingBatches) -> dict[str, str]:
    found = [batches.unreadable]
    if torch.distributed.is_initialized():
        found = [{} for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather_object(found, batches.unreadable)
    return {path: reason for part in found for path, reason in part.items()}
