"""Base maps of this machine: files as other programs write them."""

import gzip
import sqlite3
from pathlib import Path

import pytest
from http_server import Start, Street
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from beenhere.config.serve import ServeConfig
from beenhere.errors import DataError
from beenhere.serve.state import Missing
from beenhere.serve.tiles import open_tiles

PNG = b"\x89PNG\r\n\x1a\n and so on"


def write_pmtiles(file: Path, kind: TileType, tiles: dict[tuple[int, int, int], bytes]) -> Path:
    with file.open("wb") as out:
        writer = Writer(out)
        for tile in sorted(tiles, key=lambda zxy: zxy_to_tileid(*zxy)):
            writer.write_tile(zxy_to_tileid(*tile), tiles[tile])
        header = {
            "tile_type": kind,
            "tile_compression": Compression.NONE,
            "min_zoom": 0,
            "max_zoom": max(zoom for zoom, _, _ in tiles),
            **{"min_lon_e7": -10_0000000, "min_lat_e7": -20_0000000},
            **{"max_lon_e7": 30_0000000, "max_lat_e7": 40_0000000},
            **{"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0},
        }
        writer.finalize(header, {"attribution": "who drew it"})
    return file


def write_mbtiles(file: Path, form: str, tiles: dict[tuple[int, int, int], bytes]) -> Path:
    base = sqlite3.connect(file)
    base.execute("create table metadata (name text, value text)")
    base.execute(
        "create table tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)"
    )
    facts = {"format": form, "bounds": "-10,-20,30,40", "attribution": "who drew it"}
    base.executemany("insert into metadata values (?, ?)", facts.items())
    rows = [(z, x, (1 << z) - 1 - y, data) for (z, x, y), data in tiles.items()]
    base.executemany("insert into tiles values (?, ?, ?, ?)", rows)
    base.commit()
    base.close()
    return file


@pytest.mark.parametrize("kind", ["raster", "vector"])
@pytest.mark.parametrize("suffix", ["pmtiles", "mbtiles"])
def test_tiles_of_a_file(tmp_path: Path, kind: str, suffix: str) -> None:
    vector = gzip.compress(b"a tile")
    tiles = {(0, 0, 0): PNG, (2, 3, 1): PNG + b"2"}
    if kind == "vector":
        tiles = {(0, 0, 0): vector, (2, 3, 1): b"plain"}
    file = tmp_path / f"map.{suffix}"
    if suffix == "pmtiles":
        write_pmtiles(file, TileType.PNG if kind == "raster" else TileType.MVT, tiles)
    else:
        write_mbtiles(file, "png" if kind == "raster" else "pbf", tiles)
    found = open_tiles(ServeConfig(tiles=file))
    assert found is not None
    assert found.values == {
        "kind": kind,
        "url": "/tiles/{z}/{x}/{y}",
        "min_zoom": 0,
        "max_zoom": 2,
        "attribution": "who drew it",
        "bounds": [-10, -20, 30, 40],
    }
    first, headers = found.tile(0, 0, 0)
    assert first == tiles[0, 0, 0]
    if kind == "vector":
        assert headers == {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        assert "Content-Encoding" not in found.tile(2, 3, 1)[1]
    else:
        assert headers == {"Content-Type": "image/png"}
    assert found.tile(2, 3, 1)[0] == tiles[2, 3, 1]
    for wrong in ((2, 3, 2), (1, 2, 0), (0, -1, 0), (99, 0, 0), (-1, 0, 0)):
        with pytest.raises(Missing, match="has no tile"):
            found.tile(*wrong)


def test_files_that_lie(tmp_path: Path) -> None:
    for name, content in (("a.pmtiles", b"PMTiles\x03" + b"\xff" * 300), ("a.mbtiles", b"x" * 99)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as"):
            open_tiles(ServeConfig(tiles=tmp_path / name))
    with pytest.raises(DataError, match="no such file"):
        open_tiles(ServeConfig(tiles=tmp_path / "none.mbtiles"))


def test_a_server_gives_them_to_its_page(street: Street, start: Start, tmp_path: Path) -> None:
    file = write_mbtiles(tmp_path / "map.mbtiles", "png", {(0, 0, 0): PNG})
    with start(street.index, "--tiles", file) as running:
        assert running.get("/v1/indexes").json["tiles"]["kind"] == "raster"
        answered = running.get("/tiles/0/0/0")
        assert (answered.body, answered.headers["content-type"]) == (PNG, "image/png")
        assert running.get("/tiles/1/0/0").status == 404
        assert "img-src 'self' blob: data:;" in answered.headers["content-security-policy"]


def test_tiles_of_another_server_are_named_in_the_policy(street: Street, start: Start) -> None:
    options = ("--tiles-url", "https://tiles.example/{z}/{x}/{y}.png", "--attribution", "theirs")
    with start(street.index, *options) as running:
        answered = running.get("/v1/indexes")
        assert answered.json["tiles"]["url"].startswith("https://tiles.example/")
        policy = answered.headers["content-security-policy"]
        assert "img-src 'self' blob: data: https://tiles.example;" in policy
        assert running.get("/tiles/0/0/0").status == 404
