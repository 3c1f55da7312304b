"""CosPlace: L2, GeM, linear, L2."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import CosPlaceConfig
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.aggregators.gem import generalised_mean


class CosPlace(Aggregator):
    """Every position brought to length 1, GeM over positions, a linear layer, then L2.

    ``d = W GeM_p(x_hw / |x_hw|) + b``, ``(B, C, h, w) -> (B, out_dim)``; p is trained.

    Berton, Masone, Caputo: Rethinking Visual Geo-localization for Large-Scale Applications, 2022.
    """

    def __init__(self, config: CosPlaceConfig, shape: MapShape) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(config.p))
        self.eps = config.eps
        self.linear = nn.Linear(shape.channels, config.out_dim)
        self.descriptor_dim = config.out_dim

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, out_dim)``, float32."""
        pooled = generalised_mean(F.normalize(maps.float(), dim=1), self.p, self.eps)
        return F.normalize(self.linear(pooled).float(), dim=1)
