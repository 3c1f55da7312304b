"""Which photos show the same place: those of a cell of the UTM grid, or of a cluster.

Cells are cut by heading (Berton et al., "CosPlace", 2022, section 3.1): a photo at ``(e, n)`` that
looks towards ``h`` is of the class ``(e // M, n // M, h // alpha)``, and the class of the group of
its three numbers modulo ``N``, ``N`` and ``L``. Neighbouring classes show the same walls; in a
group there are none.

Clusters lie around the spots with most photos, apart from each other: Ali-bey et al.
("GSV-Cities: Toward appropriate supervised visual place recognition", 2022) train on places at
least 100 m from each other, so that any two of them may meet in a batch and are surely different.
Cells of a grid cut through a spot where many photos were taken; a cluster is centred on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.config.tools import CellsConfig, ClustersConfig
from beenhere.tools.places.planes import Planes

Window = tuple[NDArray[np.intp], cKDTree]
"""Rows of the photos that look into one sector of directions, and a tree of their points."""

_MARGIN = 1.01
"""A plane's distance differs from the one on the ground by less than a hundredth."""


@dataclass(frozen=True)
class PlaceLabels:
    """The place of each of ``n`` photos.

    Attributes:
        place: ``(n,)`` numbers from 0 by zone, north, east and heading; -1 in no place.
        group: ``(places,)`` numbers from 0 of the groups whose places may meet in a batch.
        why: ``(n,)`` why a photo is in no place; ``""`` for the others.
    """

    place: NDArray[np.int64]
    group: NDArray[np.int64]
    why: NDArray[np.str_]


def form_cells(
    planes: Planes, heading: geo.Floats | None, config: CellsConfig, least: int
) -> PlaceLabels:
    """The cells with enough photos.

    Args:
        planes: ``(n,)`` photos.
        heading: ``(n,)`` degrees in [0, 360), or None to go by position alone.
        config: size of the cells, and how groups are told apart.
        least: photos of a place, at least.
    """
    turn = np.zeros(len(planes.east)) if heading is None else heading // config.angle
    cell = np.column_stack(
        [planes.area, planes.zone, planes.north // config.size, planes.east // config.size, turn]
    ).astype(np.int64)
    classes, number, counts = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    kept = counts >= least
    place = np.where(kept, np.cumsum(kept) - 1, -1)[number.ravel()]
    step = np.array([config.groups, config.groups, config.turns])
    residue = classes[kept, 2:] % step
    group = np.ravel_multi_index(tuple(residue.T), tuple(step))
    why = np.where(place < 0, f"fewer than {least} photos in its cell", "")
    return PlaceLabels(place, group.astype(np.int64), why)


def form_clusters(
    planes: Planes, heading: geo.Floats | None, config: ClustersConfig, least: int
) -> PlaceLabels:
    """Places one after the other: each time where most photos are, apart from those before.

    A place is a photo and those within the radius of it whose headings lie in one sector of the
    angle. Sectors begin at every half of the angle, so that none cuts through all directions that
    are near to each other. Of equals, the photo that comes first is the middle.

    Args:
        planes: ``(n,)`` photos.
        heading: ``(n,)`` degrees in [0, 360), or None to go by position alone.
        config: radius, angle, how far apart.
        least: photos of a place, at least.
    """
    points = planes.points()
    windows = _windows(points, heading, config.angle)
    middles, sectors = _by_number_of_photos(points, windows, config.radius, least)
    place = np.full(len(points), -1, np.int64)
    centres: list[int] = []
    blocked = np.zeros(len(points), np.bool_)
    everything = cKDTree(points)
    reach = _MARGIN * (config.apart + 2 * config.radius)
    for middle, sector in zip(middles.tolist(), sectors.tolist(), strict=True):
        if blocked[middle]:
            continue
        rows, tree = windows[sector]
        members = rows[tree.query_ball_point(points[middle], config.radius)]
        place[members] = len(centres)
        centres.append(middle)
        blocked[everything.query_ball_point(points[middle], reach)] = True
    way = "" if heading is None else " that look its way"
    few = f"fewer than {least} photos within {config.radius:g} m{way}"
    near = f"a place here would be within {config.apart:g} m of another (--clusters.apart)"
    why = np.where(place >= 0, "", np.where(blocked, near, few))
    place = _numbered(place, planes, np.array(centres, np.intp))
    return PlaceLabels(place, np.zeros(len(centres), np.int64), why)


def _windows(points: geo.Floats, heading: geo.Floats | None, angle: float) -> list[Window]:
    if heading is None:
        return [(np.arange(len(points)), cKDTree(points))]
    found = []
    for start in np.arange(0, 360, angle / 2):
        rows = np.flatnonzero((heading - start) % 360 <= angle)
        if len(rows):
            found.append((rows, cKDTree(points[rows])))
    return found


def _by_number_of_photos(
    points: geo.Floats, windows: list[Window], radius: float, least: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Photos that can be a place's middle, with the window, those with most photos first."""
    found = [np.empty((3, 0), np.intp)]
    for number, (rows, tree) in enumerate(windows):
        near = tree.query_ball_point(points[rows], radius, return_length=True)
        table = np.stack([rows, np.full(len(rows), number), near])
        found.append(table[:, near >= least])
    middle, sector, count = np.concatenate(found, axis=1)
    order = np.lexsort((sector, middle, -count))
    return middle[order], sector[order]


def _numbered(
    place: NDArray[np.int64], planes: Planes, centres: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Places by zone, north and east of their middles, not by when they were found."""
    order = np.lexsort(
        (planes.east[centres], planes.north[centres], planes.zone[centres], planes.area[centres])
    )
    number = np.empty(len(centres) + 1, np.int64)
    number[order] = np.arange(len(centres))
    number[-1] = -1  # what is in no place
    return number[place]
