"""Evidence for answers of which the truth is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.locate.confidence import FEATURES, RIGHT_WITHIN, VERIFIED


@dataclass(frozen=True, eq=False)
class LabelledEvidence:
    """The evidence for the answer to each of ``n`` queries, and how far it is off.

    Attributes:
        features: ``(n, 6)``, by :data:`beenhere.retrieval.locate.confidence.FEATURES`; the last two
            are NaN throughout where matches were not verified.
        error_m: ``(n,)`` metres from the answer to the truth; infinite for queries from outside.
        outside: ``(n,)`` bool: whether the query was taken outside the map.
        groups: ``(n,)`` int: streets; see :func:`beenhere.evaluation.streets.streets`.

    Raises:
        DataError: arrays of other shapes, a feature that is not finite, evidence that is verified
            in parts, or a finite error of a query from outside.
    """

    features: NDArray[np.float64]
    error_m: NDArray[np.float64]
    outside: NDArray[np.bool_]
    groups: NDArray[np.int64]

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
        return LabelledEvidence(
            self.features[rows], self.error_m[rows], self.outside[rows], self.groups[rows]
        )

    @property
    def verified(self) -> bool:
        """Whether matches were verified."""
        return bool(np.isfinite(self.features[:, -1]).all())

    @property
    def right(self) -> NDArray[np.bool_]:
        """``(n,)``: whether the answer lies within 25 m of the truth."""
        return self.error_m <= RIGHT_WITHIN


def mix_weights(outside: NDArray[np.bool_], outside_share: float) -> NDArray[np.float64]:
    """What each query counts, ``(n,)``, so that those from outside have a given share of all.

    They add up to the number of queries. Where one kind is missing all count 1.
    """
    n, many = len(outside), int(outside.sum())
    if many in (0, n):
        return np.ones(n)
    return np.where(outside, outside_share * n / many, (1 - outside_share) * n / (n - many))
