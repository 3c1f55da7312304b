"""Aggregators: feature maps ``(B, C, h, w)`` to descriptors ``(B, D)``, one file each."""

from beenhere.models.aggregators.avg import Avg
from beenhere.models.aggregators.base import Aggregator, MapShape
from beenhere.models.aggregators.boq import BoQ
from beenhere.models.aggregators.convap import ConvAP
from beenhere.models.aggregators.cosplace import CosPlace
from beenhere.models.aggregators.gem import GeM
from beenhere.models.aggregators.mixvpr import MixVPR
from beenhere.models.aggregators.netvlad import NetVLAD
from beenhere.models.aggregators.own import build_own_aggregator
from beenhere.models.aggregators.projection import Projection
from beenhere.models.aggregators.qaa import QAA
from beenhere.models.aggregators.salad import SALAD
from beenhere.models.aggregators.sqrt_cov import SqrtCov
from beenhere.models.aggregators.supervlad import SuperVLAD
from beenhere.models.aggregators.tokens import Tokens
from beenhere.models.aggregators.whitened_cov import WhitenedCov

AGGREGATORS: dict[str, type[Aggregator]] = {
    "avg": Avg,
    "gem": GeM,
    "cosplace": CosPlace,
    "convap": ConvAP,
    "mixvpr": MixVPR,
    "sqrt_cov": SqrtCov,
    "whitened_cov": WhitenedCov,
    "netvlad": NetVLAD,
    "salad": SALAD,
    "boq": BoQ,
    "supervlad": SuperVLAD,
    "tokens": Tokens,
    "qaa": QAA,
}
"""By the ``name`` in the options; each is built as ``AGGREGATORS[name](config, shape)``.
One of a person's own is built by :func:`build_own_aggregator`."""

__all__ = [
    "AGGREGATORS",
    "QAA",
    "SALAD",
    "Aggregator",
    "Avg",
    "BoQ",
    "ConvAP",
    "CosPlace",
    "GeM",
    "MapShape",
    "MixVPR",
    "NetVLAD",
    "Projection",
    "SqrtCov",
    "SuperVLAD",
    "Tokens",
    "WhitenedCov",
    "build_own_aggregator",
]
