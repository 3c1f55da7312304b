"""Second-order pooling, whitened by what differs within places, and what training adds to it."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from beenhere.config.models import SqrtCovConfig, WhitenedCovConfig
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.aggregators.sqrt_cov import SqrtCov


class WhitenedCov(Aggregator):
    """:class:`SqrtCov`, a whitening that training photos give, and a residual that begins at zero.

    Of the covariance's root less its mean, ``c = SqrtCov(X) - m``, ``(B, C (C + 1) / 2)``, the
    parts ``z = U c`` along r directions are weighed, ``w = c + U' (g z)``, and a residual is added
    to what became of them: ``d = L2(w / |w| + U' W2 relu(W1 s x + b1) / s)`` with
    ``x = (1 + g) z / |w|`` and s the root of r, ``(B, C, h, w) -> (B, C (C + 1) / 2)``. W2 begins
    at zero: before its first step a model finds places as well as by the whitening, which takes no
    step at all, and training starts from there.

    m, U and g come from :meth:`begin`, which training calls before its first step, and then stay;
    W1, b1 and W2 are trained. Until then m, U and g are zero, and d is that of :class:`SqrtCov`.

    Whitening by photos of the same place: Mikolajczyk and Matas, "Improving Descriptors for Fast
    Tree Matching by Optimal Linear Projection", ICCV 2007. A residual that begins at zero: Goyal et
    al., "Accurate, Large Minibatch SGD", 2017, section 5.1.
    """

    mean: torch.Tensor
    directions: torch.Tensor
    gains: torch.Tensor

    def __init__(self, config: WhitenedCovConfig, shape: MapShape) -> None:
        super().__init__()
        self.pool = SqrtCov(SqrtCovConfig(), shape)
        self.descriptor_dim = self.pool.descriptor_dim
        self.register_buffer("mean", torch.zeros(self.descriptor_dim))
        self.register_buffer("directions", torch.zeros(config.directions, self.descriptor_dim))
        self.register_buffer("gains", torch.zeros(config.directions))
        self.hidden = nn.Linear(config.directions, config.hidden)
        self.residual = nn.Linear(config.hidden, config.directions, bias=False)
        nn.init.zeros_(self.residual.weight)

    @torch.no_grad()
    def begin(
        self,
        mean: NDArray[np.float32],
        directions: NDArray[np.float32],
        gains: NDArray[np.float32],
    ) -> None:
        """Take a whitening; of more directions the first, of fewer all.

        Args:
            mean: ``(D,)`` of the pooled covariance roots of training photos.
            directions: ``(n, D)``, each of length 1, orthogonal, those of most variance first.
            gains: ``(n,)`` what is added to each direction as a share of itself.
        """
        known = min(len(directions), len(self.directions))
        self.mean.copy_(torch.from_numpy(mean))
        self.directions.zero_()[:known] = torch.from_numpy(directions[:known])
        self.gains.zero_()[:known] = torch.from_numpy(gains[:known])

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        with torch.autocast(maps.device.type, enabled=False):
            centred = self.pool(maps) - self.mean
            parts = F.linear(centred, self.directions)
            white = centred + (parts * self.gains) @ self.directions
            length = white.norm(dim=1, keepdim=True).clamp(min=1e-12)
            known, scale = parts * (1 + self.gains) / length, len(self.gains) ** 0.5
            added = self.residual(F.relu(self.hidden(known * scale))) / scale
            return F.normalize(white / length + added @ self.directions, dim=1)
