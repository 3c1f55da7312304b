"""Visual place recognition: train a model, prove how good it is, find the same place.

The names below are loaded when they are first used, so that ``import beenhere`` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from beenhere.errors import BeenhereError
    from beenhere.evaluation.compare_runs import compare
    from beenhere.evaluation.evaluate import evaluate
    from beenhere.models.load import load_model
    from beenhere.models.wrapped import wrap
    from beenhere.photos.formats import read_photos
    from beenhere.photos.table import PhotoTable
    from beenhere.retrieval.index import Index

_HOMES = {
    "BeenhereError": "beenhere.errors",
    "Index": "beenhere.retrieval.index",
    "PhotoTable": "beenhere.photos.table",
    "compare": "beenhere.evaluation.compare_runs",
    "evaluate": "beenhere.evaluation.evaluate",
    "load_model": "beenhere.models.load",
    "read_photos": "beenhere.photos.formats",
    "wrap": "beenhere.models.wrapped",
}

__all__ = [
    "BeenhereError",
    "Index",
    "PhotoTable",
    "compare",
    "evaluate",
    "load_model",
    "read_photos",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'beenhere' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
