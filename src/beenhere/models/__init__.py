"""VPR models: a timm backbone, an aggregator, their preprocessing; saving and loading them."""

from beenhere.models.backbones import Backbone
from beenhere.models.checkpoint import save_checkpoint
from beenhere.models.load import load_model, read_provenance
from beenhere.models.model import VPRModel, build_model

__all__ = [
    "Backbone",
    "VPRModel",
    "build_model",
    "load_model",
    "read_provenance",
    "save_checkpoint",
]
