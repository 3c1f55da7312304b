"""From photos that look like a query to places where it may have been taken.

Photos stand a few metres apart along streets, so clusters that grow from neighbour to neighbour
would swallow a whole street. A place is where the evidence is densest instead: a ball of a given
radius, moved to the mean of what it holds until it holds the same (mean shift with a flat kernel:
Fukunaga and Hostetler, 1975; Comaniciu and Meer, 2002). Matches elsewhere, however many, do not
pull at it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.photos.reference import Points, distance, from_plane, joined, nowhere, to_plane

Floats = NDArray[np.float64]

PAIRS_AT_ONCE = 2**18
"""Distances between matches in memory at once."""

MOST_SHIFTS = 10
"""Moves of a ball; it mostly rests after one or two."""


LEAST_STEP = -200.0
"""Logarithm of the least weight of a match, before they add up to 1."""


@dataclass(frozen=True, eq=False)
class Places:
    """A place for each of ``m`` queries; NaN and no members where there is none.

    Attributes:
        centre: ``(m,)``.
        spread: ``(m,)``, root mean square distance of the members by their weights.
        share: ``(m,)`` of the weights.
        members: ``(m, K)`` bool, the matches that speak for it.
    """

    centre: Points
    spread: Floats
    share: Floats
    members: NDArray[np.bool_]


def weights(
    similarity: NDArray[np.floating],
    inliers: NDArray[np.floating] | None,
    temperature: float,
    min_inliers: int,
    seen: NDArray[np.floating],
) -> Floats:
    """How much each match says, ``(m, K)``; a query's add up to 1, and to 0 if it has no match.

    The softmax of similarities over ``temperature`` times their range among a query's matches:
    cosines of one model lie between 0.2 and 0.5, of another between 0.98 and 0.99, and only the
    steps between them tell. A verified match with ``min_inliers`` or more gets the square of
    ``inliers / min_inliers`` on top: just enough of them say as much as all similarities together,
    and twice as many four times that: chance may reach the number, but hardly ever twice it.

    Args:
        similarity: ``(m, K)`` cosines, falling or not; NaN where there is no match.
        inliers: ``(m, K)``, NaN where not verified; None: none was.
        temperature: above 0.
        min_inliers: below which inliers say nothing.
        seen: ``(m, K')`` cosines of the matches whose range counts, NaN where there is none:
            ``similarity`` itself, or that of all photos if it is of some.
    """
    there = np.isfinite(similarity)
    values = np.where(there, similarity, -np.inf).astype(np.float64)
    best = np.max(np.where(np.isfinite(seen), seen, -np.inf), axis=1, keepdims=True)
    least = np.min(np.where(np.isfinite(seen), seen, np.inf), axis=1, keepdims=True)
    scale = temperature * (best - least)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(values == best, 0.0, (values - best) / scale)
    # A match that says next to nothing still has a place, where no other has one.
    said = np.where(there, np.exp(np.maximum(steps, LEAST_STEP)), 0.0)
    said /= np.maximum(said.sum(axis=1, keepdims=True), 1e-300)
    if inliers is not None:
        times = np.nan_to_num(inliers) / min_inliers
        said += np.where(there & (times >= 1), times**2, 0)
    shares: Floats = said / np.maximum(said.sum(axis=1, keepdims=True), 1e-300)
    return shares


def find_places(weight: Floats, positions: Points, radius: float, count: int) -> list[Places]:
    """The ``count`` likeliest places of each query, the likeliest first.

    A ball is laid around each match; from the one of the largest weight it is moved. Its matches
    are taken away, and the next place is found among the others.

    Args:
        weight: ``(m, K)`` by :func:`weights`.
        positions: of the matches, ``m * K``, query by query. One without a position speaks for no
            place, and its weight for none of them.
        radius: by :func:`beenhere.photos.reference.distance`.
        count: 1 or more.

    Returns:
        ``count`` times a place for each query; a later one has less weight around its start.
    """
    free = positions.known.reshape(weight.shape) & (weight > 0)
    m, k = weight.shape
    near = _near(positions, (m, k), radius) if free.any() else np.zeros((m, k, k), bool)
    found = []
    for _ in range(count):
        place = _densest(weight, free, near, positions, radius)
        found.append(place)
        free = free & ~place.members
    return found


def within_places(places: Places, positions: Points, radius: float) -> NDArray[np.bool_]:
    """``(m, K)``: whether each match lies within ``radius`` of its query's place."""
    return _distances(places.centre, positions) <= radius


def _near(positions: Points, shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    """``(m, K, K)``: whether two matches of a query lie within the radius."""
    m, k = shape
    near = np.zeros((m, k, k), bool)
    first, second = np.triu_indices(k)
    step = max(1, PAIRS_AT_ONCE // max(len(first), 1))
    for start in range(0, m, step):
        base = np.arange(start, min(start + step, m))[:, None] * k
        a, b = (base + first).ravel(), (base + second).ravel()
        close = (distance(positions[a], positions[b]) <= radius).reshape(len(base), -1)
        near[start : start + step, first, second] = close
        near[start : start + step, second, first] = close
    return near


def _densest(
    weight: Floats,
    free: NDArray[np.bool_],
    near: NDArray[np.bool_],
    positions: Points,
    radius: float,
) -> Places:
    m, k = weight.shape
    spread, share = np.full((2, m), np.nan)
    everyone = np.zeros((m, k), bool)
    rows = np.flatnonzero(free.any(axis=1))
    if len(rows) == 0:
        return Places(nowhere(positions, m), spread, share, everyone)
    free, near, left = free[rows], near[rows], np.where(free, weight, 0.0)[rows]
    held = np.where(free, np.einsum("mij,mj->mi", near, left), -1.0)
    seed = held.argmax(axis=1)
    members = near[np.arange(len(rows)), seed] & free
    matches = positions[(rows[:, None] * k + np.arange(k)).ravel()]
    origin = positions[rows * k + seed]
    for _ in range(MOST_SHIFTS):
        centre = _mean(origin, matches, left * members)
        moved = free & (_distances(centre, matches) <= radius)
        # Of a ring of matches the middle may be out of reach of all.
        moved = np.where(moved.any(axis=1, keepdims=True), moved, members)
        if (moved == members).all():
            break
        members = moved
    own = left * members
    centre = _mean(origin, matches, own)
    squares = np.where(members, _distances(centre, matches), 0.0) ** 2
    total = own.sum(axis=1)
    share[rows], everyone[rows] = total, members
    spread[rows] = np.sqrt((own * squares).sum(axis=1) / total)
    number = np.full(m, len(rows))  # that of the unknown one behind them
    number[rows] = np.arange(len(rows))
    return Places(joined([centre, nowhere(positions, 1)])[number], spread, share, everyone)


def _mean(origin: Points, matches: Points, weight: Floats) -> Points:
    """The mean of matches by their weights, on a plane around a point close to them, ``(m,)``."""
    query, which = np.nonzero(weight)
    east, north = np.zeros(weight.shape), np.zeros(weight.shape)
    east[query, which], north[query, which] = to_plane(
        origin[query], matches[query * weight.shape[1] + which]
    )
    total = weight.sum(axis=1)
    return from_plane(
        origin, (weight * east).sum(axis=1) / total, (weight * north).sum(axis=1) / total
    )


def _distances(centre: Points, matches: Points) -> Floats:
    """``(m, K)`` from a place to each match of its query; NaN where a match has no position."""
    k = len(matches) // len(centre)
    each = np.repeat(np.arange(len(centre)), k)
    return distance(centre[each], matches).reshape(len(centre), k)
