"""Which queries stand so near to each other that they must be held out together.

Two photos of one street share its look, its light and its gaps in the map. A model that was fitted
on one of them has seen half of the other, and its figures there are too good (Roberts et al.,
"Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
structure", 2017).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from beenhere import geo

ALONE = -1
"""Of a query that belongs to no street, because it stands between two."""

BLOCK = 10
"""Side of the blocks into which a city without gaps is cut, in gaps."""


def streets(positions: geo.Positions, gap: float, most: int) -> NDArray[np.int64]:
    """Numbers of streets, ``(n,)``; positions of two streets are more than ``gap`` metres apart.

    Positions within the gap of each other, by steps, share a street; one that is not known has a
    street of its own. A street of too many queries is cut along a grid of ten gaps: queries within
    half a gap of its lines are left out, so that what remains on both sides is a gap apart.

    Args:
        positions: of queries.
        gap: metres, above 0.
        most: queries of a street that is left whole.

    Returns:
        Numbers from 0; :data:`ALONE` for queries that are left out.
    """
    numbers = _linked(positions, gap)
    long = np.bincount(numbers, minlength=1) > most
    between = positions.known & long[numbers] & _near_lines(positions, gap)
    if not between.any():
        return numbers
    kept = np.flatnonzero(~between)
    cut = np.full(len(positions), ALONE, np.int64)
    cut[kept] = _linked(positions[kept], gap)
    return cut


def _linked(positions: geo.Positions, gap: float) -> NDArray[np.int64]:
    near = geo.within(positions, positions, gap)
    rows = np.repeat(np.arange(len(near)), [len(found) for found in near])
    columns = np.concatenate([np.empty(0, np.intp), *near])
    linked = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(near),) * 2)
    _, numbers = connected_components(linked, directed=False)
    return np.asarray(numbers, np.int64)


def _near_lines(positions: geo.Positions, gap: float) -> NDArray[np.bool_]:
    side = BLOCK * gap
    near = np.zeros(len(positions), bool)
    for metres in (positions.easting, positions.northing):
        from_line = np.abs(metres - side * np.round(metres / side))
        near |= from_line <= gap / 2
    return near
