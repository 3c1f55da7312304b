"""Second-order pooling brought to fewer numbers, and what training adds to it."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from beenhere.config.models import SqrtCovConfig, SqrtCovPCAConfig
from beenhere.errors import ModelError
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.aggregators.sqrt_cov import SqrtCov


class SqrtCovPCA(Aggregator):
    """:class:`SqrtCov`, a linear map that training photos give, and a residual that begins at zero.

    Of the covariance's root ``c = SqrtCov(X)``, ``(B, C (C + 1) / 2)``: ``x = L2(P (c - m))`` and
    ``d = L2(x + W2 relu(W1 s x + b1) / s)``, ``(B, C, h, w) -> (B, out_dim)``, where s, the root of
    ``out_dim``, brings the numbers of x to about 1. W2 begins at zero, so a model finds places
    before its first step as well as its pooling does, and training starts from there.

    m and P are learned by :meth:`begin`, which training calls before its first step, and then stay:
    W1, b1 and W2 are trained. Until then m is zero and P a random projection.

    The residual that begins at zero is that of Goyal et al., "Accurate, Large Minibatch SGD", 2017,
    section 5.1.

    Raises:
        ModelError: more numbers are asked for than there are to project.
    """

    mean: torch.Tensor
    projection: torch.Tensor

    def __init__(self, config: SqrtCovPCAConfig, shape: MapShape) -> None:
        super().__init__()
        self.pool = SqrtCov(SqrtCovConfig(), shape)
        self.descriptor_dim, size = config.out_dim, self.pool.descriptor_dim
        if config.out_dim > size:
            raise ModelError(
                f"model.aggregator.out_dim is {config.out_dim}; the roots of {shape.channels} "
                f"channels have {size:,} numbers: expected no more"
            )
        generator = torch.Generator().manual_seed(config.seed)
        projection = torch.randn(config.out_dim, size, generator=generator) / size**0.5
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("projection", projection)
        self.hidden = nn.Linear(config.out_dim, config.hidden)
        self.residual = nn.Linear(config.hidden, config.out_dim, bias=False)
        nn.init.zeros_(self.residual.weight)

    @torch.no_grad()
    def begin(
        self,
        mean: NDArray[np.float32],
        directions: NDArray[np.float32],
        gains: NDArray[np.float32],
    ) -> None:
        """Project by the directions in which training photos vary most, and by chance outside.

        Half of the numbers are for the directions, the strongest first, the others for what lies
        outside their span: few photos do not tell what else a photo may show. These are of the
        random projection that is there, made orthogonal to the directions.

        Args:
            mean: ``(D,)`` of the pooled covariance roots of training photos.
            directions: ``(r, D)`` principal directions of length 1, strongest first.
            gains: ``(r,)`` what is added to each direction as a share of itself.
        """
        known = min(len(directions), self.descriptor_dim // 2)
        axes = torch.from_numpy(directions[:known]).to(self.projection)
        weights = 1 + torch.from_numpy(gains[:known]).to(self.projection)
        outside = self.projection[known:]
        outside = outside - (outside @ axes.mT) @ axes
        # A projection by chance to orthonormal rows shortens by the root of the share of numbers.
        outside = torch.linalg.qr(outside.mT).Q.mT
        outside *= ((axes.shape[1] - known) / max(1, len(outside))) ** 0.5
        self.projection.copy_(torch.cat([axes * weights[:, None], outside]))
        self.mean.copy_(torch.from_numpy(mean))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        with torch.autocast(maps.device.type, enabled=False):
            centred = self.pool(maps) - self.mean
            start = F.normalize(F.linear(centred, self.projection), dim=1)
            scale = self.descriptor_dim**0.5
            added = self.residual(F.relu(self.hidden(start * scale)))
            return F.normalize(start + added / scale, dim=1)
