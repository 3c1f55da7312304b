"""A linear layer behind an aggregator, and L2."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from beenhere.config.models import ProjectionConfig


class Projection(nn.Module):
    """``L2(W d + b)`` of an aggregator's descriptors, ``(B, D) -> (B, out_dim)``.

    Attributes:
        start: ``"pca"`` where a training begins with the principal directions of its own photos.
    """

    def __init__(self, config: ProjectionConfig, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, config.out_dim)
        self.start, self.descriptor_dim = config.start, config.out_dim

    @torch.no_grad()
    def begin(self, mean: NDArray[np.float32], directions: NDArray[np.float32]) -> None:
        """Start from principal directions; where there are fewer than ``out_dim``, the others stay.

        Args:
            mean: ``(D,)`` of descriptors of training photos.
            directions: ``(n, D)``, those of most variance first.
        """
        known = min(len(directions), len(self.linear.weight))
        rows = torch.from_numpy(np.ascontiguousarray(directions[:known]))
        self.linear.weight[:known] = rows.to(self.linear.weight)
        self.linear.bias[:known] = -(rows @ torch.from_numpy(mean)).to(self.linear.bias)

    def forward(self, descriptors: torch.Tensor) -> torch.Tensor:
        """``(B, D) -> (B, out_dim)``, float32."""
        return F.normalize(self.linear(descriptors).float(), dim=1)
