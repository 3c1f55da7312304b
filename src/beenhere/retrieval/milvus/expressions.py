"""A filter in Milvus' own words.

It lets every photo through that meets the filter, and few others: what it cannot say exactly (a
circle) it says too widely, and :meth:`beenhere.retrieval.search.filters.Filter.rows` decides.
"""

import math
from collections.abc import Iterable

from beenhere.retrieval.search.filters import Filter

# WGS84: the equator's radius, and the meridian's least radius of curvature, at the equator.
_EQUATOR = 6378137.0
_MERIDIAN = 6335439.0
# Rounding of metres and degrees stays far below these.
_MARGIN, _METRES, _DEGREES = 1.001, 0.001, 1e-9

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def expression(where: Filter | None) -> str:
    """What photos must be, as a boolean expression; empty where they may be anything."""
    parts = []
    if where is not None and where.near is not None and where.radius is not None:
        parts.append(_near(where, where.radius))
    if where is not None and where.dates is not None:
        first, last = where.first_and_last
        parts.append(f"earliest <= {quoted(last)} and latest >= {quoted(first)}")
    if where is not None and where.heading is not None and where.tolerance is not None:
        parts.append(_arc("heading", where.heading, where.tolerance, (0, 360)))
    return both(*parts)


def both(*parts: str) -> str:
    """All of some expressions; empty ones ask nothing."""
    return " and ".join(f"({part})" for part in parts if part)


def one_of(field: str, values: Iterable[str]) -> str:
    """A field that has one of some texts."""
    return f"{field} in [{', '.join(map(quoted, values))}]"


def quoted(text: str) -> str:
    """A text as a literal."""
    return f'"{text.translate(_ESCAPED)}"'


def _near(where: Filter, radius: float) -> str:
    """A square in the position's own zone; in others, and near the poles, one of degrees."""
    centre = where.centre
    zone, lat, lon = int(centre.zone[0]), float(centre.lat[0]), float(centre.lon[0])
    around = _degrees(lat, lon, radius * _MARGIN + _METRES)
    if zone == 0:
        return around
    metres = radius + _METRES
    square = f"zone == {zone} and " + " and ".join(
        f"{name} >= {middle - metres!r} and {name} <= {middle + metres!r}"
        for name, middle in (
            ("easting", float(centre.easting[0])),
            ("northing", float(centre.northing[0])),
        )
    )
    return f"({square}) or (zone != {zone} and {around})"


def _degrees(lat: float, lon: float, metres: float) -> str:
    """Latitudes and longitudes that a way of some metres can lead to."""
    reach = math.degrees(metres / _MERIDIAN)
    south, north = max(lat - reach, -90.0), min(lat + reach, 90.0)
    parallel = _EQUATOR * math.cos(math.radians(max(abs(south), abs(north))))
    inside = f"lat >= {south!r} and lat <= {north!r}"
    # No parallel is shorter than the one nearest to a pole, and its radius no less than this.
    if metres >= math.pi * parallel:
        return inside
    return f"{inside} and ({_arc('lon', lon, math.degrees(metres / parallel), (-180, 180))})"


def _arc(field: str, middle: float, reach: float, circle: tuple[float, float]) -> str:
    """A direction at most ``reach`` degrees from another, on a circle that begins and ends."""
    least, most = map(float, circle)
    if reach + _DEGREES >= 180:
        return f"{field} >= {least!r} and {field} <= {most!r}"
    first = (middle - reach - _DEGREES - least) % 360 + least
    last = (middle + reach + _DEGREES - least) % 360 + least
    if first <= last:
        return f"{field} >= {first!r} and {field} <= {last!r}"
    return (
        f"({field} >= {first!r} and {field} <= {most!r}) or "
        f"({field} >= {least!r} and {field} <= {last!r})"
    )
