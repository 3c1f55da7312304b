"""Locations as GeoJSON (RFC 7946), for geographic information systems and maps on the web."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from beenhere.report.location_files import flat
from beenhere.retrieval.locate.answer import Location

CORNERS = 72
"""Of the polygon that stands for a circle: its area is 0.13% below the circle's."""

_GEOD = Geod(ellps="WGS84")
_DIGITS = 7
"""Decimals of degrees: a centimetre (RFC 7946, section 11.2, advises no more)."""

Ring = NDArray[np.float64]


def to_geojson(locations: Sequence[Location]) -> str:
    """A FeatureCollection with a point a photo, and its radius as a polygon where there is one.

    A feature's ``shape`` says which it is, ``"position"`` or ``"radius"``; both carry the query
    and its answer by :data:`beenhere.report.location_files.CSV_COLUMNS`. Where the place is
    unknown, the point's geometry is null and there is no polygon.
    """
    features = []
    for location in locations:
        facts = flat(location)
        place = location.place if location.known else None
        point = None
        if place is not None:
            where = [round(place.lon, _DIGITS), round(place.lat, _DIGITS)]
            point = {"type": "Point", "coordinates": where}
        features.append(_feature("position", point, facts))
        if place is not None and location.radius is not None:
            area = circle(place.lat, place.lon, location.radius)
            if area is not None:
                features.append(_feature("radius", area, facts))
    found = {"type": "FeatureCollection", "features": features}
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def circle(lat: float, lon: float, radius: float) -> dict[str, Any] | None:
    """The geodesic circle as a Polygon, its ring anticlockwise and closed.

    Across the 180th meridian it is cut there into a MultiPolygon (RFC 7946, section 3.1.9).

    Args:
        lat, lon: of its centre, degrees.
        radius: metres, above 0.

    Returns:
        None for a circle that holds a pole, or of radius 0: neither is a polygon of degrees.
    """
    pole = min(_GEOD.inv(lon, lat, lon, end)[2] for end in (90, -90))
    if radius <= 0 or pole <= radius:
        return None
    azimuths = np.linspace(0, -360, CORNERS, endpoint=False)
    around = np.ones(CORNERS)
    lons, lats, _ = _GEOD.fwd(lon * around, lat * around, azimuths, radius * around)
    ring = np.stack([lon + (lons - lon + 180) % 360 - 180, lats], axis=1)
    for border in (180.0, -180.0):
        if ring[:, 0].min() < border < ring[:, 0].max():
            west, east = _left_of(ring, border), _left_of(ring * [-1, 1], -border) * [-1, 1]
            outside = east if border > 0 else west
            outside[:, 0] -= np.copysign(360, border)
            return {"type": "MultiPolygon", "coordinates": [[_closed(west)], [_closed(east)]]}
    return {"type": "Polygon", "coordinates": [_closed(ring)]}


def _left_of(ring: Ring, border: float) -> Ring:
    """What of a ring lies at longitudes up to a border (Sutherland and Hodgman, 1974)."""
    kept = []
    for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if x <= border:
            kept.append((x, y))
        if (x < border < next_x) or (next_x < border < x):
            kept.append((border, y + (next_y - y) * (border - x) / (next_x - x)))
    return np.array(kept)


def _closed(ring: Ring) -> list[list[float]]:
    points: list[list[float]] = ring.round(_DIGITS).tolist()
    return [*points, points[0]]


def _feature(shape: str, geometry: dict[str, Any] | None, facts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"shape": shape, **facts}}
