"""One training step, as Lightning wants it: augment, describe, mine, score."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from beenhere.config import TrainConfig
from beenhere.models import VPRModel
from beenhere.training.augment import augment, generator_of
from beenhere.training.decoding import TrainingBatch, TrainingBatches
from beenhere.training.objectives import Objective
from beenhere.training.optim import build_optimizer, set_learning_rates
from beenhere.training.source import TrainingPhotos


class TrainingModule(pl.LightningModule):
    """A model with what it learns from.

    On several devices each has its own batch, and pairs are made and mined within it: the batch
    that losses see does not grow with the number of devices. Their gradients are averaged.

    Args:
        model: trained in place.
        config: every option of the run.
        photos: to train on.
    """

    def __init__(self, model: VPRModel, config: TrainConfig, photos: TrainingPhotos) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        self.objective = Objective(config.loss, config.miner)
        self.config, self.photos = config, photos
        self.batches: TrainingBatches | None = None
        self._describe = model.forward

    def configure_optimizers(self) -> Optimizer:
        """The optimizer; learning rates are set at every step."""
        return build_optimizer(self.config.optimizer, self.model)

    def train_dataloader(self) -> TrainingBatches:
        """This device's batches; drawn here, where the device's number is known."""
        self.batches = self.photos.batches(
            self.config,
            self.model.preprocessing,
            self.trainer.global_rank,
            self.trainer.world_size,
            pin=self.device.type == "cuda",
        )
        self.batches.check_sizes()
        return self.batches

    def on_fit_start(self) -> None:
        """Compile where that is wished; the model itself stays as it is."""
        if self.config.fit.compile:
            self._describe = torch.compile(self.model.forward)

    def on_train_epoch_start(self) -> None:
        """Make the epoch a function of its number, so that a run can go on from any of them."""
        epoch = self.trainer.current_epoch
        assert self.batches is not None
        self.batches.epoch = epoch
        # Layers that draw at random (dropout, stochastic depth) use torch's global generator.
        torch.manual_seed(
            generator_of(self.config.fit.seed, epoch, self.trainer.global_rank).initial_seed()
        )

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Set each parameter group's learning rate for the step."""
        trainer = self.trainer
        optimizer = trainer.optimizers[0]
        step = trainer.global_step
        set_learning_rates(optimizer, self.config.optimizer, trainer.current_epoch, step)

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> dict[str, Any]:
        """Loss, and share of pairs or triplets that still teach, of one batch."""
        generator = generator_of(
            self.config.fit.seed, self.trainer.current_epoch, batch_idx, self.trainer.global_rank
        )
        images = augment(batch.images, batch.places, self.config.augment, generator)
        descriptors = self._describe(images.contiguous(memory_format=torch.channels_last))
        value = self.objective(descriptors, batch.places)
        loss: Tensor = value.loss
        return {"loss": loss, "value": loss.detach(), "teaching": value.teaching}
