"""Which hashes are nearly equal, without comparing every pair.

Codes that differ in at most 8 of 64 bits differ in at most 2 of the 21 of some third of them (the
last bit takes no part): one look-up a third and way to turn two bits finds them all, which is what
faiss' multi-index hash does (Norouzi, Punjani and Fleet, Fast search in Hamming space with
multi-index hashing, 2012).
"""

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.datasets.doctor.perceptual_hash import Codes
from beenhere.progress import progress

COARSE_BITS = 8
"""Of the coarse hash, that may differ: three thirds with two bits each, and two more."""

_THIRDS, _THIRD_BITS, _FLIPS = 3, 21, 2
_BLOCK = 512
_SHOWN = 50_000
"""Photos from which on the search takes long enough to show how far it is."""
_MOST = 200
"""Pairs that one photo may be in: a thousand frames of a parked car are a million pairs."""

Rows = NDArray[np.intp]


def near_pairs(
    coarse: Codes, fine: Codes, part: Rows, most: int
) -> tuple[Rows, Rows, NDArray[np.int64]]:
    """Pairs of different photos whose hashes are nearly equal.

    Args:
        coarse: ``(n, 8)``. fine: ``(n, 32)``; see :mod:`perceptual_hash`.
        part: ``(n,)``. Of one photo no more than the 200 best pairs with photos after it are
            given, those with photos of another part first.
        most: bits of the fine hash that may differ; of the coarse one, :data:`COARSE_BITS`.

    Returns:
        Rows ``a < b`` of ``(pairs,)`` photos each, and how many bits of the fine hash differ.
    """
    empty = np.zeros(0, np.intp)
    found = [(empty, empty, np.zeros(0, np.int64))]
    index = faiss.IndexBinaryMultiHash(8 * coarse.shape[1], _THIRDS, _THIRD_BITS)
    index.nflip = _FLIPS
    codes = np.ascontiguousarray(coarse)
    index.add(codes)
    with progress("near copies", len(codes), _SHOWN) as advance:
        for start in range(0, len(codes), _BLOCK):
            block = codes[start : start + _BLOCK]
            limits, _, hits = index.range_search(block, COARSE_BITS + 1)  # faiss: less than
            each = np.diff(limits.astype(np.int64)).astype(np.int64)
            left, right = np.repeat(np.arange(len(block)), each) + start, hits.astype(np.intp)
            left, right = left[right > left], right[right > left]
            bits = np.bitwise_count(fine[left] ^ fine[right]).sum(axis=1, dtype=np.int64)
            near = np.flatnonzero(bits <= most)
            left, right, bits = left[near], right[near], bits[near]
            best = _best(left, part[left] == part[right], bits)
            found.append((left[best], right[best], bits[best]))
            advance(len(block))
    a, b, bits = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return a, b, bits


def _best(left: Rows, within: NDArray[np.bool_], bits: NDArray[np.int64]) -> Rows:
    """Of each photo on the left the best pairs."""
    order = np.lexsort((bits, within, left))
    ordered = left[order]
    return order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < _MOST]
