"""Tokens: what a backbone's learnt tokens have gathered, as it is."""

import torch
import torch.nn.functional as F

from beenhere.config.models import TokensAggregatorConfig
from beenhere.errors import ModelError
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.features import Features


class Tokens(Aggregator):
    """The learnt tokens of ``model.backbone.tokens`` flattened, then L2: ``(B, T, C) -> (B, T C)``.

    The transformer's own attention aggregates: tokens that are put among its others in a later
    block leave it as a description of the image.

    Lu et al.: Towards Implicit Aggregation: Robust Image Representation for Place Recognition in
    the Transformer Era (ImAge), NeurIPS 2025.

    Raises:
        ModelError: the backbone has none.
    """

    takes_tokens = True

    def __init__(self, config: TokensAggregatorConfig, shape: MapShape) -> None:
        super().__init__()
        if not shape.tokens:
            raise ModelError(
                "the aggregator tokens takes a backbone's learnt tokens, and it has none; set "
                "model.backbone.tokens.count and before"
            )
        self.descriptor_dim = shape.tokens * shape.channels

    def forward(self, features: Features) -> torch.Tensor:
        """Features with tokens ``(B, T, C)`` to ``(B, D)``, float32."""
        assert features.tokens is not None
        return F.normalize(features.tokens.float().flatten(1), dim=1)
