"""What each training step says: loss, share that teaches, learning rates."""

import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from beenhere.errors import TrainingError
from beenhere.progress import progress
from beenhere.training.run_folder import beside, settle


class StepMetrics(pl.Callback):
    """Writes every step to ``metrics.jsonl`` and the loggers, and moves the progress bar.

    On several devices these are the first one's; the mean of an epoch is over all of them.

    Attributes:
        mean: ``loss`` and ``teaching`` of the last finished epoch.
    """

    def __init__(self, metrics: Path) -> None:
        self.path = metrics
        self.mean: dict[str, float] = {}
        self._open = ExitStack()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget lines of an epoch that did not finish: it is trained again."""
        if trainer.is_global_zero and self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _epoch_of(line) <= trainer.current_epoch]
            new = beside(self.path)
            new.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            settle(new, self.path)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the file and start the progress bar."""
        self._sums = torch.zeros(3, dtype=torch.float64)
        if trainer.is_global_zero:
            what = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
            batches = int(trainer.num_training_batches)
            self._file = self._open.enter_context(self.path.open("a", encoding="utf-8"))
            self._advance = self._open.enter_context(progress(what, batches))

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write one line."""
        assert isinstance(outputs, Mapping)
        means = {"loss": outputs["value"].item(), "teaching": outputs["teaching"].item()}
        if not math.isfinite(means["loss"]):
            raise TrainingError(
                f"the loss is {means['loss']} in epoch {trainer.current_epoch + 1}, batch "
                f"{batch_idx + 1}: training diverged; start again with a lower optimizer.lr "
                "(the state of the last finished epoch is kept)"
            )
        self._sums += torch.tensor([1, *means.values()], dtype=torch.float64)
        if not trainer.is_global_zero:
            return
        lr = learning_rates(trainer)
        counts = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        print(json.dumps({**counts, **means, "lr": lr}), file=self._file)
        named = {f"lr/{group}": rate for group, rate in lr.items()}
        for logger in trainer.loggers:
            logger.log_metrics({**means, **named}, trainer.global_step)
        self._advance(1)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Mean over the epoch's batches, of all devices."""
        self._open.close()
        sums = trainer.strategy.reduce(self._sums.to(pl_module.device), reduce_op="sum")
        count, loss, teaching = torch.as_tensor(sums).tolist()
        self.mean = {"loss": loss / count, "teaching": teaching / count}

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the file and the progress bar."""
        self._open.close()


def learning_rates(trainer: pl.Trainer) -> dict[str, float]:
    """By parameter group, ``"backbone"`` and ``"head"``."""
    return {group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups}


def _epoch_of(line: str) -> float:
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # cut off by a kill
