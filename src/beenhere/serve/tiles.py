"""A base map of this machine: the tiles of a .pmtiles or an .mbtiles file."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import TileType

from beenhere.config.serve import ServeConfig
from beenhere.errors import DataError
from beenhere.files.regular import open_regular
from beenhere.serve.state import Missing
from beenhere.wording import one_line

Tile = tuple[bytes, dict[str, str]]

_GZIP = b"\x1f\x8b"
_RASTER = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
_MOST_ZOOM = 26


class TileSet:
    """The tiles of a file.

    Args:
        kind: pictures, or vectors (Mapbox Vector Tiles).
        read: from zoom, column and row (counted from the north) to a tile; None: there is none.
        values: by :class:`beenhere.serve.schemas.Tiles`.
    """

    def __init__(
        self,
        kind: Literal["raster", "vector"],
        read: Callable[[int, int, int], bytes | None],
        values: dict[str, Any],
    ) -> None:
        self.values = {"kind": kind, "url": "/tiles/{z}/{x}/{y}", "attribution": "", **values}
        self._read = read

    def tile(self, z: int, x: int, y: int) -> Tile:
        """A tile and the headers that say what it is. Raises Missing."""
        content = None
        if 0 <= z <= _MOST_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z:
            content = self._read(z, x, y)
        if content is None:
            raise Missing(f"the base map has no tile {z}/{x}/{y}")
        packed = {"Content-Encoding": "gzip"} if content.startswith(_GZIP) else {}
        if self.values["kind"] == "vector":
            return content, {"Content-Type": "application/x-protobuf", **packed}
        starts = (kind for start, kind in _RASTER.items() if content.startswith(start))
        return content, {"Content-Type": next(starts, "application/octet-stream"), **packed}


def open_tiles(config: ServeConfig) -> TileSet | None:
    """The base map that the options name; None: there is none.

    Raises:
        DataError: a file that cannot be read as such.
    """
    if config.tiles_url is not None:
        values: dict[str, Any] = {"url": config.tiles_url, "attribution": config.attribution}
        values |= {"min_zoom": 0, "max_zoom": 19, "bounds": None}
        return TileSet("raster", lambda z, x, y: None, values)
    if config.tiles is None:
        return None
    suffix = config.tiles.suffix.lower()
    if suffix not in (".pmtiles", ".mbtiles"):
        raise DataError(f"--tiles is {config.tiles}; expected a .pmtiles or .mbtiles file")
    try:
        return (_pmtiles if suffix == ".pmtiles" else _mbtiles)(config.tiles)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{config.tiles}: no such file") from error
    except Exception as error:  # whatever a reader makes of a file that lies
        raise DataError(
            f"{config.tiles} cannot be read as {suffix[1:]} ({one_line(error)})"
        ) from error


def _pmtiles(file: Path) -> TileSet:
    with open_regular(file) as opened:
        reader = Reader(MmapSource(opened))
    header, metadata = reader.header(), reader.metadata()
    degrees = [header[f"{name}_e7"] / 1e7 for name in ("min_lon", "min_lat", "max_lon", "max_lat")]
    kind: Literal["raster", "vector"] = (
        "vector" if header["tile_type"] == TileType.MVT else "raster"
    )
    values = {
        "min_zoom": header["min_zoom"],
        "max_zoom": header["max_zoom"],
        "attribution": str(metadata.get("attribution", "")),
        "bounds": degrees if degrees[0] < degrees[2] else None,
    }
    return TileSet(kind, reader.get, values)


def _mbtiles(file: Path) -> TileSet:
    with open_regular(file):
        pass
    threads = threading.local()

    def base() -> sqlite3.Connection:
        if not hasattr(threads, "base"):
            where = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
            threads.base = sqlite3.connect(where, uri=True)
        connection: sqlite3.Connection = threads.base
        return connection

    def read(z: int, x: int, y: int) -> bytes | None:
        row = (1 << z) - 1 - y  # TMS counts from the south
        found = base().execute(
            "select tile_data from tiles where zoom_level=? and tile_column=? and tile_row=?",
            (z, x, row),
        )
        first = found.fetchone()
        return None if first is None else bytes(first[0])

    facts = dict(base().execute("select name, value from metadata").fetchall())
    zooms = base().execute("select min(zoom_level), max(zoom_level) from tiles").fetchone()
    bounds = [float(part) for part in facts.get("bounds", "").split(",") if part.strip()]
    values = {
        "min_zoom": int(facts.get("minzoom") or zooms[0] or 0),
        "max_zoom": int(facts.get("maxzoom") or zooms[1] or 0),
        "attribution": str(facts.get("attribution", "")),
        "bounds": bounds if len(bounds) == 4 else None,
    }
    json.dumps(values, allow_nan=False)
    # A connection must not go over a fork.
    base().close()
    del threads.base
    return TileSet("vector" if facts.get("format") in ("pbf", "mvt") else "raster", read, values)
