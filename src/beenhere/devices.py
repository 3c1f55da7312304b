"""Processor cores, devices, and which of them compute in bfloat16."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.errors import ConfigError

if TYPE_CHECKING:  # what only counts cores shall not wait for torch
    import torch

_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_INFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Processor cores that this process may use; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_device(name: str) -> "torch.device":
    """The device of a name; ``auto`` is the first GPU where there is one, else the CPU.

    Raises:
        ConfigError: no such device on this machine.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device is {name!r}; expected auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device is {name!r}, but torch sees {torch.cuda.device_count()} GPUs; give cpu or auto"
        )
    return device


def has_bfloat16(device: "torch.device") -> bool:
    """Whether the device multiplies in bfloat16 natively; emulated it is slower than float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not _CPU_INFO.exists():
        return False
    for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("flags"):
            return not _CPU_FLAGS.isdisjoint(line.split())
    return False
