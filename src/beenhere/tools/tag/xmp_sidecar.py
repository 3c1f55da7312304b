"""A position in an XMP file beside a photo, for photos that nothing is written into.

What another program has put into the file stays, byte for byte, but for a position that is to be
replaced (ISO 16684-1; the EXIF properties of the XMP specification, part 2).
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException, ElementTree

from beenhere.errors import DataError
from beenhere.photos.exif import MARK_SPACE, sidecars
from beenhere.tools.tag.exif_gps import Fix

_EXIF, _OURS = "http://ns.adobe.com/exif/1.0/", MARK_SPACE
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PLACE = ("GPSLatitude", "GPSLongitude")
_NAMES = (*_PLACE, "GPSMapDatum", "GPSProcessingMethod", "GPSHPositioningError", "GPSVersionID")
_OF_A_RECEIVER = ("GPSSatellites", "GPSStatus", "GPSMeasureMode", "GPSDOP")

_NEW = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{_RDF}">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def sidecar_of(photo: Path) -> Path:
    """The one of :func:`beenhere.photos.exif.sidecars` that is there, else ``a.jpg.xmp``."""
    own, *others = sidecars(photo)
    there = (file for file in (own, *others) if file.exists())
    return next(there, own)


def with_position(xmp: bytes | None, fix: Fix) -> bytes:
    """The content of a sidecar with a position.

    Args:
        xmp: what it holds; None where there is none yet.
        fix: the position; one that was there is replaced.

    Raises:
        DataError: it is no XMP that can be added to.
    """
    before, end, after = _parted(_without(_NEW if xmp is None else _decoded(xmp), lambda _: ""))
    content = f"{before}{_description(fix)}\n {end}{after}".encode()
    if len(list(_positions(content))) != len(_PLACE):
        raise DataError("its sidecar holds a position in a form that is not known here")
    return content


def blanked(xmp: bytes) -> bytes:
    """An XMP packet with spaces for its position, and every other byte where it was.

    Raises:
        DataError: the position is in a form that is not known here; what to do is said.
    """
    try:
        text = _without(xmp.decode(), lambda found: " " * len(found[0].encode()))
        if not list(_positions(text.encode())):
            return text.encode()
    except (UnicodeDecodeError, DataError):
        pass
    raise DataError(
        "its XMP packet holds a position in a form that is not known here; take it out with "
        "exiftool -XMP:GPSLatitude= -XMP:GPSLongitude= FILE, or write beside it (--write-xmp)"
    )


def _without(text: str, instead: Callable[[re.Match[str]], str]) -> str:
    """A packet without its position and what we say of one."""
    text = re.sub(rf"<rdf:Description[^<>]*{_OURS}[^<>]*/>\s*", instead, text)
    names = "|".join((*_NAMES, *_OF_A_RECEIVER))
    for prefix in set(re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{_EXIF}[\"']", text)):
        text = re.sub(rf"\s{prefix}:(?:{names})\s*=\s*(\"[^\"]*\"|'[^']*')", instead, text)
        element = rf"<{prefix}:({names})(?:\s*/>|\s*>[^<]*</{prefix}:\1\s*>)\s*"
        text = re.sub(element, instead, text)
    return text


def position_in(xmp: bytes) -> str | None:
    """Latitude and longitude as the file has them; None where it has none.

    Raises:
        DataError: it is no XMP.
    """
    return ", ".join(_positions(xmp)) or None


def _positions(xmp: bytes) -> Iterator[str]:
    wanted = {f"{{{_EXIF}}}{name}" for name in _PLACE}
    try:
        root = ElementTree.fromstring(xmp.strip(b" \0\r\n\t"))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError("its sidecar is no XMP that can be read") from error
    for element in root.iter():
        if element.tag in wanted:
            yield (element.text or "").strip()
        yield from (value for name, value in element.items() if name in wanted)


def _decoded(xmp: bytes) -> str:
    position_in(xmp)  # that it is XML
    try:
        return xmp.decode()
    except UnicodeDecodeError as error:
        raise DataError("its sidecar is not in UTF-8") from error


def _parted(text: str) -> tuple[str, str, str]:
    """The text before the end of the RDF, that end, and what comes after it."""
    ends = list(re.finditer(r"</(?:[\w.-]+:)?RDF\s*>", text))
    if not ends:
        raise DataError("its sidecar is no XMP that can be added to")
    at = ends[-1]
    return text[: at.start()], at.group(), text[at.end() :]


def _description(fix: Fix) -> str:
    lat, lon = _degrees(fix.lat, "NS"), _degrees(fix.lon, "EW")
    values = {
        "exif:GPSVersionID": "2.3.0.0",
        "exif:GPSLatitude": lat,
        "exif:GPSLongitude": lon,
        "exif:GPSMapDatum": "WGS-84",
        "exif:GPSProcessingMethod": fix.method,
    }
    if fix.radius is not None:
        values["exif:GPSHPositioningError"] = f"{round(fix.radius * 100)}/100"
    values |= {"beenhere:LocatedByPicture": "True", "beenhere:Status": fix.status}
    if fix.radius is not None:
        values["beenhere:Radius90"] = f"{fix.radius:.2f}"
    if fix.probability is not None:
        values["beenhere:Probability"] = f"{fix.probability:.4f}"
    spaces = f'xmlns:rdf="{_RDF}" xmlns:exif="{_EXIF}" xmlns:beenhere="{_OURS}"'
    lines = [f"   {name}={quoteattr(value)}" for name, value in values.items()]
    return f'<rdf:Description rdf:about="" {spaces}\n' + "\n".join(lines) + "/>"


def _degrees(angle: float, letters: str) -> str:
    """Such as ``"55,42.1234567N"``: degrees and minutes, by XMP's rules for coordinates."""
    minutes = round(abs(angle) * 60 * 10**7)
    degrees, minutes = divmod(minutes, 60 * 10**7)
    return f"{degrees},{minutes / 10**7:.7f}{letters[angle < 0]}"
