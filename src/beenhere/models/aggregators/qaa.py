"""QAA: learnt queries that score the map for codes, and learnt features that are summed by them."""

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import QAAConfig
from beenhere.models.aggregators.base import Aggregator, MapShape

_HEADS = 16


class _Queries(nn.Module):
    """Learnt queries that have attended to each other: ``LN(Q + MHA(Q, Q, Q))``, ``(1, n, d)``."""

    def __init__(self, queries: int, dim: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, queries, dim))
        self.attention = nn.MultiheadAttention(dim, _HEADS, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self) -> torch.Tensor:
        seen, _ = self.attention(self.queries, self.queries, self.queries, need_weights=False)
        return self.norm(self.queries + seen)  # type: ignore[no-any-return]


class QAA(Aggregator):
    """Features of learnt queries, summed by what other queries score the image for.

    ``S = LN(MHA(Q_s, x, x))`` of the positions x, ``P = W S`` scores each of n queries for K
    clusters, and ``V_k = sum_n P_nk F_n`` of n learnt features F, the same for every image; each
    ``V_k`` of length 1, flattened with the cluster last; D is ``feature_dim * clusters``.

    Xiao et al.: Query-Based Adaptive Aggregation for Multi-Dataset Joint Training Toward Universal
    Visual Place Recognition, 2025.
    """

    def __init__(self, config: QAAConfig, shape: MapShape) -> None:
        super().__init__()
        self.features = _Queries(config.queries, config.feature_dim)
        self.asked = _Queries(config.queries, shape.channels)
        self.attention = nn.MultiheadAttention(shape.channels, _HEADS, batch_first=True)
        self.norm = nn.LayerNorm(shape.channels)
        self.codes = nn.Conv1d(shape.channels, config.clusters, 1)
        self.descriptor_dim = config.feature_dim * config.clusters

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``(B, C, h, w) -> (B, D)``, float32."""
        x = maps.flatten(2).transpose(1, 2)
        asked = self.asked().expand(len(x), -1, -1)
        seen, _ = self.attention(asked, x, x, need_weights=False)
        codes = self.codes(self.norm(seen).transpose(1, 2))
        features = self.features()[0]
        with torch.autocast(maps.device.type, enabled=False):
            sums = torch.einsum("bkn,nd->bdk", codes.float(), features.float())
            return F.normalize(F.normalize(sums, dim=1).flatten(1), dim=1)
