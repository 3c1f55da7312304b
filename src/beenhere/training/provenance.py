"""Where a model comes from: which versions, on which machine."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch

from beenhere import __version__
from beenhere.devices import cores

PACKAGES = ("torch", "torchvision", "timm", "lightning", "pytorch-metric-learning")


def versions() -> dict[str, str]:
    """Of Python and of the packages that training takes besides the model's own."""
    own = {"beenhere": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PACKAGES}


def hardware() -> dict[str, str]:
    """The machine in words: ``processor``, ``cores``, ``memory``, ``gpu`` where there is one."""
    found = {"processor": _processor(), "cores": str(cores()), "memory": _memory()}
    if torch.cuda.is_available():
        count, name = torch.cuda.device_count(), torch.cuda.get_device_name(0)
        found["gpu"] = name if count == 1 else f"{count} x {name}"
    return {name: text for name, text in found.items() if text}


def _processor() -> str:
    return _proc("cpuinfo", "model name") or platform.processor() or platform.machine()


def _memory() -> str:
    kibibytes = _proc("meminfo", "MemTotal").removesuffix("kB").strip()
    return f"{int(kibibytes) / 2**20:.0f} GiB" if kibibytes else ""


def _proc(file: str, field: str) -> str:
    """A field of a file of Linux's ``/proc``; empty elsewhere."""
    path = Path("/proc") / file
    if not path.exists():
        return ""
    lines = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == field), "")
