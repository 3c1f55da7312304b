"""MixVPR: every position mixed with every other by MLPs along the map."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import MixVPRConfig
from beenhere.errors import ModelError
from beenhere.models.aggregators.base import Aggregator, MapShape


class MixerBlock(nn.Module):
    """``x + W2 relu(W1 LayerNorm(x) + b1) + b2`` along the last dimension, ``(B, C, n)`` both ways.

    Ali-bey et al., 2023, equation 2. Weights start from N(0, 0.02^2) truncated, biases from zero.
    """

    def __init__(self, positions: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = max(1, int(positions * mlp_ratio))
        self.mix = nn.Sequential(
            nn.LayerNorm(positions),
            nn.Linear(positions, hidden),
            nn.ReLU(),
            nn.Linear(hidden, positions),
        )
        for layer in self.mix:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, C, n) -> (B, C, n)``."""
        mixed: torch.Tensor = self.mix(x)
        return x + mixed


class MixVPR(Aggregator):
    """Mixer blocks along positions, a linear layer over channels, one over positions, then L2.

    With ``n = h * w`` and X the maps as ``(B, C, n)``: ``Z = blocks(X)``, ``Z' = Wd Z`` over
    channels ``(B, out_channels, n)``, ``O = Wr Z'`` over positions ``(B, out_channels, out_rows)``,
    flattened channel first: index ``channel * out_rows + row``; D is ``out_channels * out_rows``.

    The layers along positions have n inputs, so h and w are fixed when the model is built.

    Ali-bey, Chaib-draa, Giguère: MixVPR: Feature Mixing for Visual Place Recognition, 2023,
    equations 1 to 5.

    Raises:
        ModelError: built without a map size, or given maps of another size.
    """

    def __init__(self, config: MixVPRConfig, shape: MapShape) -> None:
        super().__init__()
        if shape.size is None:
            raise ModelError(
                "mixvpr's layers are tied to one image size and there is none; set "
                "model.preprocessing.image_size (such as [320, 320]) and keep_aspect to false"
            )
        self.map_size = shape.size
        positions = shape.size[0] * shape.size[1]
        self.blocks = nn.Sequential(
            *(MixerBlock(positions, config.mlp_ratio) for _ in range(config.depth))
        )
        self.channels = nn.Linear(shape.channels, config.out_channels)
        self.rows = nn.Linear(positions, config.out_rows)
        self.descriptor_dim = config.out_channels * config.out_rows

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        if tuple(maps.shape[2:]) != self.map_size:
            got, expected = tuple(maps.shape[2:]), self.map_size
            raise ModelError(
                f"mixvpr got maps of {got[0]} x {got[1]}; it was built for "
                f"{expected[0]} x {expected[1]}: give it images of the size it was built with"
            )
        mixed = self.blocks(maps.flatten(2))
        projected = self.channels(mixed.transpose(1, 2)).transpose(1, 2)
        return F.normalize(self.rows(projected).float().flatten(1), dim=1)
