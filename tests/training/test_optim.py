"""Learning rates against naive rewrites and torch's schedulers; optimizers as the options say."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from beenhere.config.training import (
    CosineConfig,
    MultiStepConfig,
    OptimizerConfig,
    ScheduledOptimizerConfig,
)
from beenhere.errors import TrainingError
from beenhere.training.optim import build_optimizer, learning_rate, set_learning_rates

STEPS_AN_EPOCH = 7


class TwoParts(nn.Module):
    """The shape of a VPRModel: a backbone and the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(3, 4)
        self.aggregator = nn.Linear(4, 2, bias=False)


def naive(base: float, config: ScheduledOptimizerConfig, epoch: int, step: int) -> float:
    schedule = config.schedule
    rate = base
    if schedule.name == "cosine":
        rate = schedule.eta_min + 0.5 * (base - schedule.eta_min) * (
            1 + math.cos(math.pi * epoch / schedule.t_max)
        )
    if schedule.name == "multi_step":
        for milestone in schedule.milestones:
            if epoch >= milestone:
                rate *= schedule.gamma
    if schedule.name == "linear":
        done = min(step, schedule.steps) / schedule.steps
        rate = base * (1 - done) + base * schedule.end * done
    if step < config.warmup_steps:
        rate *= (step + 1) / config.warmup_steps
    return rate


schedules = st.one_of(
    st.just({"name": "constant"}),
    st.fixed_dictionaries(
        {"name": st.just("linear"), "steps": st.integers(1, 20), "end": st.floats(0, 1)}
    ),
    st.fixed_dictionaries(
        {"name": st.just("cosine"), "t_max": st.integers(1, 20), "eta_min": st.floats(0, 1e-5)}
    ),
    st.fixed_dictionaries(
        {
            "name": st.just("multi_step"),
            "milestones": st.lists(st.integers(0, 15), max_size=4),
            "gamma": st.floats(0.1, 1),
        }
    ),
)


@settings(max_examples=100)
@given(schedules, st.integers(0, 30), st.floats(1e-5, 1e-1), st.integers(0, 20), st.integers(0, 60))
def test_rate_of_a_step(schedule, warmup, base, epoch, step):
    config = ScheduledOptimizerConfig(schedule=schedule, warmup_steps=warmup)
    expected = naive(base, config, epoch, step)
    assert learning_rate(base, config, epoch, step) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("t_max", [5, 10])
def test_cosine_is_torchs_per_epoch(t_max):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=t_max)
    config = ScheduledOptimizerConfig(schedule=CosineConfig(t_max=t_max))
    for epoch in range(10):
        # torch computes it recursively and collects rounding errors on the way.
        assert learning_rate(1e-4, config, epoch, 0) == pytest.approx(
            scheduler.get_last_lr()[0], rel=1e-9, abs=1e-18
        )
        optimizer.step()
        scheduler.step()


def test_multi_step_is_torchs_per_epoch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-2)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5], gamma=0.3)
    config = ScheduledOptimizerConfig(schedule=MultiStepConfig(milestones=[2, 5], gamma=0.3))
    for epoch in range(8):
        assert learning_rate(1e-2, config, epoch, 0) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


def test_the_study_falls_to_nothing_and_rises_again():
    config = ScheduledOptimizerConfig(lr=1e-4, schedule=CosineConfig(t_max=5))
    rates = [learning_rate(1e-4, config, epoch, 0) for epoch in range(10)]
    assert rates[0] == 1e-4
    assert rates[5] == pytest.approx(0, abs=1e-20)
    assert rates[6] == pytest.approx(rates[4])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("radam", torch.optim.RAdam),
    ],
)
def test_optimizer_kinds_and_values(name, kind):
    config = OptimizerConfig(name=name, lr=0.02, backbone_lr=0.003, weight_decay=0.04, momentum=0.8)
    optimizer = build_optimizer(config, TwoParts())
    assert type(optimizer) is kind
    assert [(g["name"], g["lr"]) for g in optimizer.param_groups] == [
        ("backbone", 0.003),
        ("head", 0.02),
    ]
    assert all(group["weight_decay"] == 0.04 for group in optimizer.param_groups)
    if name == "sgd":
        assert all(group["momentum"] == 0.8 for group in optimizer.param_groups)


def one_step(name: str, weight: float, gradient: float, lr: float, decay: float) -> float:
    model = SimpleNamespace(backbone=nn.Identity(), parameters=lambda: iter([parameter]))
    parameter = nn.Parameter(torch.tensor([weight], dtype=torch.float64))
    config = OptimizerConfig(name=name, lr=lr, weight_decay=decay)
    optimizer = build_optimizer(config, model)
    parameter.grad = torch.tensor([gradient], dtype=torch.float64)
    optimizer.step()
    return parameter.item()


def test_weight_decay_is_decoupled_in_adamw_alone():
    """Without a gradient AdamW shrinks the weight by lr x decay; Adam normalises the decay away."""
    weight, lr, decay = 2.0, 0.01, 0.1
    assert one_step("adamw", weight, 0.0, lr, decay) == pytest.approx(weight * (1 - lr * decay))
    assert one_step("adam", weight, 0.0, lr, decay) == pytest.approx(weight - lr, rel=1e-6)
    assert one_step("sgd", weight, 0.0, lr, decay) == pytest.approx(weight - lr * decay * weight)


def test_every_group_follows_the_schedule_from_its_own_rate():
    config = ScheduledOptimizerConfig(
        lr=1e-2, backbone_lr=1e-3, schedule=CosineConfig(t_max=4), warmup_steps=10
    )
    optimizer = build_optimizer(config, TwoParts())
    for epoch, step in [(0, 0), (0, 4), (2, 30), (1, 9)]:
        set_learning_rates(optimizer, config, epoch, step)
        assert [group["lr"] for group in optimizer.param_groups] == [
            pytest.approx(naive(base, config, epoch, step)) for base in (1e-3, 1e-2)
        ]


def test_frozen_parameters_are_left_out():
    model = TwoParts()
    model.backbone.requires_grad_(False)
    optimizer = build_optimizer(OptimizerConfig(), model)
    assert [group["name"] for group in optimizer.param_groups] == ["head"]
    model.requires_grad_(False)
    with pytest.raises(TrainingError, match=r"model\.backbone\.freeze"):
        build_optimizer(OptimizerConfig(), model)
