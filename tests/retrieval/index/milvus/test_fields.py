"""What Milvus is asked: every photo that meets a filter, and not many more."""

import hashlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pyproj import Geod

from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.manifest import COLUMNS
from beenhere.retrieval.index.milvus.fields import both, entities, expression, one_of, quoted
from beenhere.retrieval.search.filters import Filter

WGS84 = Geod(ellps="WGS84")


def answers(where: Filter, table: PhotoTable) -> np.ndarray:
    """Whether Milvus would give each photo; its expressions are Python's."""
    files = table.frame.with_columns(
        sha256=pl.Series([hashlib.sha256(path.encode()).digest() for path in table.paths]),
        size=pl.lit(1),
        mtime_ns=pl.lit(1),
    ).select(list(COLUMNS))
    fields = entities(table.paths, files, np.zeros((len(table), 1)), "vectors")
    code = compile(expression(where), "expression", "eval")
    return np.array([eval(code, {}, row) for row in fields])


@given(
    lat=some.floats(-90, 90),
    lon=some.floats(-180, 180),
    radius=some.floats(-2, 7.3).map(lambda power: 10**power),
)
def test_no_photo_within_the_radius_is_missed(lat: float, lon: float, radius: float) -> None:
    turns = np.arange(0, 360, 15.0)
    parts = np.repeat([0.5, 0.999, 1.5], len(turns))
    start = np.full(len(parts), lon), np.full(len(parts), lat)
    east, north, _ = WGS84.fwd(*start, np.tile(turns, 3), parts * radius)
    table = PhotoTable.from_columns(
        {
            "path": [*map(str, range(len(parts))), "unknown"],
            "lat": [*north.tolist(), None],
            "lon": [*east.tolist(), None],
        }
    )
    where = Filter(near=(lat, lon), radius=radius)
    given = answers(where, table)
    assert not (where.rows(table) & ~given).any()
    assert not given[-1]


def test_few_others_are_asked_for() -> None:
    random = np.random.default_rng(0)
    table = PhotoTable.from_columns(
        {
            "path": [str(n) for n in range(4000)],
            "lat": 37.7 + random.uniform(-0.02, 0.02, 4000),
            "lon": -122.4 + random.uniform(-0.02, 0.02, 4000),
        }
    )
    where = Filter(near=(37.7, -122.4), radius=1000)
    meant = where.rows(table).sum()
    assert meant < answers(where, table).sum() < 1.45 * meant  # 4 / pi is 1.27


@given(
    headings=some.lists(some.floats(0, 359.99) | some.none(), min_size=1, max_size=30),
    heading=some.floats(-720, 720),
    tolerance=some.floats(0, 180),
)
def test_headings_are_said_exactly(
    headings: list[float | None], heading: float, tolerance: float
) -> None:
    paths = [str(number) for number in range(len(headings))]
    table = PhotoTable.from_columns({"path": paths, "heading": headings})
    where = Filter(heading=heading, tolerance=tolerance)
    wider = Filter(heading=heading, tolerance=min(tolerance + 1e-6, 180))
    given = answers(where, table)
    assert not (where.rows(table) & ~given).any()
    assert not (given & ~wider.rows(table)).any()


@pytest.mark.parametrize(
    "dates", [("2015", "2015"), ("2015-06-02", None), (None, "2015-06"), (None,) * 2]
)
def test_dates_are_said_exactly(dates: tuple[str | None, str | None]) -> None:
    captured = [None, "2014", "2015", "2015-06", "2015-06-01", "2015-06-02T00:00:00Z", "2016"]
    table = PhotoTable.from_columns({"path": list("abcdefg"), "captured": captured})
    where = Filter(dates=dates)
    assert answers(where, table).tolist() == where.rows(table).tolist()


def test_texts_are_quoted() -> None:
    for text in ('a "b" \\ c', "tab\tline\nend\r", "caf\u00e9 'x' % _ {y}"):
        assert eval(quoted(text)) == text
        assert eval(one_of("path", ["x", text]), {}, {"path": text})
    assert both("", "a == 1", "", "b == 2") == "(a == 1) and (b == 2)"
    assert both() == both("") == expression(None) == expression(Filter()) == ""
