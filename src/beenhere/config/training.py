"""Options of a training run: photos, batches, augmentation, optimizer, loop."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from beenhere.config.evaluation import EvalConfig
from beenhere.config.models import ModelConfig
from beenhere.config.objective import (
    LossConfig,
    MinerConfig,
    MultiSimilarityLossConfig,
    NoMinerConfig,
)
from beenhere.config.options import NUMBER_AS_TEXT, Options, named_choice


class OptimizerConfig(Options):
    """How weights move."""

    name: Literal["sgd", "adam", "adamw", "radam"] = Field(
        "adamw",
        description="adam and radam add weight decay to the gradient (L2), adamw decouples it",
    )
    lr: float = Field(1e-4, gt=0, description="learning rate")
    backbone_lr: float | None = Field(
        None, gt=0, description="learning rate of the backbone [default: the same]"
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="of the backbone's rate, from each layer to the one before it (Clark et al., "
        "2020): early layers, which know most, move least; 1: all alike",
    )
    weight_decay: float = Field(1e-3, ge=0, description="weight decay")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum; for SGD alone")


class ConstantConfig(Options):
    """The learning rate stays as it is."""

    name: Literal["constant"] = "constant"


class CosineConfig(Options):
    """eta_min + (lr - eta_min)(1 + cos(pi epoch / t_max)) / 2: after t_max it rises again."""

    name: Literal["cosine"] = "cosine"
    t_max: int = Field(10, ge=1, description="epochs from the highest to the lowest rate")
    eta_min: float = Field(0.0, ge=0, description="the lowest rate")


class MultiStepConfig(Options):
    """The rate is multiplied by gamma at each milestone."""

    name: Literal["multi_step"] = "multi_step"
    milestones: list[int] = Field([5, 8], description="epochs after which the rate falls")
    gamma: float = Field(0.3, gt=0, description="factor at each milestone")


class LinearConfig(Options):
    """The rate falls in a line, step by step, and then stays."""

    name: Literal["linear"] = "linear"
    steps: int = Field(4000, ge=1, description="optimizer steps until it is lowest")
    end: float = Field(0.2, ge=0, le=1, description="the lowest rate, as a share of the first")


ScheduleConfig = Annotated[
    Annotated[
        ConstantConfig | CosineConfig | MultiStepConfig | LinearConfig,
        Field(discriminator="name"),
    ],
    named_choice("constant"),
]


def _tree_alone(value: Any) -> Any:
    """Let ``validation: sf_xs/val`` stand for its ``database`` and ``queries`` folders."""
    return {"tree": value} if isinstance(value, str | Path) else value


class EvaluationData(Options):
    """A database and queries: a tree that holds both, or one path each."""

    tree: Path | None = Field(
        None, description="a folder with database/ and queries/, or a published set as it comes"
    )
    protocol: str | None = Field(
        None, description="which of a published set's protocols [default: its first]"
    )
    database: Path | None = Field(None, description="photos that can be found")
    queries: Path | None = Field(None, description="photos to find")

    @model_validator(mode="after")
    def _one_way(self) -> "EvaluationData":
        pair = self.database is not None and self.queries is not None
        none = self.database is None and self.queries is None
        if not ((pair and self.tree is None) or (none and self.tree is not None)):
            raise ValueError("give either tree, or both database and queries")
        if self.protocol is not None and self.tree is None:
            raise ValueError("a protocol goes with tree; database and queries have none")
        return self


EvaluationPath = Annotated[EvaluationData, BeforeValidator(_tree_alone)]


def _named(value: Any) -> Any:
    if isinstance(value, str | Path):
        raise ValueError("give each test set a name, such as data.tests.sf_xs=PATH")
    if value is None:
        return {}
    if isinstance(value, dict):  # null leaves out one that a file names
        return {name: data for name, data in value.items() if data is not None}
    return value


class StreamConfig(Options):
    """How tar shards are read in training; not for photos in a folder."""

    shards: int = Field(4, ge=1, description="how many shards are read side by side")
    buffer_mib: int = Field(
        1024,
        ge=1,
        description="MiB of photo files from which places are drawn, on each device; more mix "
        "better",
    )
    verify: bool = Field(False, description="compare each shard's checksum as it is read")


# A Path would make s3:/bucket of s3://bucket.
_PathOrUrl = Annotated[
    Path | str,
    BeforeValidator(
        lambda value: Path(value) if isinstance(value, str) and "://" not in value else value
    ),
]


class DataConfig(Options):
    """Photos to train on, to validate on and to test on."""

    train: _PathOrUrl = Field(
        Path("data/gsv_xs/train"),
        description="photos with a place each; or tar shards: their folder, or its URL such as "
        "s3://bucket/gsv",
    )
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training places; a smaller share lies within a larger",
    )
    share_seed: int = Field(0, ge=0, description="another seed is another share of the places")
    stream: StreamConfig = StreamConfig()
    validation: EvaluationPath | None = Field(
        None, description="photos that choose the best checkpoint: a tree, or database and queries"
    )
    tests: Annotated[dict[str, EvaluationPath], BeforeValidator(_named)] = Field(
        {}, description="test sets by name, for the best checkpoint after training; null: none"
    )


class BatchConfig(Options):
    """P places x K images."""

    places: int = Field(64, ge=2, description="P, places in a batch")
    images: int = Field(4, ge=2, description="K, images of each place, all different")
    min_images: int = Field(4, ge=2, description="places with fewer images are left out")
    shuffle: Literal["across_cities", "within_cities"] = Field(
        "across_cities", description="whether a batch mixes cities"
    )
    drop_last: bool = Field(False, description="leave out the last, smaller batch of an epoch")


class AugmentConfig(Options):
    """Random changes to training images, on the device, a batch at a time."""

    randaugment: int = Field(3, ge=0, description="RandAugment operations for each image; 0: none")
    magnitude: int = Field(9, ge=0, le=30, description="strength of an operation, from 0 to 30")
    flip: float = Field(0.0, ge=0, le=1, description="share of places mirrored, all images alike")


class FitConfig(Options):
    """The training loop."""

    epochs: int = Field(
        10, ge=1, description="passes over the places, unless steps_per_epoch asks for longer ones"
    )
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        description="batches of an epoch, at least: of few places it is as many passes as that "
        "takes [default: one pass]",
    )
    precision: Annotated[Literal["auto", "32", "16-mixed", "bf16-mixed"], NUMBER_AS_TEXT] = Field(
        "auto",
        description="auto: bf16-mixed where the processor has it, else 32; losses and miners "
        "always run in float32",
    )
    accelerator: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="kind of device to train on"
    )
    devices: int = Field(1, ge=1, description="how many devices; more than one train by DDP")
    accumulate: int = Field(1, ge=1, description="batches a step; each batch has its own pairs")
    compile: bool = Field(False, description="use torch.compile")
    workers: int | None = Field(
        None,
        ge=1,
        description="threads that decode photos on each device [default: one for each core]",
    )
    seed: int = Field(0, ge=0, description="seed of weights, order and augmentation")
    early_stop: int | None = Field(
        None, ge=1, description="stop after so many epochs without a better validation R@1"
    )
    start: str | None = Field(
        None,
        description="fine-tune a model: by name, such as megaloc, a checkpoint or a run folder; "
        "of model.* its own options hold, but for backbone.freeze",
    )
    blend: float = Field(
        1.0,
        gt=0,
        le=1,
        description="with start: share of the trained weights in the model that is validated and "
        "kept, the rest is the start's (WiSE-FT); 1: the trained ones alone",
    )
    keep_norms: bool = Field(
        False,
        description="batch norms keep the mean and variance that they start with, instead of "
        "those of each batch",
    )
    gradient_checkpointing: bool = Field(
        False, description="compute features twice to hold fewer of them: less memory, more time"
    )
    baseline: str | None = Field(
        None,
        description="a model that the best one is compared with on each test set, such as "
        "offline-lite0 or the folder of a run [default: start, where one is given]",
    )
    wandb: str | None = Field(None, description="project to log to at Weights & Biases")


class DistilConfig(Options):
    """A teacher whose similarities a student learns."""

    teacher: str = Field(
        description="a model by name, such as megaloc, a checkpoint or a run folder"
    )
    temperature: float = Field(
        0.05,
        gt=0,
        description="of the softmax over a photo's similarities; less: the nearest count",
    )
    held_out: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the photos that only measure how far student and teacher agree; at "
        "most 1,000",
    )


class ScheduledOptimizerConfig(OptimizerConfig):
    """Optimizer, schedule and warm-up."""

    schedule: ScheduleConfig = ConstantConfig()
    warmup_steps: int = Field(
        0, ge=0, description="steps over which the rate rises from 0 in a line, before the schedule"
    )


class TrainConfig(Options):
    """A whole training run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    batch: BatchConfig = BatchConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = MultiSimilarityLossConfig()
    miner: MinerConfig = NoMinerConfig()
    optimizer: ScheduledOptimizerConfig = ScheduledOptimizerConfig()
    fit: FitConfig = FitConfig()
    distil: DistilConfig | None = Field(
        None,
        description="learn from a teacher instead of places, loss and miner: a batch is of "
        "batch.places photos, each with batch.images - 1 that the teacher sees near it",
    )
    evaluation: EvalConfig = EvalConfig()


class ShardsConfig(Options):
    """Photos as tar shards, to be trained on as a stream."""

    mib: int = Field(
        256, ge=1, description="MiB of a shard; it ends with the place that reaches them"
    )
    seed: int = Field(0, ge=0, description="seed of the order in which places are written")
