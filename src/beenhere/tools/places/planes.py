"""Photos on planes in metres: one plane for each area, whatever UTM zones it touches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from beenhere import geo

APART = 1000.0
"""Metres between photos of two areas, at least."""

_SIDE = 500.0
"""Metres of the cubes by which photos are linked into areas."""


@dataclass(frozen=True)
class Planes:
    """Where ``n`` photos lie, in metres.

    Within an area ``east`` and ``north`` are those of one UTM plane, which for photos of that zone
    are the numbers they have; no cell or distance is torn by a zone's border.

    Attributes:
        area: ``(n,)`` numbers from 0.
        zone: ``(n,)`` signed UTM zone of the plane; an area's own, but for photos two zones or
            more away from where most of it lies.
        east, north: ``(n,)``.
    """

    area: NDArray[np.int64]
    zone: NDArray[np.int8]
    east: geo.Floats
    north: geo.Floats

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Planes":
        return Planes(self.area[rows], self.zone[rows], self.east[rows], self.north[rows])

    def points(self) -> geo.Floats:
        """``(n, 3)`` in metres, planes far apart: what is near here is near on the ground."""
        _, plane = np.unique(np.column_stack([self.area, self.zone]), axis=0, return_inverse=True)
        return np.column_stack([self.east, self.north, 1e8 * plane.ravel()])


def lay_out(positions: geo.Positions) -> Planes:
    """Photos by area; areas are more than :data:`APART` from each other.

    Args:
        positions: ``(n,)``, all with a UTM zone.
    """
    area = _areas(geo.earth_centred(positions))
    zone = _main_zones(area, positions.zone)[area]
    steps = np.abs(np.abs(zone).astype(int) - np.abs(positions.zone).astype(int))
    # Zones go around: 60 is next to 1. The series of UTM is good for a neighbour zone, no more.
    far = np.minimum(steps, 60 - steps) > 1
    zone[far] = positions.zone[far]
    own = zone == positions.zone  # these keep the numbers they have
    east, north = geo.project(positions.lat, positions.lon, np.where(own, 0, zone))
    east = np.where(own, positions.easting, east)
    return Planes(area, zone, east, np.where(own, positions.northing, north))


def _areas(points: geo.Floats) -> NDArray[np.int64]:
    """``(n,)``: cubes of which the middles are near enough for photos in them to be linked."""
    cubes, cube = np.unique(np.floor(points / _SIDE).astype(np.int64), axis=0, return_inverse=True)
    reach = APART + _SIDE * 3**0.5  # half a diagonal on both sides
    pairs = cKDTree(cubes * _SIDE).query_pairs(reach, output_type="ndarray")
    linked = coo_array((np.ones(len(pairs), np.int8), pairs.T), shape=(len(cubes),) * 2)
    _, area = connected_components(linked, directed=False)
    return np.asarray(area, np.int64)[cube.ravel()]


def _main_zones(area: NDArray[np.int64], zone: NDArray[np.int8]) -> NDArray[np.int8]:
    """``(areas,)``: the zone that most of an area's photos have."""
    pairs, counts = np.unique(np.column_stack([area, zone]), axis=0, return_counts=True)
    order = np.lexsort((pairs[:, 1], counts, pairs[:, 0]))
    last = np.append(np.diff(pairs[order, 0]) > 0, True)
    main: NDArray[np.int8] = pairs[order][last, 1].astype(np.int8)
    return main
