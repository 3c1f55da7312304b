"""Answers of `beenhere locate` as layers for maps of other programs: GeoJSON, KML, GPX.

GeoJSON is that of RFC 7946, KML 2.2 that of OGC 07-147r2, GPX 1.1 that of Topografix. All carry
what :data:`beenhere.report.location.CSV_COLUMNS` names.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.report.location import describe_location, flat, json_text
from beenhere.report.pictures import BLUE, GREY, ORANGE
from beenhere.retrieval.locate.answer import Location, Place, Status

CORNERS = 72
"""Of the polygon that takes the place of a circle: its area is 0.13% below the circle's."""

_DIGITS = 7
"""Decimals of degrees: a centimetre (RFC 7946, section 11.2, advises no more)."""

Ring = NDArray[np.float64]


def to_geojson(locations: Sequence[Location]) -> str:
    """A FeatureCollection with a point a photo, and its radius as a polygon where there is one.

    A feature's ``shape`` says which it is, ``"position"`` or ``"radius"``; both carry the query
    and its answer by :data:`CSV_COLUMNS`. A guess has its point, as its ``status`` says, and no
    polygon; of an unknown place the geometry is null.
    """
    features = []
    for location in locations:
        facts = flat(location)
        place = None if location.status == "unknown" else _on_earth(location.place)
        point = area = None
        if place is not None:
            where = [round(angle, _DIGITS) for angle in reversed(place)]
            point = {"type": "Point", "coordinates": where}
            if location.known and location.radius is not None:
                area = circle(*place, location.radius)
        features.append(_feature("position", point, facts))
        if area is not None:
            features.append(_feature("radius", area, facts))
    return json_text({"type": "FeatureCollection", "features": features})


def _feature(shape: str, geometry: dict[str, Any] | None, facts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"shape": shape, **facts}}


_COLOURS: dict[Status, str] = {"known": BLUE, "guess": ORANGE, "unknown": GREY}
_KML, _GPX = "http://www.opengis.net/kml/2.2", "http://www.topografix.com/GPX/1/1"
_RADIUS = "radius (90%)"
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 file may hold, and a file's name may."""


def to_kml(locations: Sequence[Location]) -> str:
    """A folder for each status, and one with the radius of what is known as a polygon.

    Each placemark has the answer as ExtendedData, with types by a Schema. A guess has its point,
    apart from what is known and in another colour; an unknown place has none.
    """
    rows = [flat(location) for location in locations]
    root = ElementTree.Element("kml", xmlns=_KML)
    document = _add(root, "Document")
    _add(document, "name", "beenhere locate")
    for status, colour in _COLOURS.items():
        style = _add(document, "Style", id=status)
        _add(_add(style, "IconStyle"), "color", _kml_colour(colour))
        if status == "known":
            _add(_add(style, "LineStyle"), "color", _kml_colour(colour))
            _add(_add(style, "PolyStyle"), "color", _kml_colour(colour, "33"))
    schema = _add(document, "Schema", name="answer", id="answer")
    for name in rows[0] if rows else ():
        _add(schema, "SimpleField", type=_kml_type([row[name] for row in rows]), name=name)
    for folder in ("known", _RADIUS, "guess", "unknown"):
        placemarks = _add(document, "Folder")
        _add(placemarks, "name", folder)
        area = folder == _RADIUS
        for location, row in zip(locations, rows, strict=True):
            if location.status == ("known" if area else folder):
                _add_placemark(placemarks, location, row, area)
    return _xml(root)


def _add_placemark(
    folder: ElementTree.Element, location: Location, row: Mapping[str, Any], area: bool
) -> None:
    place = None if location.status == "unknown" else _on_earth(location.place)
    shape = None
    if area:
        if place is not None and location.radius is not None:
            shape = circle(*place, location.radius)
        if shape is None:
            return
    placemark = _add(folder, "Placemark")
    _add(placemark, "name", location.query)
    _add(placemark, "styleUrl", f"#{location.status}")
    data = _add(_add(placemark, "ExtendedData"), "SchemaData", schemaUrl="#answer")
    for name, value in row.items():
        if value is not None:
            _add(data, "SimpleData", str(value), name=name)
    if shape is not None:
        parts = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
        holder = placemark if len(parts) == 1 else _add(placemark, "MultiGeometry")
        for (ring,) in parts:
            outer = _add(_add(_add(holder, "Polygon"), "outerBoundaryIs"), "LinearRing")
            _add(outer, "coordinates", " ".join(f"{lon},{lat}" for lon, lat in ring))
    elif place is not None:
        lat, lon = (round(angle, _DIGITS) for angle in place)
        _add(_add(placemark, "Point"), "coordinates", f"{lon},{lat}")


def to_gpx(locations: Sequence[Location]) -> str:
    """A waypoint a photo whose place is known, or a guess, which its name and type say.

    What the evidence is stands in ``desc``. The radius is no dilution of precision (``hdop``), and
    is not written as one.
    """
    root = ElementTree.Element("gpx", xmlns=_GPX, version="1.1", creator="beenhere")
    for location in locations:
        place = _on_earth(location.place)
        if place is None or location.status == "unknown":
            continue
        lat, lon = (round(angle, _DIGITS) for angle in place)
        lon = lon if lon < 180 else -180.0  # GPX has the meridian once, by that name
        point = _add(root, "wpt", lat=f"{lat:.{_DIGITS}f}", lon=f"{lon:.{_DIGITS}f}")
        _add(point, "name", f"{'' if location.known else 'guess: '}{location.query}")
        _add(point, "desc", "; ".join(describe_location(location)))
        _add(point, "src", "beenhere, by picture")
        _add(point, "type", location.status)
    return _xml(root)


def _on_earth(place: Place | None) -> tuple[float, float] | None:
    if place is None or place.lat is None or place.lon is None:
        return None
    return place.lat, place.lon


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = None if text is None else _ILLEGAL.sub("\ufffd", text)
    return child


def _xml(root: ElementTree.Element) -> str:
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _kml_colour(colour: str, opacity: str = "ff") -> str:
    """KML has them as opacity, blue, green, red."""
    return f"{opacity}{colour[5:7]}{colour[3:5]}{colour[1:3]}".lower()


def _kml_type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    return "int" if kinds == {int} else "double" if kinds and kinds <= {int, float} else "string"


def circle(lat: float, lon: float, radius: float) -> dict[str, Any] | None:
    """The geodesic circle as a Polygon, its ring anticlockwise and closed.

    Across the 180th meridian it is cut there into a MultiPolygon (RFC 7946, section 3.1.9).

    Args:
        lat, lon: of its centre, degrees.
        radius: metres, above 0.

    Returns:
        None for a circle that holds a pole, or of radius 0: neither is a polygon of degrees.
    """
    _, to_poles = geo.geodesic(lat, lon, [90, -90], lon)
    if radius <= 0 or to_poles.min() <= radius:
        return None
    lats, lons = geo.destination(lat, lon, np.linspace(0, -360, CORNERS, endpoint=False), radius)
    # Within 180 degrees of the centre, so that a ring over the 180th meridian is whole.
    ring = np.stack([lon + (lons - lon + 180) % 360 - 180, lats], axis=1)
    for border in (180.0, -180.0):
        if ring[:, 0].min() < border < ring[:, 0].max():
            west, east = _left_of(ring, border), _left_of(ring * [-1, 1], -border) * [-1, 1]
            outside = east if border > 0 else west
            outside[:, 0] -= np.copysign(360, border)
            return {"type": "MultiPolygon", "coordinates": [[_closed(west)], [_closed(east)]]}
    return {"type": "Polygon", "coordinates": [_closed(ring)]}


def _left_of(ring: Ring, border: float) -> Ring:
    """The part of a ring at longitudes up to a border (Sutherland and Hodgman, 1974)."""
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
