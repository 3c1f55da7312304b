"""VPR models: a timm backbone, an aggregator, their preprocessing; saving and loading them.

The names below are loaded when they are first used: what is known of models needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beenhere.models.backbones import Backbone
    from beenhere.models.checkpoint import save_checkpoint
    from beenhere.models.load import load_model, read_provenance
    from beenhere.models.model import VPRModel, build_model

_HOMES = {
    "Backbone": "beenhere.models.backbones",
    "VPRModel": "beenhere.models.model",
    "build_model": "beenhere.models.model",
    "load_model": "beenhere.models.load",
    "read_provenance": "beenhere.models.load",
    "save_checkpoint": "beenhere.models.checkpoint",
}

__all__ = [
    "Backbone",
    "VPRModel",
    "build_model",
    "load_model",
    "read_provenance",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'beenhere.models' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
