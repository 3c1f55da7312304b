"""Where a track was at a time, and which way it went."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from beenhere.config import TrackConfig
from beenhere.datasets.tracks.track import Floats, Timeline, Track

_GEOD = Geod(ellps="WGS84")

BEFORE, AFTER, GAP = "before", "after", "gap"

TRAVELLED = 2.5
"""Metres before and after a position whose direction is that of travel: a receiver's own noise
moves it by a metre or two from second to second."""


@dataclass(frozen=True)
class Fixes:
    """Positions at ``n`` times.

    Attributes:
        lat, lon: degrees WGS84, ``(n,)``; NaN where the track does not say.
        timeline: which of the track's timelines each is from, ``(n,)``; -1 for none.
        seconds: what each is interpolated over, ``(n,)``, or, where there is none for a gap, the
            length of the shortest gap; else how far the time lies outside of the track.
        metres: the same as a distance, ``(n,)``; NaN outside of the track.
        missing: why there is none: ``"before"`` or ``"after"`` the track, in a ``"gap"`` or ``""``.
    """

    lat: Floats
    lon: Floats
    timeline: NDArray[np.intp]
    seconds: Floats
    metres: Floats
    missing: list[str]

    def rows(self, index: NDArray[np.intp]) -> "Fixes":
        """Those of the named rows, in the order given."""
        return Fixes(
            self.lat[index],
            self.lon[index],
            self.timeline[index],
            self.seconds[index],
            self.metres[index],
            [self.missing[row] for row in index],
        )


def positions_at(track: Track, times: Floats, max_seconds: float, max_metres: float) -> Fixes:
    """Positions at times, along the geodesic between the two points around each.

    Where several timelines have one, the two points that are nearest in time to each other count.

    Args:
        track: at least one point.
        times: seconds since 1970-01-01 UTC, ``(n,)``.
        max_seconds, max_metres: two points further apart have no position between them.
    """
    count = len(times)
    best = Fixes(
        lat=np.full(count, np.nan),
        lon=np.full(count, np.nan),
        timeline=np.full(count, -1, np.intp),
        seconds=np.full(count, np.inf),
        metres=np.full(count, np.nan),
        missing=[],
    )
    for number, line in enumerate(track.timelines):
        inside = np.flatnonzero((times >= line.time[0]) & (times <= line.time[-1]))
        lat, lon, seconds, metres = _between(line, times[inside])
        good = (seconds <= max_seconds) & (metres <= max_metres)
        taken = best.timeline[inside] >= 0
        better = np.where(good == taken, seconds < best.seconds[inside], good)
        rows, good = inside[better], good[better]
        best.seconds[rows], best.metres[rows] = seconds[better], metres[better]
        best.lat[rows] = np.where(good, lat[better], np.nan)
        best.lon[rows] = np.where(good, lon[better], np.nan)
        best.timeline[rows] = np.where(good, number, -1)
    start, end = track.span
    outside = np.flatnonzero((times < start) | (times > end))
    best.seconds[outside] = np.maximum(start - times[outside], times[outside] - end)
    best.missing.extend(_missing(best, times, start, end))
    return best


def _between(line: Timeline, times: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Latitude and longitude at times within a timeline, and the seconds and metres around."""
    after = np.searchsorted(line.time, times, side="left")
    before = np.maximum(after - 1, 0)
    before = np.where(line.time[after] == times, after, before)  # a point itself is no gap
    seconds = line.time[after] - line.time[before]
    azimuth, _, metres = _GEOD.inv(
        line.lon[before], line.lat[before], line.lon[after], line.lat[after]
    )
    share = np.divide(
        times - line.time[before], seconds, out=np.zeros_like(times), where=seconds > 0
    )
    lon, lat, _ = _GEOD.fwd(line.lon[before], line.lat[before], azimuth, share * metres)
    return np.asarray(lat), np.asarray(lon), seconds, np.asarray(metres)


def _missing(fixes: Fixes, times: Floats, start: float, end: float) -> list[str]:
    found = []
    for line, time in zip(fixes.timeline, times, strict=True):
        if line >= 0:
            found.append("")
        else:
            found.append(BEFORE if time < start else AFTER if time > end else GAP)
    return found


def camera_headings(track: Track, times: Floats, fixes: Fixes, options: TrackConfig) -> Floats:
    """Degrees clockwise from north that a mounted camera looked, [0, 360), ``(n,)``.

    NaN where no heading is asked for (``options.mount`` is None) or none is known.
    """
    if options.mount is None:
        return np.full(len(times), np.nan)
    travel = directions_of_travel(track, times, fixes, options.max_seconds)
    return (travel + options.mount) % 360.0 % 360.0


def directions_of_travel(track: Track, times: Floats, fixes: Fixes, max_seconds: float) -> Floats:
    """Degrees clockwise from north, [0, 360), ``(n,)``, in which the track went at each position.

    From the last point at least :data:`TRAVELLED` metres before a position to the first as far
    after it, neither more than ``max_seconds`` away in time. NaN where there is no position, or no
    such point on either side: what stands still goes nowhere.
    """
    found = np.full(len(times), np.nan)
    for row in np.flatnonzero(fixes.timeline >= 0):
        line = track.timelines[fixes.timeline[row]]
        here = fixes.lat[row], fixes.lon[row]
        after = int(np.searchsorted(line.time, times[row], side="left"))
        first = _far_enough(line, here, range(after - 1, -1, -1), times[row], max_seconds)
        last = _far_enough(line, here, range(after, len(line)), times[row], max_seconds)
        if first is None and last is None:
            continue
        start, end = first or here, last or here
        azimuth, _, _ = _GEOD.inv(start[1], start[0], end[1], end[0])
        found[row] = azimuth % 360.0 % 360.0
    return found


def _far_enough(
    line: Timeline, here: tuple[float, float], order: range, time: float, max_seconds: float
) -> tuple[float, float] | None:
    for point in order:
        if abs(line.time[point] - time) > max_seconds:
            return None
        there = float(line.lat[point]), float(line.lon[point])
        if _GEOD.inv(here[1], here[0], there[1], there[0])[2] >= TRAVELLED:
            return there
    return None
