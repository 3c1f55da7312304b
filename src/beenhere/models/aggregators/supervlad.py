"""SuperVLAD: soft-assigned sums of local features, without cluster centres."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import SuperVLADConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class SuperVLAD(Aggregator):
    """Sums of local features over few clusters, each of length 1, flattened, then L2.

    With ``f = x_hw / |x_hw|`` and ``a = softmax(W f)`` over clusters and ghosts:
    ``V_k = sum_hw a_k f``; ghosts are dropped. ``(B, C, h, w) -> (B, clusters * C)``, the cluster
    first. Unlike NetVLAD no centres are taken off.

    Lu et al.: SuperVLAD: Compact and Robust Image Descriptors for Visual Place Recognition,
    NeurIPS 2024, section 3.
    """

    def __init__(self, config: SuperVLADConfig, shape: MapShape) -> None:
        super().__init__()
        self.clusters = config.clusters
        self.assign = nn.Conv2d(shape.channels, config.clusters + config.ghosts, 1, bias=False)
        self.descriptor_dim = config.clusters * shape.channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        local = F.normalize(maps.float(), dim=1)
        shares = self.assign(local).float().softmax(dim=1).flatten(2)[:, : self.clusters]
        with torch.autocast(maps.device.type, enabled=False):
            sums = F.normalize(shares @ local.flatten(2).transpose(1, 2), dim=2)
            return F.normalize(sums.flatten(1), dim=1)
