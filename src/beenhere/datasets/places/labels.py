"""Which photos show the same place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Places:
    """Which photos show the same place.

    Attributes:
        place: ``(n,)`` numbers from 0 by zone, north, east and heading; -1 in no place.
        group: ``(places,)`` numbers from 0 of the groups whose places may meet in a batch.
        why: ``(n,)`` why a photo is in no place; ``""`` for the others.
    """

    place: NDArray[np.int64]
    group: NDArray[np.int64]
    why: NDArray[np.str_]
