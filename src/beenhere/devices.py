"""Processor cores, devices and what they compute in; processes that end with their parent."""

import os
import platform
import threading
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.errors import BeenhereError, ConfigError

if TYPE_CHECKING:  # what only counts cores shall not wait for torch
    import torch

_QUIET = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "OPENBLAS_NUM_THREADS": "1"}
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_INFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Processor cores that this process may use; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quiet_threads() -> None:
    """Have threads of OpenMP sleep while they wait, and OpenBLAS start none.

    To be called before torch and numpy are imported; what the environment says stands. Spinning, as
    they do by default, they take the cores from those that work: with busy neighbours a query took
    5 to 10 times as long. OpenBLAS multiplies for threads that compare photos side by side, which
    keep all cores busy without its own: with them a query takes a third more processor time.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def leave_with_parent() -> None:
    """Have this process, which multiprocessing started, end as soon as its parent has ended.

    A pool's workers hold the queue of their work open themselves: else those of a killed process
    would finish what is in it, and then wait for ever.
    """
    parent = parent_process()
    assert parent is not None

    def leave() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()


_threads_of: int | None = None


def use_threads() -> None:
    """To be called before threads of torch, faiss or polars compute: a fork has lost them.

    It would wait for them for ever.

    Raises:
        BeenhereError: this process was forked from one that had used them.
    """
    global _threads_of
    if _threads_of is None:
        _threads_of = os.getpid()
    elif _threads_of != os.getpid():
        raise BeenhereError(
            "this process was forked from one that has searched or described photos before, and "
            "would wait for ever for threads that a fork lacks; start it by "
            "multiprocessing.get_context('spawn'), or before the first search"
        )


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
    return device.type == "cpu" and not _CPU_FLAGS.isdisjoint(_proc(_CPU_INFO, "flags").split())


def hardware() -> dict[str, str]:
    """The machine in words: ``processor``, ``cores``, ``memory``, ``gpu`` where there is one."""
    import torch

    processor = _proc(_CPU_INFO, "model name") or platform.processor() or platform.machine()
    kibibytes = _proc(Path("/proc/meminfo"), "MemTotal").removesuffix("kB").strip()
    found = {
        "processor": processor,
        "cores": str(cores()),
        "memory": f"{int(kibibytes) / 2**20:.0f} GiB" if kibibytes else "",
    }
    if torch.cuda.is_available():
        count, name = torch.cuda.device_count(), torch.cuda.get_device_name(0)
        found["gpu"] = name if count == 1 else f"{count} x {name}"
    return {name: text for name, text in found.items() if text}


def _proc(file: Path, field: str) -> str:
    """The first value of a field of a file of Linux's ``/proc``; empty elsewhere."""
    if not file.exists():
        return ""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in fields if name.strip() == field), "")
