"""What happens after each epoch: validation, checkpoints, early stop, a line to read."""

import json
import time
from typing import Any

import lightning.pytorch as pl
import torch

from beenhere import config_yaml
from beenhere.config import EvalConfig, TrainConfig
from beenhere.datasets.formats import EvaluationTables
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import Evaluation
from beenhere.models import save_checkpoint
from beenhere.training.module import TrainingModule
from beenhere.training.provenance import versions
from beenhere.training.run_folder import RunFolder, beside, epoch_line, settle
from beenhere.training.source import TrainingPhotos
from beenhere.training.step_metrics import StepMetrics, learning_rates


class EpochEnd(pl.Callback):
    """Validates, keeps the best and the last model and the state of training, says how it went.

    The best epoch has the highest validation R@1 at the first threshold, the earlier of equals;
    without validation photos it is the last. Its own state travels with the trainer's.

    Args:
        config: every option.
        run: where to write.
        photos: to train on.
        validation: or None.
        steps: knows the means of the epoch; must come before this one in the trainer's list.

    Attributes:
        history: for each finished epoch its number from 1, means, recalls, rates, seconds.
        unreadable: training photos that could not be read, with reasons.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: RunFolder,
        photos: TrainingPhotos,
        validation: EvaluationTables | None,
        steps: StepMetrics,
    ) -> None:
        self.config, self.run, self.validation, self.steps = config, run, validation, steps
        self.data = photos.fingerprint()
        self.history: list[dict[str, Any]] = []
        self.unreadable = dict(photos.unusable())

    def state_dict(self) -> dict[str, Any]:
        """For the trainer's checkpoint."""
        return {"history": self.history, "unreadable": self.unreadable}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the trainer's checkpoint."""
        self.history, self.unreadable = state_dict["history"], state_dict["unreadable"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that had stopped early and is started again is still over."""
        trainer.should_stop = self._patience_is_over()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate and write on the first device, while the others wait."""
        assert isinstance(pl_module, TrainingModule)
        self._collect_unreadable(pl_module)
        # Who is killed between two of these lines goes on from the state of the epoch before, and
        # writes the same models and metrics again.
        if trainer.is_global_zero:
            self.history.append(self._measure(trainer, pl_module))
            self._save_models(pl_module)
            self._publish(trainer)
        trainer.save_checkpoint(beside(self.run.state))
        if trainer.is_global_zero:
            settle(beside(self.run.state), self.run.state)
            print(epoch_line(self.history[-1], self.config.fit.epochs), flush=True)
        trainer.should_stop = trainer.strategy.broadcast(self._patience_is_over())

    def _measure(self, trainer: pl.Trainer, module: TrainingModule) -> dict[str, Any]:
        recalls = {}
        if self.validation is not None:
            options = with_first(self.config.evaluation)
            # The model stays where it is trained.
            extract = options.extract.model_copy(update={"device": "auto"})
            options = options.model_copy(update={"extract": extract})
            recalls = named_recalls(evaluate_tables(module.model, self.validation, options))
        return {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            **self.steps.mean,
            "validation": recalls,
            "lr": learning_rates(trainer),
            "seconds": round(time.monotonic() - self._start, 3),
        }

    def _save_models(self, module: TrainingModule) -> None:
        provenance = {
            "training": config_yaml.plain(self.config),
            "data": self.data,
            "metrics": self.history[-1],
            "trained_with": versions(),
        }
        if best_epoch(self.history) == self.history[-1]["epoch"]:
            save_checkpoint(module.model, self.run.best, provenance)
        save_checkpoint(module.model, self.run.last, provenance)

    def _publish(self, trainer: pl.Trainer) -> None:
        record = self.history[-1]
        with self.run.metrics.open("a", encoding="utf-8") as file:
            print(json.dumps(record), file=file)
        means = {f"epoch/{name}": value for name, value in self.steps.mean.items()}
        recalls = {f"validation/{name}": value for name, value in record["validation"].items()}
        for logger in trainer.loggers:
            logger.log_metrics({**means, **recalls}, trainer.global_step)
        self.run.write_results(
            {
                "best_epoch": best_epoch(self.history),
                "epochs": self.history,
                "unreadable": [{"path": p, "reason": r} for p, r in self.unreadable.items()],
                "tests": {},
            }
        )

    def _patience_is_over(self) -> bool:
        patience = self.config.fit.early_stop
        if patience is None or self.validation is None or not self.history:
            return False
        return int(self.history[-1]["epoch"]) - best_epoch(self.history) >= patience

    def _collect_unreadable(self, module: TrainingModule) -> None:
        assert module.batches is not None
        found = [module.batches.unreadable]
        if torch.distributed.is_initialized():
            found = [{} for _ in range(torch.distributed.get_world_size())]
            torch.distributed.all_gather_object(found, module.batches.unreadable)
        for part in found:
            self.unreadable.update(part)


def best_epoch(history: list[dict[str, Any]]) -> int:
    """The epoch with the highest validation R@1, the earlier of equals; else the last."""
    if not history[-1]["validation"]:
        return int(history[-1]["epoch"])
    best = max(history, key=lambda record: (record["validation"]["R@1"], -record["epoch"]))
    return int(best["epoch"])


def with_first(config: EvalConfig) -> EvalConfig:
    """The same options, with R@1 among what is measured: the best epoch is chosen by it."""
    return config.model_copy(update={"recall_at": sorted({1, *config.recall_at})})


def named_recalls(evaluation: Evaluation) -> dict[str, float]:
    """``{"R@1": 61.2, ...}`` in percent; other thresholds than the first as ``"R@1 50 m"``."""
    first = evaluation.recalls[0].threshold
    return {
        f"R@{one.at}" + ("" if one.threshold == first else f" {one.threshold:g} m"): one.percent
        for one in evaluation.recalls
        if one.condition is None
    }
