"""BoQ: learnt queries that attend to the map, layer by layer."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import BoQConfig
from beenhere.models.aggregators.base import Aggregator, MapShape


class BoQLayer(nn.Module):
    """One encoder layer over the positions, and a bag of queries that look at what it gives.

    ``x = encoder(x)``; ``q = LN(Q + MHA(Q, Q, Q))`` of learnt Q, the same for every image;
    ``o = LN(MHA(q, x, x))``. The encoder is a transformer layer with its norms behind (Vaswani et
    al., 2017), ``4 d`` hidden, ReLU.
    """

    def __init__(self, channels: int, queries: int) -> None:
        super().__init__()
        heads = channels // 64
        self.encoder = nn.TransformerEncoderLayer(
            channels, heads, dim_feedforward=4 * channels, dropout=0.0, batch_first=True
        )
        self.queries = nn.Parameter(torch.randn(1, queries, channels))
        self.self_attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.query_norm = nn.LayerNorm(channels)
        self.cross_attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(B, n, d)`` to the same, encoded, and ``(B, queries, d)``."""
        x = self.encoder(x)
        asked, _ = self.self_attention(self.queries, self.queries, self.queries, need_weights=False)
        asked = self.query_norm(self.queries + asked).expand(len(x), -1, -1)
        seen, _ = self.cross_attention(asked, x, x, need_weights=False)
        return x, self.norm(seen)


class BoQ(Aggregator):
    """A 3 x 3 convolution, LayerNorm, layers of :class:`BoQLayer`, a linear layer over all queries.

    The outputs of all layers, ``(B, layers * queries, d)``, are brought to ``out_rows`` along the
    queries and flattened with the channel first: index ``channel * out_rows + row``; D is
    ``channels * out_rows``.

    Ali-bey, Chaib-draa, Giguère: BoQ: A Place is Worth a Bag of Learnable Queries, CVPR 2024,
    section 3.
    """

    def __init__(self, config: BoQConfig, shape: MapShape) -> None:
        super().__init__()
        self.conv = nn.Conv2d(shape.channels, config.channels, 3, padding=1)
        self.norm = nn.LayerNorm(config.channels)
        self.layers = nn.ModuleList(
            BoQLayer(config.channels, config.queries) for _ in range(config.layers)
        )
        self.rows = nn.Linear(config.layers * config.queries, config.out_rows)
        self.descriptor_dim = config.channels * config.out_rows

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        x = self.norm(self.conv(maps).flatten(2).transpose(1, 2))
        found = []
        for layer in self.layers:
            x, seen = layer(x)
            found.append(seen)
        rows = self.rows(torch.cat(found, dim=1).transpose(1, 2))
        return F.normalize(rows.float().flatten(1), dim=1)
