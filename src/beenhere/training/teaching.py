"""How much of a batch still teaches: the share of its pairs or triplets with a say in the loss.

Near 0 a loss has run dry: its margins are met, and a miner, harder batches or another loss are due.
"""

import torch
from pytorch_metric_learning.losses import (
    BaseMetricLossFunction,
    ContrastiveLoss,
    MultiSimilarityLoss,
    TripletMarginLoss,
)
from pytorch_metric_learning.utils.loss_and_miner_utils import get_matches_and_diffs
from torch import Tensor

Indices = tuple[Tensor, ...]
"""Rows of a batch: anchor and positive, anchor and negative of pairs (4), or of triplets (3)."""

FAIR = 0.1
"""Multi-similarity spreads a weight of at most 1 over an anchor's positives, and one over its
negatives. A pair teaches if it gets more than this part of what an even spread would give it."""


@torch.no_grad()
def teaching_share(
    loss: BaseMetricLossFunction, descriptors: Tensor, places: Tensor, chosen: Indices
) -> Tensor:
    """Of all pairs (with a triplet loss, of all triplets) in a batch, the share that teaches.

    A pair or triplet teaches if it was chosen and moves the loss: with the contrastive and the
    triplet loss if its part of it is not zero, with multi-similarity, where no weight is ever
    quite zero, if its weight is more than :data:`FAIR` of an even one.

    Args:
        loss: one of the three.
        descriptors: ``(B, D)`` float32.
        places: ``(B,)`` integer labels.
        chosen: pairs or triplets that the miner let through, as the loss takes them.

    Returns:
        Scalar in [0, 1]; 0 for a batch without pairs.
    """
    positive, negative = (mask.bool() for mask in get_matches_and_diffs(places))
    if isinstance(loss, TripletMarginLoss):
        a, p, n = chosen
        distance = loss.distance(descriptors)
        violated = distance[a, p] - distance[a, n] + loss.margin > 0
        return _share(violated.sum(), (positive.sum(1) * negative.sum(1)).sum())
    # Pairs made of triplets repeat; a mask counts each once.
    pulled, pushed = torch.zeros_like(positive), torch.zeros_like(negative)
    pulled[chosen[0], chosen[1]] = True
    pushed[chosen[2], chosen[3]] = True
    if isinstance(loss, ContrastiveLoss):
        distance = loss.distance(descriptors)
        pulled &= distance > loss.pos_margin
        pushed &= distance < loss.neg_margin
    elif isinstance(loss, MultiSimilarityLoss):
        similarity = loss.distance(descriptors) - loss.base
        pulled = _weight(-loss.alpha * similarity, pulled) > FAIR / positive.sum(1, keepdim=True)
        pushed = _weight(loss.beta * similarity, pushed) > FAIR / negative.sum(1, keepdim=True)
    return _share(pulled.sum() + pushed.sum(), positive.sum() + negative.sum())


def _weight(exponent: Tensor, mask: Tensor) -> Tensor:
    """exp(e) / (1 + sum of exp(e)) over the masked of each row: the loss's slope in a similarity.

    Wang et al., 2019, equation 14.
    """
    one = torch.zeros_like(exponent[:, :1])
    masked = exponent.masked_fill(~mask, -torch.inf)
    return torch.softmax(torch.cat([one, masked], dim=1), dim=1)[:, 1:]


def _share(part: Tensor, total: Tensor) -> Tensor:
    return part / total.clamp(min=1)
