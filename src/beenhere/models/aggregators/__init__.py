"""Aggregators: feature maps ``(B, C, h, w)`` to descriptors ``(B, D)``, one file each."""

from beenhere.config.models import AggregatorConfig
from beenhere.config.options import OwnPart
from beenhere.models.aggregators.avg import Avg
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.aggregators.convap import ConvAP
from beenhere.models.aggregators.cosplace import CosPlace
from beenhere.models.aggregators.gem import GeM
from beenhere.models.aggregators.mixvpr import MixVPR
from beenhere.models.aggregators.own import build_own_aggregator
from beenhere.models.aggregators.sqrt_cov import SqrtCov
from beenhere.models.aggregators.whitened_cov import WhitenedCov

AGGREGATORS: dict[str, type[Aggregator]] = {
    "avg": Avg,
    "gem": GeM,
    "cosplace": CosPlace,
    "convap": ConvAP,
    "mixvpr": MixVPR,
    "sqrt_cov": SqrtCov,
    "whitened_cov": WhitenedCov,
}
"""By the ``name`` in the options; each is built as ``AGGREGATORS[name](config, shape)``."""


def build_aggregator(config: AggregatorConfig, shape: MapShape) -> Aggregator:
    """The aggregator that the options name, one of a person's own too.

    Raises:
        ConfigError, ModelError: see the parts and :func:`build_own_aggregator`.
    """
    if isinstance(config, OwnPart):
        return build_own_aggregator(config, shape)
    return AGGREGATORS[config.name](config, shape)


__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "Avg",
    "ConvAP",
    "CosPlace",
    "GeM",
    "MapShape",
    "MixVPR",
    "SqrtCov",
    "WhitenedCov",
    "build_aggregator",
]
