"""SALAD: local features brought to clusters by optimal transport, and a global token."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from beenhere.config.models import SALADConfig
from beenhere.errors import ModelError
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.features import Features

SEEN = 0.01
"""Attention below it counts as none."""


class SALAD(Aggregator):
    """Sums of local features over clusters, weighed by a transport plan, beside a global token.

    With n positions, m clusters and ``P = transport(scores)`` of :func:`transport_plan`:
    ``V_k = sum_n P_kn f_n`` of local features f ``(B, cluster_dim, n)``, each ``V_k`` of length 1,
    flattened with the cluster last; the descriptor is ``L2(concat(L2(token), V))``, D is
    ``token_dim + cluster_dim * clusters``. Scores, f and token are MLPs of two layers of the map
    and of the class token.

    Izquierdo and Civera: Optimal Transport Aggregation for Visual Place Recognition, CVPR 2024,
    section 3.

    The dust bin's score is one learnt number; with ``dust_bin="attention"`` it is, for each
    position, 1 less the class token's attention there (:func:`~beenhere.models.features.
    class_attention`), where that is 0.01 or more, else 1 (Wang et al.: Focus on Local, AAAI 2025).

    Raises:
        ModelError: built on a network without a class token, or without the attention that is asked
            for, or given a map of no more positions
            than there are clusters, for which no plan exists.
    """

    takes_tokens = True
    dust_bin: torch.Tensor

    def __init__(self, config: SALADConfig, shape: MapShape) -> None:
        super().__init__()
        if not shape.class_token:
            raise ModelError(
                "salad needs a class token and this backbone has none; take a vision transformer, "
                "such as model.backbone.name=vit_base_patch14_dinov2.lvd142m"
            )
        self.iterations, self.clusters = config.iterations, config.clusters
        self.token = nn.Sequential(
            nn.Linear(shape.channels, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.token_dim),
        )
        self.local = _pointwise(shape.channels, config, config.cluster_dim)
        self.scores = _pointwise(shape.channels, config, config.clusters)
        self.takes_attention = config.dust_bin == "attention"
        if self.takes_attention and not shape.attention:
            raise ModelError(
                "model.aggregator.dust_bin=attention is for vision transformers of timm's own "
                "blocks, such as vit_base_patch14_dinov2.lvd142m; set it to learnt"
            )
        self.register_parameter(
            "dust_bin", None if self.takes_attention else nn.Parameter(torch.tensor(1.0))
        )
        self.descriptor_dim = config.token_dim + config.cluster_dim * config.clusters

    def forward(self, features: Features) -> torch.Tensor:
        """Features with a map ``(B, C, h, w)`` to ``(B, D)``, float32."""
        positions = features.maps.shape[2] * features.maps.shape[3]
        if positions <= self.clusters:
            raise ModelError(
                f"salad got a map of {positions} positions for its {self.clusters} clusters; it "
                "needs more positions than clusters: give it larger images"
            )
        assert features.class_token is not None
        local = self.local(features.maps).flatten(2)
        scores = self.scores(features.maps).flatten(2)
        token = self.token(features.class_token)
        with torch.autocast(local.device.type, enabled=False):
            dust_bin = self.dust_bin
            if features.attention is not None:
                seen = features.attention.flatten(1)[:, None]
                dust_bin = 1 - torch.where(seen >= SEEN, seen, 0.0)
            plan = transport_plan(scores.float(), dust_bin, self.iterations)
            sums = torch.einsum("bln,bkn->blk", local.float(), plan)
            clusters = F.normalize(sums, dim=1).flatten(1)
            return F.normalize(torch.cat([F.normalize(token.float(), dim=1), clusters], 1), dim=1)


def _pointwise(channels: int, config: SALADConfig, out: int) -> nn.Sequential:
    """An MLP of two layers at each position of a map."""
    return nn.Sequential(
        nn.Conv2d(channels, config.hidden, 1),
        nn.Dropout(config.dropout),
        nn.ReLU(),
        nn.Conv2d(config.hidden, out, 1),
    )


def transport_plan(scores: torch.Tensor, dust_bin: torch.Tensor, iterations: int) -> torch.Tensor:
    """How much of each local feature goes to each cluster.

    Entropy-regularised optimal transport by Sinkhorn's algorithm on logarithms. Each of the n
    features has mass 1 and each of the m clusters takes 1; a further row, the dust bin, scored the
    same for all features, takes the other ``n - m``.

    Sarlin et al.: SuperGlue, CVPR 2020, section 3.2; Cuturi: Sinkhorn Distances, 2013.

    Args:
        scores: ``(B, m, n)``, float32, with n > m.
        dust_bin: the score of the dust bin, one number or ``(B, 1, n)``.
        iterations: of the algorithm; few leave the row sums near 1 and not at it.

    Returns:
        ``(B, m, n)``, without the dust bin.
    """
    batch, clusters, features = scores.shape
    rows = torch.cat([scores, dust_bin.expand(batch, 1, features).to(scores.dtype)], dim=1)
    norm = -math.log(clusters + features)
    log_rows = torch.full((clusters + 1, 1), norm, dtype=scores.dtype, device=scores.device)
    log_rows[-1] += math.log(features - clusters)
    columns = torch.zeros(batch, 1, features, dtype=scores.dtype, device=scores.device)
    for _ in range(iterations):
        by_row = log_rows - torch.logsumexp(rows + columns, dim=2, keepdim=True)
        columns = norm - torch.logsumexp(rows + by_row, dim=1, keepdim=True)
    return torch.exp(rows + by_row + columns - norm)[:, :-1]
