"""ConvAP: 1x1 convolution and adaptive average pooling."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import ConvAPConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class ConvAP(Aggregator):
    """A 1x1 convolution over channels, the map averaged to s1 x s2 cells, flattened, then L2.

    ``d = flatten(AAP_{s1 x s2}(W x_hw + b))``, ``(B, C, h, w) -> (B, out_channels * s1 * s2)``, the
    channel first: index ``(c * s1 + row) * s2 + column``. Cell i of n over a side of length h
    averages rows ``floor(i h / n)`` to ``ceil((i + 1) h / n) - 1``.

    Ali-bey, Chaib-draa, Giguère: GSV-Cities: Toward Appropriate Supervised Visual Place
    Recognition, 2022.
    """

    def __init__(self, config: ConvAPConfig, shape: MapShape) -> None:
        super().__init__()
        self.conv = nn.Conv2d(shape.channels, config.out_channels, kernel_size=1)
        self.pool = nn.AdaptiveAvgPool2d((config.s1, config.s2))
        self.descriptor_dim = config.out_channels * config.s1 * config.s2

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        return F.normalize(self.pool(self.conv(maps).float()).flatten(1), dim=1)
