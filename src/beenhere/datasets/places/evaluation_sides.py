"""Database and queries from photos of one piece of ground.

A query and its answer must not be neighbours of one walk: same light, same parked cars, a step
apart. Any model finds those. So queries come from other days than the database wherever the photos
allow it, from other folders (a folder is often a walk) where they do not, and photo by photo only
as the last resort.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.datasets.table import PhotoTable

POSITIVE = 25.0
"""Metres within which a database photo answers a query, as the field's benchmarks have it."""

_ENOUGH = 0.05
"""Share of the photos that must become queries for a way of telling visits apart to be taken."""

Way = Literal["days", "folders", "photos"]

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Sides:
    """Rows of a table.

    Attributes:
        database, queries: rows, ascending; each query has a database photo within
            :data:`POSITIVE` metres.
        unanswered: rows of photos of the queries' visits that have none; left out, since in the
            database they would stand beside queries of their own visit.
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
    ways: tuple[tuple[Way, list[str]], ...] = (("days", _days(table)), ("folders", _folders(table)))
    for way, visits in ways:
        sides = _by_visits(visits, pairs, share, way)
        if len(sides.queries) >= max(1, _ENOUGH * len(table)):
            return sides
    return _by_photos(len(table), pairs, share, seed)


def _days(table: PhotoTable) -> list[str]:
    """The day of each photo, or the month or year if no more is known; ``""`` without a date."""
    return table.frame["captured"].str.slice(0, 10).fill_null("").to_list()


def _folders(table: PhotoTable) -> list[str]:
    return [path.rpartition("/")[0] for path in table.paths]


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
    drawn = np.random.default_rng(seed).permutation(photos)[: round(share * photos)]
    queries = np.zeros(photos, np.bool_)
    queries[drawn] = True
    answered = np.zeros(photos, np.bool_)
    answered[pairs[~queries[pairs[:, 1]], 0]] = True
    queries &= answered
    return Sides(
        database=np.flatnonzero(~queries),
        queries=np.flatnonzero(queries),
        unanswered=np.empty(0, np.intp),
        undated=np.empty(0, np.intp),
        way="photos",
    )
