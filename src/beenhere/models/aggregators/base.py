"""What every aggregator is: feature maps in, L2-normalised descriptors out."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class MapShape(NamedTuple):
    """The feature maps that an aggregator will get.

    Attributes:
        channels: C of ``(B, C, h, w)``.
        size: ``(h, w)`` where all images have one size, else None.
    """

    channels: int
    size: tuple[int, int] | None


class Aggregator(nn.Module):
    """Base of the aggregators.

    A child is built as ``Child(config, shape)`` from its own options and a :class:`MapShape`; its
    ``forward`` turns feature maps ``(B, C, h, w)`` into float32 descriptors ``(B, D)`` of length 1,
    also under autocast. A map of zeros gives finite numbers.

    Attributes:
        descriptor_dim: D.
    """

    descriptor_dim: int


def l2_normalise(vectors: torch.Tensor) -> torch.Tensor:
    """``v / max(|v|, 1e-12)`` along dimension 1, in float32 whatever the type that comes in."""
    return F.normalize(vectors.float(), dim=1)
