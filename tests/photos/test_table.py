"""The photo table: its columns, its ranges, and positions in both systems."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.formats import read_photos
from beenhere.photos.table import SCHEMA, PhotoTable


def table(**columns: Any) -> PhotoTable:
    return PhotoTable.from_columns(columns)


def test_missing_columns_are_null_and_all_are_there() -> None:
    photos = table(path=["a.jpg", "b.jpg"])
    assert photos.frame.columns == list(SCHEMA)
    assert photos.frame.drop("path").null_count().row(0) == (2,) * (len(SCHEMA) - 1)
    assert photos.paths == ["a.jpg", "b.jpg"]
    assert not photos.positions.known.any()
    assert repr(photos) == "PhotoTable(2 photos, 0 with a position)"


def test_an_empty_table() -> None:
    photos = table(path=[])
    assert len(photos) == 0 and len(photos.positions) == 0


def test_utm_follows_from_wgs84() -> None:
    photos = table(path=["a", "b", "c"], lat=[37.77, None, 85.0], lon=[-122.42, None, 10.0])
    easting, northing, zone = geo.to_utm([37.77], [-122.42])
    assert photos.frame.row(0)[3:6] == (easting[0], northing[0], zone[0])
    assert photos.frame.row(1)[1:6] == (None,) * 5
    assert photos.frame.row(2)[1:6] == (85.0, 10.0, None, None, None)
    assert photos.positions.known.tolist() == [True, False, True]
    assert photos.positions.zone.tolist() == [10, 0, 0]


def test_wgs84_follows_from_utm() -> None:
    photos = table(
        path=["a", "b"], easting=[551083.5, None], northing=[4180635.2, None], zone=["10S", None]
    )
    lat, lon = geo.to_wgs84([551083.5], [4180635.2], [10])
    assert photos.frame.row(0)[1:3] == (lat[0], lon[0])
    assert photos.frame.row(1)[1:6] == (None,) * 5


def test_given_utm_stays_to_the_last_digit_beside_wgs84() -> None:
    """The benchmarks' distances are between the numbers that are written in the names."""
    photos = table(
        path=["a"],
        lat=[37.0],
        lon=[-122.0],
        easting=[551083.123456789],
        northing=[0.1],
        zone=["10S"],
    )
    assert photos.frame.row(0)[1:6] == (37.0, -122.0, 551083.123456789, 0.1, "10S")


def test_the_south_has_negative_zones() -> None:
    assert table(path=["a"], lat=[-33.87], lon=[151.21]).positions.zone.tolist() == [-56]


@given(
    points=st.lists(
        st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=10
    )
)
@settings(max_examples=40)
def test_a_table_of_its_own_utm_is_the_same_table(points: list[tuple[float, float] | None]) -> None:
    paths = [str(number) for number in range(len(points))]
    lat = [None if point is None else point[0] for point in points]
    lon = [None if point is None else point[1] for point in points]
    first = table(path=paths, lat=lat, lon=lon)
    utm = first.frame.select("path", "easting", "northing", "zone")
    again = PhotoTable.from_columns({name: utm[name] for name in utm.columns})
    has = first.frame["zone"].is_not_null()
    for name in ("lat", "lon"):
        there, back = (t.frame.filter(has)[name].to_numpy() for t in (first, again))
        assert (there - back + 180) % 360 - 180 == pytest.approx(np.zeros(len(there)), abs=1e-7)
    assert (
        again.frame.filter(has)["easting"].to_list() == first.frame.filter(has)["easting"].to_list()
    )
    assert first.positions.known.tolist() == [point is not None for point in points]


@given(st.floats(-1e6, 1e6))
@settings(max_examples=60)
def test_headings_are_brought_into_one_turn(heading: float) -> None:
    found = table(path=["a"], heading=[heading]).frame["heading"][0]
    assert 0 <= found < 360
    assert abs((found - heading + 180) % 360 - 180) < 1e-6


def test_a_heading_a_hair_below_north() -> None:
    for heading in (-1e-20, -5e-324):
        assert table(path=["a"], heading=[heading]).frame["heading"][0] == 0.0
    assert table(path=["a", "b"], heading=[719.0, None]).frame["heading"].to_list() == [359.0, None]


def test_nan_is_unknown() -> None:
    nan = float("nan")
    row = table(path=["a"], lat=[nan], lon=[nan], heading=[nan]).frame.row(0)
    assert row[1:] == (None,) * (len(SCHEMA) - 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a"], "latitude": [1.0]}, "column 'latitude' is unknown"),
        ({"lat": [1.0]}, "column 'path' is missing"),
        ({}, "got no columns"),
        ({"path": [""]}, "expected a file's path"),
        ({"path": [None]}, "expected a file's path"),
        ({"path": ["a"], "lat": [90.1], "lon": [0.0]}, "a: lat is 90.1; expected degrees from -90"),
        ({"path": ["a"], "lat": [0.0], "lon": [-180.1]}, "a: lon is -180.1"),
        ({"path": ["a"], "lat": [float("inf")], "lon": [0.0]}, "a: lat is inf"),
        ({"path": ["a"], "heading": [float("inf")]}, "a: heading is "),
        ({"path": ["a"], "lat": [1.0]}, "a: half a position"),
        ({"path": ["a"], "easting": [1.0], "northing": [1.0]}, "a: half a position"),
        (
            {"path": ["a"], "easting": [1.0], "northing": [1.0], "zone": ["10"]},
            "UTM zone is '10'",
        ),
    ],
)
def test_bad_values_are_named(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        PhotoTable.from_columns(columns)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_another_schema_is_refused() -> None:
    with pytest.raises(DataError, match="a photo table has the columns"):
        PhotoTable(pl.DataFrame({"path": ["a"]}))


def test_rows_in_the_order_given() -> None:
    photos = table(path=["a", "b", "c"], place=["x", "y", "z"])
    assert photos.rows([2, 0]).paths == ["c", "a"]
    assert photos.rows(np.array([], np.intp)).paths == []
    assert photos.rows([1, 1]).frame["place"].to_list() == ["y", "y"]


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, end: str) -> None:
    for name in ("a.jpg", "b,c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    photos = table(
        path=[str(tmp_path / "a.jpg"), str(tmp_path / "b,c.jpg")],
        lat=[-33.87123456789, None],
        lon=[151.21, None],
        heading=[12.5, None],
        captured=["2015-06", None],
        place=["Sydney_7", None],
        city=["Sydney", None],
        condition=["night", None],
    )
    photos.write(tmp_path / f"table.{end}")
    again = read_photos(tmp_path / f"table.{end}")
    assert again.frame.equals(photos.frame)
    assert (again.unusable, again.notes) == ([], [])


def test_a_table_of_another_name_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected \.parquet or \.csv"):
        table(path=["a"]).write(tmp_path / "table.xlsx")
