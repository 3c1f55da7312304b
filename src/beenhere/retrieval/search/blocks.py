"""A database of several segments, read once from beginning to end in blocks."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.search.vectors import StoredVectors

Block = tuple[StoredVectors, NDArray[np.int64]]
"""Some vectors, at least one, and their rows in the whole database, ``(b,)`` ascending."""


def blocks(
    segments: Sequence[StoredVectors], size: int, allowed: NDArray[np.bool_] | None
) -> Iterator[Block]:
    """Every vector, or every one that is allowed, in blocks of up to ``size``.

    What is not allowed is not read: of a stretch with gaps the allowed rows are gathered, so a few
    rows that lie far apart still make whole blocks.

    Args:
        segments: rows are numbered through all of them.
        size: vectors at once.
        allowed: ``(n,)``, or None for all.
    """
    first = 0
    for segment in segments:
        last = first + len(segment)
        inside = None if allowed is None else np.flatnonzero(allowed[first:last])
        for start in range(0, len(segment) if inside is None else len(inside), size):
            if inside is None:
                rows = np.arange(start, min(start + size, len(segment)))
            else:
                rows = inside[start : start + size]
            if rows[-1] - rows[0] == len(rows) - 1:
                yield segment.part(int(rows[0]), int(rows[-1]) + 1), rows + first
            else:
                yield segment.chosen(rows), rows + first
        first = last


def split(
    segments: Sequence[StoredVectors], row: int
) -> tuple[list[StoredVectors], list[StoredVectors]]:
    """What lies before a row, and what begins with it."""
    before, after = [], []
    for segment in segments:
        if row >= len(segment):
            before.append(segment)
        elif row <= 0:
            after.append(segment)
        else:
            before.append(segment.part(0, row))
            after.append(segment.part(row, len(segment)))
        row -= len(segment)
    return before, after


def take(segments: Sequence[StoredVectors], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of the rows that are named, ``(len(rows), D)``, in that order."""
    taken = np.empty((len(rows), segments[0].dim), np.float32)
    first = 0
    for segment in segments:
        inside = np.flatnonzero((rows >= first) & (rows < first + len(segment)))
        taken[inside] = segment.take(rows[inside] - first)
        first += len(segment)
    return taken
