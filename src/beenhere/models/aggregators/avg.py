"""Avg: global average pooling, the study's baseline."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import AvgConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class Avg(Aggregator):
    """Mean over positions, a linear layer, then L2.

    ``d = W mean_{h,w}(x) + b``, ``(B, C, h, w) -> (B, out_dim)``. Without ``out_dim`` there is no
    linear layer and D is C.

    Babenko, Lempitsky: Aggregating Deep Convolutional Features for Image Retrieval, 2015 (the sum,
    the same after L2).
    """

    def __init__(self, config: AvgConfig, shape: MapShape) -> None:
        super().__init__()
        self.linear = (
            nn.Identity() if config.out_dim is None else nn.Linear(shape.channels, config.out_dim)
        )
        self.descriptor_dim = config.out_dim or shape.channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        return F.normalize(self.linear(maps.float().mean(dim=(2, 3))).float(), dim=1)
