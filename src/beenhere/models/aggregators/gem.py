"""GeM: generalised mean pooling."""

import torch
import torch.nn.functional as F

from beenhere.config.models import GeMConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class GeM(Aggregator):
    """Generalised mean over positions, then L2.

    ``d_c = (mean_{h,w} max(x_chw, eps)^p)^(1/p)``, ``(B, C, h, w) -> (B, C)``; one p
    for all channels, trained if ``learn_p``. p = 1 is the average, p -> infinity the maximum.

    Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No Human Annotation, 2018,
    equation 3.
    """

    p: torch.Tensor

    def __init__(self, config: GeMConfig, shape: MapShape) -> None:
        super().__init__()
        p = torch.tensor(config.p)
        if config.learn_p:
            self.p = torch.nn.Parameter(p)
        else:
            self.register_buffer("p", p)
        self.eps = config.eps
        self.descriptor_dim = shape.channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, C)``, float32."""
        return F.normalize(generalised_mean(maps, self.p, self.eps), dim=1)


def generalised_mean(maps: torch.Tensor, p: torch.Tensor, eps: float) -> torch.Tensor:
    """``(mean max(x, eps)^p)^(1/p)`` over the last two dimensions: ``(B, C, h, w) -> (B, C)``.

    In float32 whatever comes in: bfloat16 keeps 8 bits, too few to add up cubes.
    """
    x = maps.float().clamp(min=eps)
    # The mean is homogeneous, so the largest value can be taken out: nothing overflows, and a
    # channel at eps does not underflow to 0, where the gradient of the root is infinite.
    largest = x.amax(dim=(2, 3), keepdim=True).detach()
    mean = (x / largest).pow(p.float()).mean(dim=(2, 3))
    return mean.pow(1 / p.float()) * largest.flatten(1)
