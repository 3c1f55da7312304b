"""A base map of one vector tile, encoded by hand (Mapbox Vector Tile specification 2.1)."""

import gzip
import math
import sqlite3
from collections.abc import Sequence
from pathlib import Path

Point = tuple[int, int]

LINE, POLYGON = 2, 3


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _piece(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _geometry(lines: Sequence[Sequence[Point]], close: bool) -> bytes:
    at, commands = (0, 0), []
    for line in lines:
        for number, point in enumerate(line):
            if number < 2:  # one MoveTo, then LineTo for all that follow
                commands.append(1 << 3 | 1 if number == 0 else len(line) - 1 << 3 | 2)
            for now, before in zip(point, at, strict=True):
                step = now - before
                commands.append(step << 1 if step >= 0 else (-step << 1) - 1)
            at = point
        if close:
            commands.append(1 << 3 | 7)
    return b"".join(map(_varint, commands))


def layer(name: str, geometry: int, lines: Sequence[Sequence[Point]], /, **tags: str) -> bytes:
    """A layer of one feature, 4096 a side."""
    pairs = b"".join(_varint(number) * 2 for number in range(len(tags)))
    feature = (
        _piece(2, pairs) + _number(3, geometry) + _piece(4, _geometry(lines, geometry == POLYGON))
    )
    content = _number(15, 2) + _piece(1, name.encode()) + _piece(2, feature)
    content += b"".join(_piece(3, key.encode()) for key in tags)
    content += b"".join(_piece(4, _piece(1, value.encode())) for value in tags.values())
    return _piece(3, content + _number(5, 4096))


def tile_at(lat: float, lon: float, zoom: int) -> tuple[int, int]:
    """Column and row, from the north, of the tile there."""
    across = 1 << zoom
    south = math.asinh(math.tan(math.radians(lat)))
    return int((lon / 360 + 0.5) * across), int((0.5 - south / (2 * math.pi)) * across)


def write_mbtiles(path: Path, lat: float, lon: float, zoom: int, tile: bytes) -> Path:
    """A file with this tile alone, at the zoom, where the position lies."""
    x, y = tile_at(lat, lon, zoom)
    base = sqlite3.connect(path)
    base.execute("create table metadata (name text, value text)")
    base.execute(
        "create table tiles (zoom_level integer, tile_column integer, tile_row integer, "
        "tile_data blob)"
    )
    metadata = {"format": "pbf", "minzoom": zoom, "maxzoom": zoom, "attribution": "<b>Mappers</b>"}
    base.executemany("insert into metadata values (?, ?)", metadata.items())
    row = (1 << zoom) - 1 - y
    base.execute("insert into tiles values (?, ?, ?, ?)", (zoom, x, row, gzip.compress(tile)))
    base.commit()
    base.close()
    return path
