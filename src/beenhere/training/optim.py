"""How weights move: the optimizer, and the learning rate of every step.

The rate is a function of the options, the epoch and the step, not of what was called before: a run
that goes on after an interruption has nothing to restore.
"""

from math import cos, pi

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RAdam

from beenhere.config.training import (
    CosineConfig,
    MultiStepConfig,
    OptimizerConfig,
    ScheduledOptimizerConfig,
)
from beenhere.errors import TrainingError
from beenhere.models import VPRModel


def build_optimizer(
    config: OptimizerConfig, model: VPRModel, objective: nn.Module | None = None
) -> Optimizer:
    """An optimizer over the trained parameters, in groups: ``"backbone"``, ``"head"``, ``"loss"``.

    The last are those that a loss of a person's own has, at the rate of the head. Each group
    carries its rate before schedule and warm-up as ``"base_lr"``. A group without a trained
    parameter is left out.

    Raises:
        TrainingError: nothing is trained at all.
    """
    rates = {"backbone": config.backbone_lr or config.lr, "head": config.lr, "loss": config.lr}
    inside = set(model.backbone.parameters())
    parameters = {
        "backbone": [p for p in model.backbone.parameters() if p.requires_grad],
        "head": [p for p in model.parameters() if p.requires_grad and p not in inside],
        "loss": [] if objective is None else [p for p in objective.parameters() if p.requires_grad],
    }
    groups = [
        {"name": name, "params": parameters[name], "lr": rates[name], "base_lr": rates[name]}
        for name in parameters
        if parameters[name]
    ]
    if not groups:
        raise TrainingError(
            "no parameter is trained: the whole backbone is frozen and the aggregator has none; "
            "set model.backbone.freeze lower"
        )
    if config.name == "sgd":
        return SGD(groups, momentum=config.momentum, weight_decay=config.weight_decay)
    kinds: dict[str, type[Adam | AdamW | RAdam]] = {"adam": Adam, "adamw": AdamW, "radam": RAdam}
    return kinds[config.name](groups, weight_decay=config.weight_decay)


def set_learning_rates(
    optimizer: Optimizer, config: ScheduledOptimizerConfig, epoch: int, step: int
) -> None:
    """Give each group its rate for a step; see :func:`learning_rate`."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(group["base_lr"], config, epoch, step)


def learning_rate(base: float, config: ScheduledOptimizerConfig, epoch: int, step: int) -> float:
    """The rate of one optimizer step.

    Args:
        base: the rate before schedule and warm-up.
        config: schedule and warm-up. The schedule counts epochs from the start of training, and
            warm-up multiplies what it says: 1 / n, 2 / n, ... 1 over the first n steps.
        epoch: finished epochs.
        step: finished optimizer steps.
    """
    schedule, rate = config.schedule, base
    if isinstance(schedule, CosineConfig):
        # Loshchilov and Hutter, 2017, equation 5, without its restarts: it rises again.
        half = (1 + cos(pi * epoch / schedule.t_max)) / 2
        rate = schedule.eta_min + (base - schedule.eta_min) * half
    elif isinstance(schedule, MultiStepConfig):
        rate = base * schedule.gamma ** sum(epoch >= at for at in schedule.milestones)
    return rate * (step + 1) / config.warmup_steps if step < config.warmup_steps else rate
