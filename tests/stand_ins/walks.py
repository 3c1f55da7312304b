"""Made-up walks: tables of photos that need no files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.photos.table import PhotoTable

CORNERS = {
    "inside a zone": (52.5, 13.4),
    "border of two zones": (48.85, 6.0),
    "equator": (0.0, 32.0),
    "180th meridian": (-16.8, 180.0),
    "wide zone of Norway": (60.4, 3.0),
    "far north": (83.9, 20.0),
}
"""Middles of towns, most of them where coordinates jump."""


def town(corner: str, metres: NDArray[np.float64]) -> geo.Positions:
    """Positions so many metres east and north, ``(n, 2)``, of a corner of the Earth."""
    lat, lon = CORNERS[corner]
    n = len(metres)
    centre = geo.positions([lat] * n, [lon] * n)
    return geo.from_plane(centre, metres[:, 0], metres[:, 1])


def table_of(
    positions: geo.Positions,
    headings: Sequence[float | None] | None = None,
    dates: Sequence[str | None] | None = None,
    folder: str = "/walk",
) -> PhotoTable:
    """A table of photos that lie nowhere, by number."""
    n = len(positions)
    return PhotoTable.from_columns(
        {
            "path": [f"{folder}/{number:06d}.jpg" for number in range(n)],
            "lat": positions.lat,
            "lon": positions.lon,
            "heading": headings if headings is not None else [None] * n,
            "captured": dates if dates is not None else [None] * n,
        }
    )


def streets(seed: int, photos: int, side: float, lines: int = 4) -> NDArray[np.float64]:
    """Metres east and north, ``(photos, 2)``, along a few streets in a square; some twice."""
    rng = np.random.default_rng(seed)
    starts, ends = rng.uniform(-side / 2, side / 2, (2, lines, 2))
    line = rng.integers(0, lines, photos)
    along = rng.uniform(0, 1, (photos, 1))
    points = starts[line] * (1 - along) + ends[line] * along + rng.normal(0, 2, (photos, 2))
    again = rng.random(photos) < 0.1
    points[again] = points[0]
    return points


def metres_between(a: geo.Positions, b: geo.Positions) -> NDArray[np.float64]:
    """``(len(a), len(b))`` metres of every pair, one after the other."""
    found = np.full((len(a), len(b)), np.nan)
    for row in range(len(a)):
        found[row] = geo.distance(a[np.full(len(b), row)], b)
    return found
