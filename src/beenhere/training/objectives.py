"""What training minimises: a miner picks pairs or triplets of a batch, a loss scores them.

Losses and miners are those of pytorch-metric-learning; what is ours is which distance each of them
measures by, and float32 under mixed precision.
"""

from dataclasses import dataclass

import torch
from pytorch_metric_learning import losses, miners
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import BaseMetricLossFunction
from pytorch_metric_learning.miners import BaseMiner
from pytorch_metric_learning.utils.loss_and_miner_utils import (
    convert_to_pairs,
    convert_to_triplets,
)
from torch import Tensor, nn

from beenhere.config import (
    ContrastiveConfig,
    LossConfig,
    MinerConfig,
    MultiSimilarityLossConfig,
    MultiSimilarityMinerConfig,
    NoMinerConfig,
    PairMarginMinerConfig,
    TripletConfig,
)
from beenhere.training.teaching import teaching_share


@dataclass(frozen=True)
class ObjectiveValue:
    """What an objective says of one batch.

    Attributes:
        loss: scalar, float32, to be minimised.
        teaching: scalar in [0, 1], without gradient: the share of the batch's pairs or triplets
            that move the loss; see :func:`beenhere.training.teaching.teaching_share`.
    """

    loss: Tensor
    teaching: Tensor


class Objective(nn.Module):
    """A loss after a miner."""

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
            if isinstance(self.loss, losses.TripletMarginLoss):
                chosen = convert_to_triplets(mined, places, t_per_anchor="all")
            else:
                chosen = convert_to_pairs(mined, places)
            value = self.loss(descriptors, places, chosen)
            teaching = teaching_share(self.loss, descriptors, places, chosen)
        return ObjectiveValue(value, teaching)


def build_loss(config: LossConfig) -> BaseMetricLossFunction:
    """The loss of pytorch-metric-learning that the options name.

    Contrastive and triplet losses measure L2 distance, multi-similarity measures cosine
    similarity; contrastive averages the pairs (positives and negatives each for themselves) and
    triplet the triplets whose loss is not zero.
    """
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


def build_miner(config: MinerConfig) -> BaseMiner | None:
    """The miner of pytorch-metric-learning that the options name; None where there is none."""
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
