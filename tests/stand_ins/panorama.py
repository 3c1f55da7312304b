"""Worlds of which every direction has a known colour, their panoramas, and a slow exact camera."""

import io
import math
from pathlib import Path

import numpy as np
from camera import ASCII, EXIF, GPS, RATIONAL, SHORT, Tag, dms, jpeg, tiff
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]

XMP = b"http://ns.adobe.com/xap/1.0/\0"


def sky(east: Floats, north: Floats, up: Floats) -> Floats:
    """The colour of unit directions, 0 to 255, ``(..., 3)``: smooth, no two directions alike."""
    return 127.5 + 100 * np.stack([east, north, up], axis=-1)


def grid(east: Floats, north: Floats, up: Floats) -> Floats:
    """Waves over the sphere, 9 degrees long at the horizon, none at the poles."""
    flat = np.hypot(east, north)
    waves = np.sin(40 * np.arctan2(east, north)) * flat**4
    return 127.5 + 80 * np.stack([waves, np.sin(40 * up), waves * np.cos(10 * up)], axis=-1)


def panorama(world: object, height: int, heading: float = 0.0) -> NDArray[np.uint8]:
    """A world as ``(height, 2 * height, 3)``, its middle column at a heading in degrees."""
    width = 2 * height
    longitude = (np.arange(width) + 0.5) / width * 2 * np.pi - np.pi + np.radians(heading)
    latitude = np.pi / 2 - (np.arange(height) + 0.5) / height * np.pi
    east = np.cos(latitude)[:, None] * np.sin(longitude)
    north = np.cos(latitude)[:, None] * np.cos(longitude)
    up = np.broadcast_to(np.sin(latitude)[:, None], east.shape)
    return np.rint(world(east, north, up)).astype(np.uint8)  # type: ignore[operator]


def direction(
    row: int, column: int, size: tuple[int, int], fov: float, pitch: float, heading: float
) -> tuple[float, float, float]:
    """East, north and up of the ray through one pixel of a pinhole camera."""
    height, width = size
    focal = width / 2 / math.tan(math.radians(fov) / 2)
    right, down = column + 0.5 - width / 2, row + 0.5 - height / 2
    p, h = math.radians(pitch), math.radians(heading)
    ahead = (math.sin(h) * math.cos(p), math.cos(h) * math.cos(p), math.sin(p))
    above = (-math.sin(h) * math.sin(p), -math.cos(h) * math.sin(p), math.cos(p))
    side = (math.cos(h), -math.sin(h), 0.0)
    ray = [focal * a + right * s - down * b for a, s, b in zip(ahead, side, above, strict=True)]
    length = math.sqrt(sum(part * part for part in ray))
    return ray[0] / length, ray[1] / length, ray[2] / length


def naive_view(
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    fov: float,
    pitch: float,
    heading: float,
    middle: float = 0.0,
) -> Floats:
    """A view of a whole panorama, pixel by pixel in float64, not rounded."""
    height, width = picture.shape[:2]
    view = np.empty((*size, 3))
    for row in range(size[0]):
        for column in range(size[1]):
            east, north, up = direction(row, column, size, fov, pitch, heading)
            longitude = math.atan2(east, north) - math.radians(middle)
            latitude = math.atan2(up, math.hypot(east, north))
            x = (longitude / (2 * math.pi) + 0.5) * width - 0.5
            y = (0.5 - latitude / math.pi) * height - 0.5
            left, top = math.floor(x), math.floor(y)
            total = np.zeros(3)
            for i, wx in ((left, left + 1 - x), (left + 1, x - left)):
                for j, wy in ((top, top + 1 - y), (top + 1, y - top)):
                    total += wx * wy * _pixel(picture, i, j)
            view[row, column] = total
    return view


def _pixel(picture: NDArray[np.uint8], column: int, row: int) -> Floats:
    height, width = picture.shape[:2]
    if row < 0:
        row, column = -1 - row, column + width // 2
    elif row >= height:
        row, column = 2 * height - 1 - row, column + width // 2
    return picture[row, column % width].astype(np.float64)


def gpano(elements: bool = False, **tags: object) -> bytes:
    """An XMP packet with Photo Sphere tags, as attributes or as elements."""
    space = 'xmlns:P="http://ns.google.com/photos/1.0/panorama/"'
    attributes = "" if elements else " ".join(f'P:{name}="{value}"' for name, value in tags.items())
    inner = "".join(f"<P:{name}>{value}</P:{name}>" for name, value in tags.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {space} {attributes}>{inner if elements else ""}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def write_panorama(
    path: Path,
    picture: NDArray[np.uint8],
    xmp: bytes = b"",
    position: tuple[float, float] | None = None,
    heading: float | None = None,
    captured: str | None = None,
) -> Path:
    """A panorama as a camera writes it; a name that ends in ``.png`` keeps every value."""
    folders: dict[int, dict[int, Tag]] = {}
    if captured is not None:
        folders[EXIF] = {0x9003: (ASCII, captured)}
    gps: dict[int, Tag] = {}
    if position is not None:
        lat, lon = position
        gps |= {1: (ASCII, "N" if lat >= 0 else "S"), 2: (RATIONAL, dms(lat))}
        gps |= {3: (ASCII, "E" if lon >= 0 else "W"), 4: (RATIONAL, dms(lon))}
    if heading is not None:
        gps[17] = (RATIONAL, [(round(heading * 100), 100)])
    if gps:
        folders[GPS] = gps
    exif = tiff({0x0112: (SHORT, [1])}, folders)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(picture).save(path, exif=b"Exif\0\0" + exif)
        return path
    data = jpeg(picture, exif, quality=95)
    if xmp:
        payload = XMP + xmp
        data = data[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload + data[2:]
    path.write_bytes(data)
    return path


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """What a PNG file of a picture holds."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()
