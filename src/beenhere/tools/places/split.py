"""Splits: ground for training, validation and test; and a database and queries of one of them.

A random split puts two photos of one wall into training and test, and the test then asks what the
model has seen. Here the ground is cut into pieces, each cut where few photos lie; pieces are dealt
out; and what lies within the gap of another part is left out.

A query and its answer must not be neighbours of one walk: same light, same parked cars, a step
apart. Any model finds those. So queries come from other days than the database wherever the photos
allow it, from other folders (a folder is often a walk) where they do not, and photo by photo only
as the last resort.
"""

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.tools import SplitConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.tools.places.planes import Planes

Rows = NDArray[np.intp]
Way = Literal["days", "folders", "photos"]

POSITIVE = 25.0
"""Metres within which a database photo answers a query, as the field's benchmarks have it."""

_ENOUGH = 0.05
"""Share of the photos that must become queries for a way of telling visits apart to be taken."""
_LEAST_SIDE = 4
"""Gaps: a piece whose longer side is shorter is not cut, or little but gap would be left of it."""


class SplitPart(IntEnum):
    """The purpose of a photo; ``GAP``: left out, since it is near to a photo of another part."""

    TRAIN = 0
    VAL = 1
    TEST = 2
    GAP = 3


def split_ground(
    planes: Planes, positions: geo.Positions, config: SplitConfig
) -> NDArray[np.int64]:
    """The :class:`SplitPart` of each photo, ``(n,)``.

    No two photos of different parts are at most the gap apart, by :func:`beenhere.geo.distance`.
    Test photos all stay; validation loses those within the gap of the test, and training those
    within the gap of either: it can spare them best. The order of the rows decides nothing but
    between equals.

    Raises:
        DataError: too little ground for the parts and the gap.
    """
    shares = {SplitPart.TEST: config.test, SplitPart.VAL: config.val}
    wanted = {part: share * len(positions) for part, share in shares.items() if share > 0}
    part = np.full(len(positions), SplitPart.TRAIN, np.int64)
    if not wanted:
        return part
    largest = max(1.0, min(wanted.values()) / config.pieces)
    pieces = _cut_up(planes, largest, config.gap)
    if len(pieces) <= len(wanted):
        raise DataError(_too_little(planes, largest, len(wanted) + 1, config.gap))
    for kind, rows in _deal(pieces, wanted, config.seed):
        part[rows] = kind
    test, val = SplitPart.TEST, SplitPart.VAL
    for kind, others in ((val, [test]), (SplitPart.TRAIN, [test, val])):
        rows = np.flatnonzero(part == kind)
        foreign = np.flatnonzero(np.isin(part, others))
        near = geo.any_within(positions[foreign], positions[rows], config.gap)
        part[rows[near]] = SplitPart.GAP
    return part


def _cut_up(planes: Planes, largest: float, gap: float) -> list[Rows]:
    """Pieces of at most so many photos, where the gap leaves them room; always in one order."""
    order = np.argsort(planes.area, kind="stable")
    areas = np.split(order, np.flatnonzero(np.diff(planes.area[order])) + 1)
    heap = [(-len(rows), number, rows) for number, rows in enumerate(areas)]
    heapq.heapify(heap)
    number, done = len(heap), {}
    while heap:
        size, key, rows = heapq.heappop(heap)
        halves = _halves(planes, rows, gap) if -size > largest else ()
        if not halves:
            done[key] = rows
        for half in halves:
            heapq.heappush(heap, (-len(half), number, half))
            number += 1
    return [done[key] for key in sorted(done)]


def _halves(planes: Planes, rows: Rows, gap: float) -> tuple[Rows, ...]:
    """Cut across the longer side, in the middle half of the photos, where it costs fewest.

    Nothing where the gap leaves no room for two.
    """
    sides = (planes.east[rows], planes.north[rows])
    along = max(sides, key=np.ptp)
    order = np.argsort(along, kind="stable")
    metres = along[order]
    if metres[-1] - metres[0] < max(_LEAST_SIDE * gap, 1e-6):
        return ()
    cuts = np.flatnonzero(np.diff(metres) > 0)  # between a photo and the next
    quarter = len(rows) // 4
    inner = cuts[(cuts + 1 >= quarter) & (cuts + 1 <= len(rows) - quarter)]
    cuts = inner if len(inner) else cuts
    at = (metres[cuts] + metres[cuts + 1]) / 2
    cost = np.searchsorted(metres, at + gap / 2) - np.searchsorted(metres, at - gap / 2)
    best = cuts[np.lexsort((np.abs(2 * (cuts + 1) - len(rows)), cost))[0]]
    return rows[order[: best + 1]], rows[order[best + 1 :]]


def _deal(
    pieces: list[Rows], wanted: dict[SplitPart, float], seed: int
) -> list[tuple[SplitPart, Rows]]:
    """Pieces at random, as long as a part comes nearer to its share; one at least."""
    free = np.random.default_rng(seed).permutation(len(pieces)).tolist()
    dealt: list[tuple[SplitPart, Rows]] = []
    for position, (part, share) in enumerate(wanted.items()):
        keep = len(wanted) - position  # for the parts after it, and for training
        taken: list[int] = []
        total = 0
        for piece in free:
            size = len(pieces[piece])
            if len(free) - len(taken) > keep and abs(share - total - size) < share - total:
                taken.append(piece)
                total += size
        taken = taken or [min(free, key=lambda piece: len(pieces[piece]))]
        free = [piece for piece in free if piece not in taken]
        dealt += [(part, pieces[piece]) for piece in taken]
    return dealt


def _too_little(planes: Planes, largest: float, parts: int, gap: float) -> str:
    """With the first half, quarter, ... of the gap that would do."""
    longest = max(np.ptp(planes.east), np.ptp(planes.north))
    less = (gap / 2, gap / 4, gap / 8)
    enough = [smaller for smaller in less if len(_cut_up(planes, largest, smaller)) >= parts]
    lower = f"; --split.gap {enough[0]:g} would do" if enough else ""
    return (
        f"{len(planes.east):,} photos within {longest:,.0f} m are too little ground for {parts} "
        f"parts {gap:g} m apart{lower}; or take more photos elsewhere, or set --split.val or "
        "--split.test to 0"
    )


@dataclass(frozen=True)
class Sides:
    """Rows of a table.

    Attributes:
        database, queries: rows, ascending; each query has a database photo within
            :data:`POSITIVE` metres.
        unanswered: rows of photos of the queries' visits that have none; left out, since in the
            database they would be neighbours of queries of their own visit.
        undated: rows of photos of which the visit is not known; left out for the same reason.
        way: how queries differ from the database: by days, by folders, or by photo alone.
    """

    database: Rows
    queries: Rows
    unanswered: Rows
    undated: Rows
    way: Way


def choose_sides(table: PhotoTable, share: float, seed: int) -> Sides:
    """Database and queries, by the most honest way that gives queries at all.

    Args:
        table: photos of one part, all with a position.
        share: of the photos to ask for, about.
        seed: of the choice by photo alone.
    """
    found = geo.within(table.positions, table.positions, POSITIVE)
    owner = np.repeat(np.arange(len(found)), np.array([len(rows) for rows in found], np.intp))
    pairs = np.column_stack([owner, np.concatenate([np.empty(0, np.intp), *found])])
    # Of a date that is known in part the month or year; "" without one.
    days = table.frame["captured"].str.slice(0, 10).fill_null("").to_list()
    folders = [path.rpartition("/")[0] for path in table.paths]
    ways: dict[Way, list[str]] = {"days": days, "folders": folders}
    for way, visits in ways.items():
        sides = _by_visits(visits, pairs, share, way)
        if len(sides.queries) >= max(1, _ENOUGH * len(table)):
            return sides
    return _by_photos(len(table), pairs, share, seed)


def _by_visits(visits: list[str], pairs: NDArray[np.intp], share: float, way: Way) -> Sides:
    """The smallest visits are asked for, as long as each adds queries; the others are the map."""
    names, visit = np.unique(np.array(visits, dtype=np.str_), return_inverse=True)
    sizes = np.bincount(visit, minlength=len(names))
    unknown = names == ""
    # Each photo with every other known visit that has a photo near it, once.
    own, other = visit[pairs[:, 0]], visit[pairs[:, 1]]
    foreign = (own != other) & ~unknown[own] & ~unknown[other]
    seen = np.unique(other[foreign] * len(visit) + pairs[foreign, 0])
    other, photo = np.divmod(seen, max(1, len(visit)))
    answers = np.bincount(photo, minlength=len(visit))
    starts = np.searchsorted(other, np.arange(len(names) + 1))
    asked = np.zeros(len(names), np.bool_)
    queries = np.zeros(len(visit), np.bool_)
    for name in np.argsort(sizes, kind="stable"):
        if unknown[name] or queries.sum() >= share * len(visit):
            continue
        near = photo[starts[name] : starts[name + 1]]
        lost = near[queries[near] & (answers[near] == 1)]
        gained = (visit == name) & (answers > 0)
        if int(gained.sum()) <= len(lost):
            continue
        asked[name] = True
        answers[near] -= 1
        queries |= gained
        queries[lost] = False
    of_asked = asked[visit]
    return Sides(
        database=np.flatnonzero(~of_asked & ~unknown[visit]),
        queries=np.flatnonzero(queries),
        unanswered=np.flatnonzero(of_asked & ~queries),
        undated=np.flatnonzero(unknown[visit]),
        way=way,
    )


def _by_photos(photos: int, pairs: NDArray[np.intp], share: float, seed: int) -> Sides:
    none = np.empty(0, np.intp)
    drawn = np.random.default_rng(seed).permutation(photos)[: round(share * photos)]
    queries = np.zeros(photos, np.bool_)
    queries[drawn] = True
    answered = np.zeros(photos, np.bool_)
    answered[pairs[~queries[pairs[:, 1]], 0]] = True
    queries &= answered
    return Sides(np.flatnonzero(~queries), np.flatnonzero(queries), none, none, "photos")
