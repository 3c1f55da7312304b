"""How many processor cores there are to use."""

import os


def cores() -> int:
    """Processor cores that this process may use; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
