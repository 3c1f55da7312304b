"""Named random streams: every thing in a city draws from its own, so that none disturbs another."""

from zlib import crc32

import numpy as np


def generator(*keys: int | str) -> np.random.Generator:
    """A generator that depends on ``keys`` alone, on no call made before it.

    Args:
        keys: non-negative integers and words, such as ``(seed, "cars", street, date)``.
    """
    return np.random.default_rng([crc32(k.encode()) if isinstance(k, str) else k for k in keys])


def subseed(*keys: int | str) -> int:
    """One 63-bit integer drawn from :func:`generator`, to hand on as a seed."""
    return int(generator(*keys).integers(2**63))
