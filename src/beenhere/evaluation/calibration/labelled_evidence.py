"""Evidence for answers of which the truth is known, grouped by streets and split along them.

Two photos of one street share its look, its light and its gaps in the map. A model that was fitted
on one of them has seen half of the other, and its figures there are too good (Roberts et al.,
"Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
structure", 2017). So queries near to each other are held out together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.reference import REFERENCES, Kind, Points, Reference, within
from beenhere.retrieval.locate.confidence import FEATURES, VERIFIED


@dataclass(frozen=True, eq=False)
class LabelledEvidence:
    """The evidence for the answer to each of ``n`` queries, and how far it is off.

    Attributes:
        features: ``(n, 6)``, by :data:`beenhere.retrieval.locate.evidence.FEATURES`; the last two
            are NaN throughout where matches were not verified.
        error_m: ``(n,)`` metres, or frames, from the answer to the truth; infinite for queries from
            outside, and for answers on another map or of another name.
        outside: ``(n,)`` bool: whether the query was taken outside the map.
        groups: ``(n,)`` int: streets; see :func:`streets`.
        by: what says where photos were taken.
        within: how far from the truth an answer is right.

    Raises:
        DataError: arrays of other shapes, a feature that is not finite, evidence that is verified
            in parts, or a finite error of a query from outside.
    """

    features: NDArray[np.float64]
    error_m: NDArray[np.float64]
    outside: NDArray[np.bool_]
    groups: NDArray[np.int64]
    by: Kind = "position"
    within: float = REFERENCES["position"].radius

    def __post_init__(self) -> None:
        n = len(self.features)
        shapes = [np.shape(one) for one in (self.error_m, self.outside, self.groups)]
        if np.shape(self.features) != (n, len(FEATURES)) or any(s != (n,) for s in shapes):
            raise DataError(
                f"evidence has the shape {np.shape(self.features)}, errors, outside and groups "
                f"{', '.join(map(str, shapes))}; expected (n, {len(FEATURES)}) and three times (n,)"
            )
        plain = len(FEATURES) - len(VERIFIED)
        for number, name in enumerate(FEATURES):
            bad = ~np.isfinite(self.features[:, number])
            if bad.any() and (number < plain or not bad.all()):
                raise DataError(
                    f"{name} of {int(bad.sum()):,} of {n:,} queries is not finite; expected a "
                    "number for all" + (", or for none" if number >= plain else "")
                )
        if np.isnan(self.error_m).any() or (self.error_m < 0).any():
            raise DataError("errors hold NaN or negative metres; expected 0 or more, or infinity")
        if np.isfinite(self.error_m[self.outside]).any():
            raise DataError(
                "a query from outside the map has a finite error; expected infinity: no answer is "
                "right"
            )

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "LabelledEvidence":
        return replace(
            self,
            features=self.features[rows],
            error_m=self.error_m[rows],
            outside=self.outside[rows],
            groups=self.groups[rows],
        )

    @property
    def verified(self) -> bool:
        """Whether matches were verified."""
        return bool(np.isfinite(self.features[:, -1]).all())

    @property
    def right(self) -> NDArray[np.bool_]:
        """``(n,)``: whether the answer lies near enough to the truth."""
        return self.error_m <= self.within

    @property
    def reference(self) -> Reference:
        """What says where photos were taken."""
        return REFERENCES[self.by]


def folds(
    labelled: LabelledEvidence, count: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to fit on and rows held out; no street is on both sides, every row is out once.

    Right answers are spread over the parts as evenly as streets allow.

    Args:
        labelled: of two or more streets.
        count: parts; fewer where there are fewer streets or right answers.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    right = labelled.right
    most = min(count, len(np.unique(labelled.groups)), int(right.sum()), int((~right).sum()))
    split = StratifiedGroupKFold(max(2, most))
    for fitted, held in split.split(labelled.features, right, labelled.groups):
        # A part may stay empty where few streets hold most queries.
        if len(held):
            yield fitted, held


def mix_weights(outside: NDArray[np.bool_], outside_share: float) -> NDArray[np.float64]:
    """The weight of each query, ``(n,)``, so that those from outside have a given share of all.

    They add up to the number of queries. Where one kind is missing all count 1.
    """
    n, many = len(outside), int(outside.sum())
    if many in (0, n):
        return np.ones(n)
    return np.where(outside, outside_share * n / many, (1 - outside_share) * n / (n - many))


BETWEEN = -1
"""Number of a query that belongs to no street, because it is near to two."""

BLOCK = 10
"""Side of the blocks into which a city without gaps is cut, in gaps."""


def streets(positions: Points, gap: float, most: int) -> NDArray[np.int64]:
    """Numbers of streets, ``(n,)``; positions of two streets are more than ``gap`` metres apart.

    Positions within the gap of each other, by steps, share a street; one that is not known has a
    street of its own. A street of too many queries is cut along a grid of ten gaps: queries within
    half a gap of its lines are left out, so that what remains on both sides is a gap apart. The
    grid lies where most queries are outside the largest of its parts. Those of one name share one,
    which is never cut.

    Args:
        positions: of queries.
        gap: above 0, metres or what distances are in.
        most: queries of a street that is left whole.

    Returns:
        Numbers from 0; :data:`BETWEEN` for queries that are left out.
    """
    numbers = _linked(positions, gap)
    between = np.zeros(len(numbers), bool)
    for street in np.flatnonzero(np.bincount(numbers, minlength=1) > most):
        rows = np.flatnonzero(numbers == street)
        if positions.known[rows].all():
            between[rows] = _near_lines(positions[rows], gap)
    if not between.any():
        return numbers
    kept = np.flatnonzero(~between)
    cut = np.full(len(positions), BETWEEN, np.int64)
    cut[kept] = _linked(positions[kept], gap)
    return cut


def _linked(positions: Points, gap: float) -> NDArray[np.int64]:
    near = within(positions, positions, gap)
    rows = np.repeat(np.arange(len(near)), [len(found) for found in near])
    columns = np.concatenate([np.empty(0, np.intp), *near])
    linked = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(near),) * 2)
    _, numbers = connected_components(linked, directed=False)
    return np.asarray(numbers, np.int64)


def _near_lines(street: Points, gap: float) -> NDArray[np.bool_]:
    """Whether each of its positions lies within half a gap of a line of the grid, ``(n,)``."""
    if isinstance(street, geo.Positions):
        plane = street.easting, street.northing
    else:
        plane = street.x, street.y
    side, steps = BLOCK * gap, 2 * BLOCK
    # Of each axis, for each place of the grid: how far from a line, and between which two.
    offsets = side * np.arange(steps)[:, None] / steps
    near, block = [], []
    for metres in plane:
        at = metres - metres.min() + offsets
        near.append(np.abs(at - side * np.round(at / side)) <= gap * (0.5 + 1e-9))
        block.append(np.floor(at / side).astype(np.int64))
    best, most = np.zeros(len(street), bool), 0
    for across, along in product(range(steps), range(steps)):
        out = near[0][across] | near[1][along]
        parts = (block[0][across] * (block[1].max() + 1) + block[1][along])[~out]
        if len(parts) > most:
            outside = len(parts) - int(np.unique(parts, return_counts=True)[1].max())
            if outside > most:
                best, most = out, outside
    return best
