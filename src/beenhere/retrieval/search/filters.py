"""Which photos may be found: near a position, from some dates, looking some way."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.dates import iso_date
from beenhere.errors import ConfigError
from beenhere.photos.table import PhotoTable

Mask = NDArray[np.bool_]

# What a partial date leaves open, at its earliest and at its latest. Dates are compared as texts,
# so that the 31st ends every month.
_EARLIEST, _LATEST = "0000-01-01T00:00:00", "9999-12-31T23:59:59"


@dataclass(frozen=True)
class Filter:
    """Conditions on photos; a photo must meet all that are given, and have what they ask about.

    Attributes:
        near: latitude and longitude in degrees, such as the last fix of a GPS.
        radius: metres from ``near`` at most, by :func:`beenhere.geo.distance`.
        dates: first and last, both included; ISO 8601, may be partial; None leaves an end open.
            ``("2015", "2016-03")`` is 1 January 2015 to 31 March 2016. A photo whose own date is
            partial counts if it may have been taken then: one of ``"2015"`` is within June 2015.
            Times are compared as they are written, in whatever time zone.
        heading: degrees clockwise from north; 370 is 10.
        tolerance: degrees at most between a photo's heading and ``heading``, either way round.

    Raises:
        ConfigError: a value out of its range, no date, the last before the first, or half of a
            condition.
    """

    near: tuple[float, float] | None = None
    radius: float | None = None
    dates: tuple[str | None, str | None] | None = None
    heading: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        _together("near", self.near, "radius", self.radius)
        _together("heading", self.heading, "tolerance", self.tolerance)
        if self.near is not None:
            _within("latitude", self.near[0], -90, 90)
            _within("longitude", self.near[1], -180, 180)
        if self.radius is not None and not 0 <= self.radius < math.inf:
            raise ConfigError(f"radius is {self.radius}; expected metres, 0 or more")
        if self.heading is not None and not math.isfinite(self.heading):
            raise ConfigError(f"heading is {self.heading}; expected degrees clockwise from north")
        if self.tolerance is not None:
            _within("tolerance", self.tolerance, 0, 180)
        if self.dates is not None:
            first, last = self.first_and_last
            if first > last:
                raise ConfigError(
                    f"dates are {self.dates[0]} to {self.dates[1]}; expected the first not after "
                    "the last: exchange them"
                )

    def rows(self, table: PhotoTable) -> Mask:
        """Which photos of a table meet the conditions, ``(n,)``; perhaps none."""
        allowed = np.ones(len(table), bool)
        if self.near is not None and self.radius is not None:
            allowed &= geo.near(table.positions, self.centre, self.radius)
        if self.dates is not None:
            first, last = self.first_and_last
            taken = earliest_and_latest(table.frame["captured"])
            inside = (taken["earliest"] <= last) & (taken["latest"] >= first)
            allowed &= inside.fill_null(False).to_numpy()
        if self.heading is not None and self.tolerance is not None:
            headings = table.frame["heading"].fill_null(np.nan).to_numpy()
            turn = np.abs((headings - self.heading % 360 + 180) % 360 - 180)
            allowed &= turn <= self.tolerance
        return allowed

    @property
    def centre(self) -> geo.Positions:
        """``near``, one position."""
        assert self.near is not None
        return geo.positions([self.near[0]], [self.near[1]])

    @property
    def first_and_last(self) -> tuple[str, str]:
        """The seconds at which ``dates`` begin and end, as texts of 19 characters."""
        assert self.dates is not None
        first, last = ("" if date is None else _date(date) for date in self.dates)
        return first + _EARLIEST[len(first) :], last + _LATEST[len(last) :]


def earliest_and_latest(captured: pl.Series) -> pl.DataFrame:
    """When photos may have been taken: columns ``earliest`` and ``latest``, of 19 characters.

    Null where nothing is known.
    """
    # Beyond 19 characters stand fractions of a second and the time zone.
    taken = pl.col("captured").str.slice(0, 19)
    length = taken.str.len_chars()
    return captured.to_frame("captured").select(
        earliest=taken + pl.lit(_EARLIEST).str.slice(length),
        latest=taken + pl.lit(_LATEST).str.slice(length),
    )


def _date(text: str) -> str:
    date = iso_date(text)
    if date is None:
        raise ConfigError(f"date is {text!r}; expected such as 2015, 2015-06 or 2015-06-01")
    return date[:19]


def _together(one: str, value: object, other: str, of_other: object) -> None:
    if (value is None) != (of_other is None):
        there, missing = (one, other) if of_other is None else (other, one)
        raise ConfigError(f"{there} is given without {missing}; give both or neither")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value}; expected degrees from {least} to {most}")
