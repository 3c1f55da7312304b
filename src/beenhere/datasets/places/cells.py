"""Places as cells of the UTM grid, cut by heading (Berton et al., "CosPlace", 2022, section 3.1).

A photo at ``(e, n)`` that looks towards ``h`` is of the class ``(e // M, n // M, h // alpha)``, and
the class of the group of its three numbers modulo ``N``, ``N`` and ``L``. Neighbouring classes show
the same walls; in a group there are none.
"""

import numpy as np

from beenhere import geo
from beenhere.config import CellsConfig
from beenhere.datasets.places.labels import Places
from beenhere.datasets.places.planes import Planes


def form_cells(
    planes: Planes, heading: geo.Floats | None, config: CellsConfig, least: int
) -> Places:
    """The cells with enough photos.

    Args:
        planes: ``(n,)`` photos.
        heading: ``(n,)`` degrees in [0, 360), or None to go by position alone.
        config: size of the cells, and how groups are told apart.
        least: photos of a place, at least.
    """
    turn = np.zeros(len(planes.east)) if heading is None else heading // config.angle
    cell = np.column_stack(
        [
            planes.area,
            planes.zone,
            planes.north // config.size,
            planes.east // config.size,
            turn,
        ]
    ).astype(np.int64)
    classes, number, counts = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    kept = counts >= least
    place = np.where(kept, np.cumsum(kept) - 1, -1)[number.ravel()]
    step = np.array([config.groups, config.groups, config.turns])
    residue = classes[kept, 2:] % step
    group = np.ravel_multi_index(tuple(residue.T), tuple(step))
    why = np.where(place < 0, f"fewer than {least} photos in its cell", "")
    return Places(place, group.astype(np.int64), why)
