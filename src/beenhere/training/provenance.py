"""Where a model comes from: which versions."""

import platform
from importlib.metadata import version

PACKAGES = ("torchvision", "lightning", "pytorch-metric-learning")


def versions() -> dict[str, str]:
    """Of Python and of the packages that training takes besides the model's own."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
