"""The objective of training: a miner picks pairs or triplets of a batch, a loss scores them.

Losses and miners are those of pytorch-metric-learning; ours are which distance each of them
measures by, float32 under mixed precision, and the share of pairs that are active. Near 0 a loss
has run dry: its margins are met, and a miner, harder batches or another loss are due.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from pytorch_metric_learning import losses, miners
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import BaseMetricLossFunction
from pytorch_metric_learning.miners import BaseMiner
from pytorch_metric_learning.utils.loss_and_miner_utils import (
    convert_to_pairs,
    convert_to_triplets,
    get_matches_and_diffs,
)
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from beenhere.config.objective import (
    ContrastiveConfig,
    LossConfig,
    MinerConfig,
    MultiSimilarityLossConfig,
    MultiSimilarityMinerConfig,
    NoMinerConfig,
    PairMarginMinerConfig,
    TripletConfig,
)
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import build_own, own_code
from beenhere.config.training import TrainConfig
from beenhere.errors import ModelError
from beenhere.models import VPRModel
from beenhere.training.augment import augment, generator_of

Indices = tuple[Tensor, ...]
"""Rows of a batch: anchor and positive, anchor and negative of pairs (4), or of triplets (3)."""

ACTIVE_WEIGHT = 0.1
"""Multi-similarity spreads a weight of at most 1 over an anchor's positives, and one over its
negatives. A pair is active if it gets more than this part of what an even spread would give it."""


class ObjectiveValue(NamedTuple):
    """Loss and active pairs of one batch.

    Attributes:
        loss: scalar, float32, to be minimised.
        active_pairs: scalar in [0, 1], without gradient; see :func:`active_share`.
    """

    loss: Tensor
    active_pairs: Tensor


class Objective(nn.Module):
    """A loss after a miner.

    Either may be a class of a person's own (:class:`OwnLoss`, :class:`OwnMiner`).
    """

    watched = "active_pairs"
    """What the second value is called where it is written down."""

    def __init__(self, loss: LossConfig, miner: MinerConfig) -> None:
        super().__init__()
        self.loss = build_loss(loss)
        self.miner = build_miner(miner)

    def forward(self, descriptors: Tensor, places: Tensor) -> ObjectiveValue:
        """Score a batch.

        Args:
            descriptors: ``(B, D)``, L2-normalised, any float type.
            places: ``(B,)`` integer labels; equal ones are positives of each other.
        """
        # In half precision a similarity has three digits: too few to tell hard pairs from easy.
        with torch.autocast(descriptors.device.type, enabled=False):
            descriptors = descriptors.float()
            mined = self.miner(descriptors, places) if self.miner is not None else None
            if isinstance(self.loss, OwnLoss):
                value = self.loss(descriptors, places, mined)
                chosen = convert_to_pairs(mined, places)
                return ObjectiveValue(value, active_share(self.loss, descriptors, places, chosen))
            if isinstance(self.loss, losses.TripletMarginLoss):
                chosen = convert_to_triplets(mined, places, t_per_anchor="all")
            else:
                chosen = convert_to_pairs(mined, places)
            value = self.loss(descriptors, places, chosen)
            active = active_share(self.loss, descriptors, places, chosen)
        return ObjectiveValue(value, active)


class TrainingStep(nn.Module):
    """From photos to the loss: augment, describe, mine, score.

    On several devices each has its own batch, and pairs are made and mined within it: the batch
    that losses see does not grow with the number of devices. Their gradients are averaged.

    Args:
        model: trained in place.
        config: every option of the run.
        objective: instead of the loss and miner of the options.
    """

    def __init__(
        self, model: VPRModel, config: TrainConfig, objective: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        self.objective = objective or Objective(config.loss, config.miner)
        self.config = config
        if config.fit.keep_norms:
            for module in model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        if config.fit.gradient_checkpointing:
            model.backbone.checkpoint_gradients()
        # The model itself stays as it is: it is validated at other sizes and saved.
        self._descriptors: Callable[[Tensor], Tensor] = (
            torch.compile(model.forward) if config.fit.compile else model.forward
        )

    def forward(
        self, images: Tensor, places: Tensor, epoch: int, batch: int, rank: int
    ) -> ObjectiveValue:
        """Score a batch; see :class:`Objective`.

        Args:
            images: ``(B, 3, H, W)`` uint8.
            places: ``(B,)`` integer labels.
            epoch, batch, rank: from 0; with the seed they draw the changes to the images.
        """
        generator = generator_of(self.config.fit.seed, epoch, batch, rank)
        images = augment(images, places, self.config.augment, generator)
        descriptors = self._descriptors(images.contiguous(memory_format=torch.channels_last))
        return self.objective(descriptors, places)  # type: ignore[no-any-return]


class OwnLoss(nn.Module):
    """A loss of a person's own: any ``torch.nn.Module``, such as one of pytorch-metric-learning.

    It is called with the descriptors ``(B, D)``, float32, and the places ``(B,)``; with a miner the
    mined pairs or triplets (:data:`Indices`) come third. It gives a scalar. Parameters that it has
    are trained at the rate of the head.
    """

    def __init__(self, part: OwnPart) -> None:
        super().__init__()
        self.what = f"loss {part.name}"
        self.inner = build_own(part, "loss", nn.Module)

    def forward(self, descriptors: Tensor, places: Tensor, mined: Indices | None) -> Tensor:
        """Score a batch.

        Raises:
            ModelError: it fails, or gives no scalar.
        """
        given = (descriptors, places) if mined is None else (descriptors, places, mined)
        with own_code(self.what):
            value = self.inner(*given)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.is_floating_point():
            raise ModelError(f"{self.what} gives {_shown(value)}; expected a tensor of one number")
        return value.reshape(())


class OwnMiner(nn.Module):
    """A miner of a person's own: any ``torch.nn.Module``, such as one of pytorch-metric-learning.

    It is called with the descriptors ``(B, D)``, float32, and the places ``(B,)``, and gives
    :data:`Indices`.
    """

    def __init__(self, part: OwnPart) -> None:
        super().__init__()
        self.what = f"miner {part.name}"
        self.inner = build_own(part, "miner", nn.Module)

    def forward(self, descriptors: Tensor, places: Tensor) -> Indices:
        """Choose pairs or triplets of a batch.

        Raises:
            ModelError: it fails, or gives something else.
        """
        with own_code(self.what), torch.no_grad():
            mined = self.inner(descriptors, places)
        if (
            not isinstance(mined, tuple)
            or len(mined) not in (3, 4)
            or any(not isinstance(one, Tensor) or one.dtype != torch.int64 for one in mined)
        ):
            raise ModelError(
                f"{self.what} gives {_shown(mined)}; expected rows of the batch as int64 tensors: "
                "(anchor, positive, anchor, negative) of pairs, or (anchor, positive, negative)"
            )
        return mined


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple) else "")


def build_loss(config: LossConfig) -> BaseMetricLossFunction | OwnLoss:
    """The loss that the options name, one of pytorch-metric-learning or a person's own.

    Contrastive and triplet losses measure L2 distance, multi-similarity measures cosine
    similarity; contrastive averages the pairs (positives and negatives each for themselves) and
    triplet the triplets whose loss is not zero.
    """
    if isinstance(config, OwnPart):
        return OwnLoss(config)
    if isinstance(config, ContrastiveConfig):
        return losses.ContrastiveLoss(
            pos_margin=config.pos_margin, neg_margin=config.neg_margin, distance=LpDistance()
        )
    if isinstance(config, TripletConfig):
        return losses.TripletMarginLoss(margin=config.margin, distance=LpDistance())
    assert isinstance(config, MultiSimilarityLossConfig)
    return losses.MultiSimilarityLoss(
        alpha=config.alpha, beta=config.beta, base=config.base, distance=CosineSimilarity()
    )


def build_miner(config: MinerConfig) -> BaseMiner | OwnMiner | None:
    """The miner that the options name, as :func:`build_loss`; None where there is none."""
    if isinstance(config, OwnPart):
        return OwnMiner(config)
    if isinstance(config, NoMinerConfig):
        return None
    if isinstance(config, MultiSimilarityMinerConfig):
        return miners.MultiSimilarityMiner(epsilon=config.epsilon, distance=CosineSimilarity())
    if isinstance(config, PairMarginMinerConfig):
        similarity = config.measure == "similarity"
        return miners.PairMarginMiner(
            pos_margin=config.pos_margin,
            neg_margin=config.neg_margin,
            distance=CosineSimilarity() if similarity else LpDistance(),
        )
    return miners.TripletMarginMiner(
        margin=config.margin, type_of_triplets=config.kind, distance=LpDistance()
    )


@torch.no_grad()
def active_share(
    loss: BaseMetricLossFunction | OwnLoss, descriptors: Tensor, places: Tensor, chosen: Indices
) -> Tensor:
    """Of all pairs (with a triplet loss, of all triplets) in a batch, the share that is active.

    A pair or triplet is active if it was chosen and moves the loss: with the contrastive and the
    triplet loss if its part of it is not zero, with multi-similarity, where no weight is ever
    quite zero, if its weight is more than :data:`ACTIVE_WEIGHT` of an even one. With a loss of a
    person's own all that were chosen are.

    Args:
        loss: one of the three, or a person's own.
        descriptors: ``(B, D)`` float32.
        places: ``(B,)`` integer labels.
        chosen: pairs or triplets that the miner let through, as the loss takes them.

    Returns:
        Scalar in [0, 1]; 0 for a batch without pairs.
    """
    positive, negative = (mask.bool() for mask in get_matches_and_diffs(places))
    if isinstance(loss, losses.TripletMarginLoss):
        a, p, n = chosen
        distance = loss.distance(descriptors)
        violated = distance[a, p] - distance[a, n] + loss.margin > 0
        total = (positive.sum(1) * negative.sum(1)).sum()
        return torch.div(violated.sum(), total.clamp(min=1))
    # Pairs made of triplets repeat; a mask counts each once.
    pulled, pushed = torch.zeros_like(positive), torch.zeros_like(negative)
    pulled[chosen[0], chosen[1]] = True
    pushed[chosen[2], chosen[3]] = True
    if isinstance(loss, losses.ContrastiveLoss):
        distance = loss.distance(descriptors)
        pulled &= distance > loss.pos_margin
        pushed &= distance < loss.neg_margin
    elif isinstance(loss, losses.MultiSimilarityLoss):
        similarity = loss.distance(descriptors) - loss.base
        pull = _weight(-loss.alpha * similarity, pulled)
        push = _weight(loss.beta * similarity, pushed)
        pulled = pull > ACTIVE_WEIGHT / positive.sum(1, keepdim=True)
        pushed = push > ACTIVE_WEIGHT / negative.sum(1, keepdim=True)
    total = positive.sum() + negative.sum()
    return torch.div(pulled.sum() + pushed.sum(), total.clamp(min=1))


def _weight(exponent: Tensor, mask: Tensor) -> Tensor:
    """exp(e) / (1 + sum of exp(e)) over the masked of each row: the loss's slope in a similarity.

    Wang et al., 2019, equation 14.
    """
    one = torch.zeros_like(exponent[:, :1])
    masked = exponent.masked_fill(~mask, -torch.inf)
    return torch.softmax(torch.cat([one, masked], dim=1), dim=1)[:, 1:]
