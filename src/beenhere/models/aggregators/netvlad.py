"""NetVLAD: soft-assigned residuals to learnt centres."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import NetVLADConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class NetVLAD(Aggregator):
    """Residuals of local features to K centres, summed by soft assignment, flattened, L2.

    With ``f = x_hw / |x_hw|`` and ``a = softmax(W f + b)`` over K:
    ``V_k = sum_hw a_k (f - c_k)``, each of length 1 (intra-normalisation); ``(B, C, h, w) ->
    (B, K * C)``, the centre first. W is ``2 alpha c`` and b ``-alpha |c|^2`` at the start (equation
    3); with ``bias: false``, as is usual, b is left out, which is the same for centres of equal
    length. Training starts from k-means centres of its own photos' features (:meth:`begin`).

    Arandjelović et al.: NetVLAD: CNN Architecture for Weakly Supervised Place Recognition, CVPR
    2016, equations 1 to 4; intra-normalisation: Arandjelović and Zisserman, CVPR 2013.
    """

    def __init__(self, config: NetVLADConfig, shape: MapShape) -> None:
        super().__init__()
        self.assign = nn.Conv2d(shape.channels, config.clusters, 1, bias=config.bias)
        self.centres = nn.Parameter(torch.rand(config.clusters, shape.channels))
        self.descriptor_dim = config.clusters * shape.channels

    @torch.no_grad()
    def begin(self, centres: torch.Tensor, alpha: float) -> None:
        """Start from centres.

        Args:
            centres: ``(K, C)``.
            alpha: how sharply features are assigned; ``W = 2 alpha c``.
        """
        self.centres.copy_(centres)
        self.assign.weight.copy_(2 * alpha * centres[:, :, None, None])
        if self.assign.bias is not None:
            self.assign.bias.copy_(-alpha * centres.square().sum(dim=1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        local = F.normalize(maps.float(), dim=1)
        shares = self.assign(local).float().softmax(dim=1).flatten(2)
        with torch.autocast(maps.device.type, enabled=False):
            sums = shares @ local.flatten(2).transpose(1, 2)
            residuals = sums - shares.sum(dim=2, keepdim=True) * self.centres.float()
            return F.normalize(F.normalize(residuals, dim=2).flatten(1), dim=1)
