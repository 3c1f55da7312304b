"""Filters against naive loops over the photos, one at a time."""

import calendar
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from beenhere.errors import ConfigError
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.vectors import StoredVectors

YEARS, MONTHS, DAYS = st.integers(2013, 2016), st.integers(1, 12), st.integers(1, 28)
DATES = st.one_of(
    st.builds("{:04}".format, YEARS),
    st.builds("{:04}-{:02}".format, YEARS, MONTHS),
    st.builds("{:04}-{:02}-{:02}".format, YEARS, MONTHS, DAYS),
    st.builds("{:04}-{:02}-{:02}T{:02}:30:00".format, YEARS, MONTHS, DAYS, st.integers(0, 23)),
    st.builds("{:04}-{:02}-{:02}T12:30:00+02:00".format, YEARS, MONTHS, DAYS),
)


def photos(**columns: Any) -> PhotoTable:
    count = len(next(iter(columns.values())))
    return PhotoTable.from_columns({"path": [f"{i}.jpg" for i in range(count)], **columns})


def seconds(date: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The first and the last second of a partial date, from the year on."""
    parts = [int(part) for part in date[:19].replace("T", "-").replace(":", "-").split("-")]
    first = [*parts, *[0, 1, 1, 0, 0, 0][len(parts) :]]
    last = [*parts]
    while len(last) < 6:
        rest = {1: 12, 3: 23, 4: 59, 5: 59}
        last.append(calendar.monthrange(last[0], last[1])[1] if len(last) == 2 else rest[len(last)])
    return tuple(first), tuple(last)


@given(
    captured=st.lists(st.none() | DATES, min_size=1, max_size=20),
    first=st.none() | DATES,
    last=st.none() | DATES,
)
def test_dates_equal_a_loop_over_intervals(
    captured: list[str | None], first: str | None, last: str | None
) -> None:
    if first is not None and last is not None and seconds(first)[0] > seconds(last)[1]:
        with pytest.raises(ConfigError, match="exchange them"):
            Filter(dates=(first, last))
        return
    rows = Filter(dates=(first, last)).rows(photos(captured=captured))
    for date, allowed in zip(captured, rows, strict=True):
        expected = date is not None
        if date is not None and first is not None:
            expected &= seconds(date)[1] >= seconds(first)[0]
        if date is not None and last is not None:
            expected &= seconds(date)[0] <= seconds(last)[1]
        assert allowed == expected


def test_a_photo_of_a_whole_year_may_have_been_taken_in_any_month_of_it() -> None:
    table = photos(captured=["2015", "2015-06", "2015-06-30T23:59:59Z", "2015-07", "2016", None])
    june = Filter(dates=("2015-06", "2015-06")).rows(table)
    assert june.tolist() == [True, True, True, False, False, False]
    since = Filter(dates=("2015:07:01", None)).rows(table)
    assert since.tolist() == [True, False, False, True, True, False]
    edges = photos(captured=["2014-12-31", "2015-01-01", "2015-12-31T23:59:59Z", "2016-01"])
    assert Filter(dates=("2015", "2015")).rows(edges).tolist() == [False, True, True, False]
    second = ("2015-12-31T23:59:59", "2015-12-31T23:59:59")
    assert Filter(dates=second).rows(edges).tolist() == [False, False, True, False]


@given(
    lat=st.floats(-89, 89),
    lon=st.floats(-180, 180),
    radius=st.floats(0, 5000),
    seed=st.integers(0, 99),
)
def test_radius_equals_a_loop_over_geodesics(
    lat: float, lon: float, radius: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    geod = Geod(ellps="WGS84")
    steps = np.append(rng.uniform(0, 6000, 8), radius * np.array([0.9, 0.995, 1.005, 1.1]))
    east, north, _ = geod.fwd([lon] * 12, [lat] * 12, rng.uniform(0, 360, 12), steps)
    north, east = [None, *north[1:]], [None, *((x + 180) % 360 - 180 for x in east[1:])]
    rows = Filter(near=(lat, lon), radius=radius).rows(photos(lat=north, lon=east))
    assert not rows[0]
    for metres, allowed in zip(steps[1:], rows[1:], strict=True):
        # A plane distance in a UTM zone is off by a thousandth at most.
        if not math.isclose(metres, radius, rel_tol=2e-3, abs_tol=1e-3):
            assert allowed == (metres < radius)


@given(
    headings=st.lists(st.none() | st.integers(0, 359), min_size=1, max_size=20),
    heading=st.integers(-360, 720),
    tolerance=st.integers(0, 180),
)
def test_headings_equal_a_walk_round_the_circle(
    headings: list[int | None], heading: int, tolerance: int
) -> None:
    rows = Filter(heading=heading, tolerance=tolerance).rows(photos(heading=headings))
    around = {(heading + turn) % 360 for turn in range(-tolerance, tolerance + 1)}
    assert rows.tolist() == [one in around for one in headings]


def test_all_conditions_hold_together_and_none_lets_everything_pass() -> None:
    table = photos(
        lat=[48.1, 48.1, 48.1, 50.0, None],
        lon=[11.5, 11.5, 11.5, 11.5, None],
        captured=["2015", "2016", "2015", "2015", "2015"],
        heading=[350.0, 350.0, 90.0, 350.0, 350.0],
    )
    assert Filter().rows(table).all()
    every = Filter(near=(48.1, 11.5), radius=10, dates=("2015", "2015"), heading=10, tolerance=20)
    assert every.rows(table).tolist() == [True, False, False, False, False]


def test_a_filter_that_leaves_nothing_gives_an_empty_answer() -> None:
    allowed = Filter(near=(0, 0), radius=1).rows(photos(lat=[48.0], lon=[11.0]))
    vectors = np.ones((1, 4), np.float32)
    _, rows = search_exact([StoredVectors(vectors)], vectors, 2, allowed)
    assert rows.tolist() == [[-1, -1]]


@pytest.mark.parametrize(
    ("message", "conditions"),
    [
        ("latitude is 91", {"near": (91, 0), "radius": 1}),
        ("longitude is nan", {"near": (1, math.nan), "radius": 1}),
        ("radius is -1", {"near": (1, 2), "radius": -1}),
        ("radius is inf", {"near": (1, 2), "radius": math.inf}),
        ("near is given without radius", {"near": (1, 2)}),
        ("radius is given without near", {"radius": 1}),
        ("heading is given without tolerance", {"heading": 1}),
        ("heading is nan", {"heading": math.nan, "tolerance": 1}),
        ("tolerance is 181", {"heading": 3, "tolerance": 181}),
        ("date is 'June'", {"dates": ("June", None)}),
        ("2016 to 2015-12-31; expected the first not after", {"dates": ("2016", "2015-12-31")}),
    ],
)
def test_nonsense_is_refused(message: str, conditions: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=message):
        Filter(**conditions)
