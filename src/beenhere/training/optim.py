"""How weights move: the optimizer, and the learning rate of every step.

The rate is a function of the options, the epoch and the step, not of what was called before: a run
that goes on after an interruption has nothing to restore.
"""

from math import cos, pi
from typing import Any

from timm.models import group_parameters
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RAdam

from beenhere.config.training import (
    CosineConfig,
    LinearConfig,
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
    if config.layer_decay < 1:
        groups = [*_by_layer(model, rates["backbone"], config.layer_decay), *groups]
        groups = [group for group in groups if group["name"] != "backbone"]
    if not groups:
        raise TrainingError(
            "no parameter is trained: the whole backbone is frozen and the aggregator has none; "
            "set model.backbone.freeze lower"
        )
    if config.name == "sgd":
        return SGD(groups, momentum=config.momentum, weight_decay=config.weight_decay)
    kinds: dict[str, type[Adam | AdamW | RAdam]] = {"adam": Adam, "adamw": AdamW, "radam": RAdam}
    return kinds[config.name](groups, weight_decay=config.weight_decay)


def _by_layer(model: VPRModel, rate: float, decay: float) -> list[dict[str, Any]]:
    """Groups of the backbone's trained parameters, layer by layer as timm counts them, last first.

    The last layer that is left has the rate itself, each before it ``decay`` times that of the one
    behind it. Learnt tokens go with the last.
    """
    network: Any = model.backbone.network
    layers = group_parameters(network, network.group_matcher(coarse=False), reverse=True)
    parameters = dict(network.named_parameters())
    last = max((layers[name] for name in parameters), default=0)
    found: dict[int, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        if parameter.requires_grad:
            found.setdefault(last - layers[name], []).append(parameter)
    if model.backbone.tokens is not None:
        found.setdefault(0, []).append(model.backbone.tokens)
    return [
        {"name": f"backbone-{depth}", "params": of, "lr": lr, "base_lr": lr}
        for depth, of in sorted(found.items())
        for lr in [rate * decay**depth]
    ]


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
    elif isinstance(schedule, LinearConfig):
        rate = base * (1 - (1 - schedule.end) * min(step / schedule.steps, 1))
    return rate * (step + 1) / config.warmup_steps if step < config.warmup_steps else rate
