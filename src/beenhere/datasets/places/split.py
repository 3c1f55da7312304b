"""A geographic split: whole pieces of ground for training, validation and test, with a gap between.

A random split puts two photos of one wall into training and test, and the test then asks what the
model has seen. Here the ground is cut into pieces, each cut where few photos lie; pieces are dealt
out; and what lies within the gap of another part is left out.
"""

import heapq
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import SplitConfig
from beenhere.datasets.places.planes import Planes
from beenhere.errors import DataError

Rows = NDArray[np.intp]

_LEAST_SIDE = 4
"""Gaps: a piece whose longer side is shorter is not cut, or little but gap would be left of it."""


class Part(IntEnum):
    """What a photo is for; ``GAP``: left out, since it is near to a photo of another part."""

    TRAIN = 0
    VAL = 1
    TEST = 2
    GAP = 3


def split_ground(
    planes: Planes, positions: geo.Positions, config: SplitConfig
) -> NDArray[np.int64]:
    """The :class:`Part` of each photo, ``(n,)``.

    No two photos of different parts are at most the gap apart, by :func:`beenhere.geo.distance`.
    Test photos all stay; validation loses those within the gap of the test, and training those
    within the gap of either: it can spare them best. The order of the rows decides nothing but
    between equals.

    Raises:
        DataError: too little ground for the parts and the gap.
    """
    shares = {Part.TEST: config.test, Part.VAL: config.val}
    wanted = {part: share * len(positions) for part, share in shares.items() if share > 0}
    part = np.full(len(positions), Part.TRAIN, np.int64)
    if not wanted:
        return part
    largest = max(1.0, min(wanted.values()) / config.pieces)
    pieces = _cut_up(planes, largest, config.gap)
    if len(pieces) <= len(wanted):
        raise DataError(_too_little(planes, largest, len(wanted) + 1, config.gap))
    for kind, rows in _dealt(pieces, wanted, config.seed):
        part[rows] = kind
    for kind, others in ((Part.VAL, [Part.TEST]), (Part.TRAIN, [Part.TEST, Part.VAL])):
        rows = np.flatnonzero(part == kind)
        foreign = np.flatnonzero(np.isin(part, others))
        near = geo.any_within(positions[foreign], positions[rows], config.gap)
        part[rows[near]] = Part.GAP
    return part


def _cut_up(planes: Planes, largest: float, gap: float) -> list[Rows]:
    """Pieces of at most so many photos, where the gap leaves them room; in a settled order."""
    order = np.argsort(planes.area, kind="stable")
    areas = np.split(order, np.flatnonzero(np.diff(planes.area[order])) + 1)
    heap = [(-len(rows), number, rows) for number, rows in enumerate(areas)]
    heapq.heapify(heap)
    number, done = len(heap), []
    while heap:
        size, key, rows = heapq.heappop(heap)
        halves = _halves(planes, rows, gap) if -size > largest else None
        if halves is None:
            done.append((key, rows))
            continue
        for half in halves:
            heapq.heappush(heap, (-len(half), number, half))
            number += 1
    return [rows for _, rows in sorted(done, key=lambda piece: piece[0])]


def _halves(planes: Planes, rows: Rows, gap: float) -> tuple[Rows, Rows] | None:
    """Cut across the longer side, in the middle half of the photos, where it costs fewest."""
    sides = (planes.east[rows], planes.north[rows])
    along = max(sides, key=np.ptp)
    order = np.argsort(along, kind="stable")
    metres = along[order]
    if metres[-1] - metres[0] < max(_LEAST_SIDE * gap, 1e-6):
        return None
    cuts = np.flatnonzero(np.diff(metres) > 0)  # between a photo and the next
    quarter = len(rows) // 4
    inner = cuts[(cuts + 1 >= quarter) & (cuts + 1 <= len(rows) - quarter)]
    cuts = inner if len(inner) else cuts
    at = (metres[cuts] + metres[cuts + 1]) / 2
    cost = np.searchsorted(metres, at + gap / 2) - np.searchsorted(metres, at - gap / 2)
    best = cuts[np.lexsort((np.abs(2 * (cuts + 1) - len(rows)), cost))[0]]
    return rows[order[: best + 1]], rows[order[best + 1 :]]


def _dealt(pieces: list[Rows], wanted: dict[Part, float], seed: int) -> list[tuple[Part, Rows]]:
    """Pieces at random, as long as a part comes nearer to its share; one at least."""
    free = np.random.default_rng(seed).permutation(len(pieces)).tolist()
    dealt: list[tuple[Part, Rows]] = []
    for position, (part, share) in enumerate(wanted.items()):
        keep = len(wanted) - position  # for the parts after it, and for training
        taken: list[int] = []
        total = 0
        for piece in free:
            size = len(pieces[piece])
            if len(free) - len(taken) > keep and abs(share - total - size) < share - total:
                taken.append(piece)
                total += size
        if not taken:
            taken = [min(free, key=lambda piece: len(pieces[piece]))]
        free = [piece for piece in free if piece not in taken]
        dealt += [(part, pieces[piece]) for piece in taken]
    return dealt


def _too_little(planes: Planes, largest: float, parts: int, gap: float) -> str:
    """With the first half, quarter, ... of the gap that would do."""
    longest = max(np.ptp(planes.east), np.ptp(planes.north))
    enough = next(
        (
            smaller
            for smaller in (gap / 2, gap / 4, gap / 8)
            if len(_cut_up(planes, largest, smaller)) >= parts
        ),
        None,
    )
    lower = f"; --split.gap {enough:g} would do" if enough is not None else ""
    return (
        f"{len(planes.east):,} photos within {longest:,.0f} m are too little ground for {parts} "
        f"parts {gap:g} m apart{lower}; or take more photos elsewhere, or set --split.val or "
        "--split.test to 0"
    )
