"""Where on the map queries are right and wrong."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.report.charts.drawing import FADED, PAPER, RIGHT, WIDTH, WRONG, blank, finish

_METRES_A_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371 km; near enough for a picture of a city."""


def error_map(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    right: NDArray[np.bool_],
    possible: NDArray[np.bool_],
    title: str,
    key: str,
) -> str:
    """Queries at their places: found, wrong, or with no photo to be found.

    Args:
        lat, lon: degrees, ``(queries,)``; NaN where unknown, which the map leaves out.
        right: whether the first prediction is.
        possible: whether any database photo would be.
    """
    known = np.isfinite(lat) & np.isfinite(lon)
    north = (lat - lat[known].mean()) * _METRES_A_DEGREE
    turned = (lon - lon[known][0] + 180) % 360  # a city may lie on the 180th meridian
    scale = _METRES_A_DEGREE * np.cos(np.radians(lat[known].mean()))
    east = (turned - turned[known].mean()) * scale
    axes = blank(title, "metres east of the middle", "metres north", WIDTH)
    kinds: dict[str, tuple[NDArray[np.bool_], dict[str, Any]]] = {
        "with no photo to be found": (
            known & ~possible,
            {"marker": "o", "s": 18, "c": "none", "ec": FADED},
        ),
        "wrong": (known & possible & ~right, {"marker": "x", "s": 22, "c": WRONG, "lw": 1.4}),
        "right": (
            known & possible & right,
            {"marker": "o", "s": 24, "c": RIGHT, "ec": PAPER, "lw": 0.7},
        ),
    }
    for members, look in kinds.values():
        axes.scatter(east[members], north[members], **look)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    told = [f"{int(members.sum())} {kind}" for kind, (members, _) in kinds.items()]
    unknown = int((~known).sum())
    return finish(
        axes,
        key,
        f"Map of the queries of {title}",
        ", ".join([*told, *([f"{unknown} nobody knows where"] if unknown else [])]),
    )
