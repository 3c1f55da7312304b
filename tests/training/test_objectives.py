"""Losses and miners, with the parameters of both presets, against naive loops in float64."""

from itertools import product
from math import exp, log

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from beenhere.config.objective import LossConfig, MinerConfig
from beenhere.training.objectives import Objective

Pairs = tuple[list[tuple[int, int]], list[tuple[int, int]]]
Triplets = list[tuple[int, int, int]]

LOSSES = [
    {"name": "contrastive"},
    {"name": "contrastive", "pos_margin": 0.3, "neg_margin": 0.9},
    {"name": "triplet", "preset": "library"},
    {"name": "triplet", "preset": "vpr"},
    {"name": "multi_similarity", "preset": "library"},
    {"name": "multi_similarity", "preset": "vpr"},
]
MINERS = [
    {"name": "none"},
    {"name": "multi_similarity"},
    {"name": "multi_similarity", "epsilon": 0.4},
    {"name": "pair_margin", "preset": "library"},
    {"name": "pair_margin", "preset": "vpr"},
    {"name": "triplet", "preset": "library"},
    {"name": "triplet", "preset": "vpr"},
    {"name": "triplet", "kind": "hard"},
    {"name": "triplet", "kind": "semihard"},
    {"name": "triplet", "kind": "easy"},
]
PRESET_VALUES = {
    ("triplet", "library"): {"margin": 0.05},
    ("triplet", "vpr"): {"margin": 0.1},
    ("multi_similarity", "library"): {"alpha": 2.0, "beta": 50.0, "base": 0.5},
    ("multi_similarity", "vpr"): {"alpha": 1.0, "beta": 50.0, "base": 0.0},
}
MINER_PRESET_VALUES = {
    ("pair_margin", "library"): {"measure": "distance", "pos_margin": 0.2, "neg_margin": 0.8},
    ("pair_margin", "vpr"): {"measure": "similarity", "pos_margin": 0.7, "neg_margin": 0.3},
    ("triplet", "library"): {"margin": 0.2, "kind": "all"},
    ("triplet", "vpr"): {"margin": 0.1, "kind": "all"},
}


def batch(seed: int, spread: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Descriptors of 5 places with 2 to 4 images; places cluster, some overlap."""
    random = np.random.default_rng(seed)
    places = np.repeat(np.arange(5), [4, 3, 4, 2, 4])
    centres = random.normal(size=(5, 6))
    vectors = centres[places] + spread * random.normal(size=(len(places), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.tensor(vectors, dtype=torch.float32), torch.tensor(places)


class Naive:
    """Everything by the definitions, one pair after the other."""

    def __init__(self, descriptors: torch.Tensor, places: torch.Tensor) -> None:
        x = descriptors.numpy().astype(np.float64)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        self.n = len(x)
        self.places = places.tolist()
        pairs = list(product(range(self.n), repeat=2))
        self.s = {(i, j): float(sum(x[i] * x[j])) for i, j in pairs}
        self.d = {(i, j): float(sum((x[i] - x[j]) ** 2)) ** 0.5 for i, j in pairs}
        same = {(i, j): self.places[i] == self.places[j] for i, j in pairs}
        self.pos = [(i, j) for i, j in pairs if i != j and same[i, j]]
        self.neg = [(i, j) for i, j in pairs if not same[i, j]]
        self.triplets = [(a, p, n) for a, p in self.pos for b, n in self.neg if a == b]

    def mine(self, miner) -> Pairs | Triplets:
        if miner.name == "none":
            return self.pos, self.neg
        if miner.name == "multi_similarity":
            hardest_neg = {a: max(self.s[a, n] for b, n in self.neg if b == a) for a, _ in self.neg}
            hardest_pos = {a: min(self.s[a, p] for b, p in self.pos if b == a) for a, _ in self.pos}
            return (
                [(a, p) for a, p in self.pos if self.s[a, p] - miner.epsilon < hardest_neg[a]],
                [(a, n) for a, n in self.neg if self.s[a, n] + miner.epsilon > hardest_pos[a]],
            )
        if miner.name == "pair_margin" and miner.measure == "similarity":
            return (
                [pair for pair in self.pos if self.s[pair] < miner.pos_margin],
                [pair for pair in self.neg if self.s[pair] > miner.neg_margin],
            )
        if miner.name == "pair_margin":
            return (
                [pair for pair in self.pos if self.d[pair] > miner.pos_margin],
                [pair for pair in self.neg if self.d[pair] < miner.neg_margin],
            )
        kept = {
            "all": lambda gap: gap <= miner.margin,
            "hard": lambda gap: gap <= 0,
            "semihard": lambda gap: 0 < gap <= miner.margin,
            "easy": lambda gap: gap > miner.margin,
        }[miner.kind]
        return [(a, p, n) for a, p, n in self.triplets if kept(self.d[a, n] - self.d[a, p])]

    def loss_and_share(self, loss, mined: Pairs | Triplets) -> tuple[float, float]:
        if loss.name == "triplet":
            if isinstance(mined, tuple):
                mined = [(a, p, n) for a, p in mined[0] for b, n in mined[1] if a == b]
            parts = [max(0.0, self.d[a, p] - self.d[a, n] + loss.margin) for a, p, n in mined]
            return mean_of_positive(parts), sum(v > 0 for v in parts) / len(self.triplets)
        if isinstance(mined, list):
            mined = [(a, p) for a, p, _ in mined], [(a, n) for a, _, n in mined]
        pos, neg = mined
        total = len(self.pos) + len(self.neg)
        if loss.name == "contrastive":
            pulls = [max(0.0, self.d[pair] - loss.pos_margin) for pair in pos]
            pushes = [max(0.0, loss.neg_margin - self.d[pair]) for pair in neg]
            active = {pair for pair, v in zip(pos + neg, pulls + pushes, strict=True) if v > 0}
            return mean_of_positive(pulls) + mean_of_positive(pushes), len(active) / total
        value, active = 0.0, 0
        for a in range(self.n):
            for pairs, factor, kind in (
                (set(pos), -loss.alpha, self.pos),
                (set(neg), loss.beta, self.neg),
            ):
                mine = [exp(factor * (self.s[pair] - loss.base)) for pair in pairs if pair[0] == a]
                value += log(1 + sum(mine)) / abs(factor)
                even = 1 / sum(pair[0] == a for pair in kind)
                active += sum(e / (1 + sum(mine)) > 0.1 * even for e in mine)
        return value / self.n, active / total


def mean_of_positive(values: list[float]) -> float:
    kept = [value for value in values if value > 0]
    return sum(kept) / len(kept) if kept else 0.0


def configs(loss: dict, miner: dict):
    return TypeAdapter(LossConfig).validate_python(loss), TypeAdapter(MinerConfig).validate_python(
        miner
    )


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("miner", MINERS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_value_and_share_against_naive_loops(loss, miner, seed):
    loss_config, miner_config = configs(loss, miner)
    descriptors, places = batch(seed)
    got = Objective(loss_config, miner_config)(descriptors, places)
    naive = Naive(descriptors, places)
    value, share = naive.loss_and_share(loss_config, naive.mine(miner_config))
    assert got.loss.item() == pytest.approx(value, rel=2e-5, abs=1e-6)
    assert got.active_pairs.item() == pytest.approx(share, abs=1e-7)
    assert 0 <= share <= 1


def test_the_cases_are_not_trivial():
    shares = set()
    for loss, miner in product(LOSSES, MINERS):
        objective = Objective(*configs(loss, miner))
        shares.add(round(objective(*batch(0)).active_pairs.item(), 4))
    assert len(shares) > 15, "miners and losses select different pairs of this batch"


@pytest.mark.parametrize(("preset", "values"), PRESET_VALUES.items(), ids=str)
def test_loss_presets(preset, values):
    config = configs({"name": preset[0], "preset": preset[1]}, {"name": "none"})[0]
    assert {name: getattr(config, name) for name in values} == values
    loss = Objective(config, configs({"name": "contrastive"}, {"name": "none"})[1]).loss
    assert {name: getattr(loss, name) for name in values} == values


@pytest.mark.parametrize(("preset", "values"), MINER_PRESET_VALUES.items(), ids=str)
def test_miner_presets(preset, values):
    config = configs({"name": "contrastive"}, {"name": preset[0], "preset": preset[1]})[1]
    assert {name: getattr(config, name) for name in values} == values


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_half_precision_descriptors_are_scored_in_float32(loss):
    descriptors, places = batch(3)
    half = descriptors.to(torch.bfloat16)
    objective = Objective(*configs(loss, {"name": "multi_similarity"}))
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = objective(half, places).loss
    assert under_autocast.dtype == torch.float32
    assert under_autocast.item() == objective(half.float(), places).loss.item()


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_batch_without_pairs_costs_nothing_and_still_has_a_gradient(loss):
    descriptors = torch.eye(3, requires_grad=True)
    objective = Objective(*configs(loss, {"name": "pair_margin"}))
    value = objective(descriptors, torch.arange(3))
    value.loss.backward()
    assert value.loss.item() == 0
    assert value.active_pairs.item() == 0
    assert torch.count_nonzero(descriptors.grad) == 0
