"""Where a track was at a time, which way it went, and how well photos agree with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.tools import TrackConfig
from beenhere.tools.tracks.track import Floats, Timeline, Track

BEFORE, AFTER, GAP = "before", "after", "gap"

TRAVELLED = 2.5
"""Metres before and after a position whose direction is that of travel: a receiver's own noise
moves it by a metre or two from second to second."""

LEAST_PHOTOS = 3
"""Fewer photos fit somewhere on a track by chance."""

_ASKED = 200
_FINE, _FINE_REACH = 1.0, 3600.0
_COARSE, _COARSE_REACH = 900.0, 14 * 3600.0
_LEAST_GAIN = 10.0


@dataclass(frozen=True)
class Fixes:
    """Positions at ``n`` times.

    Attributes:
        lat, lon: degrees WGS84, ``(n,)``; NaN where the track does not say.
        timeline: which of the track's timelines each is from, ``(n,)``; -1 for none.
        seconds: what each is interpolated over, ``(n,)``, or, where there is none for a gap, the
            length of the shortest gap; else how far the time lies outside of the track.
        metres: the same as a distance, ``(n,)``; NaN outside of the track.
        missing: ``(n,)`` why there is none: ``"before"`` or ``"after"`` the track, in a ``"gap"``;
            ``""`` where there is one.
    """

    lat: Floats
    lon: Floats
    timeline: NDArray[np.intp]
    seconds: Floats
    metres: Floats
    missing: NDArray[np.str_]

    def rows(self, index: NDArray[np.intp]) -> "Fixes":
        """Those of the named rows, in the order given."""
        return Fixes(*(column[index] for column in vars(self).values()))


def positions_at(track: Track, times: Floats, max_seconds: float, max_metres: float) -> Fixes:
    """Positions at times, along the geodesic between the two points around each.

    Where several timelines have one, the two points that are nearest in time to each other count.

    Args:
        track: at least one point.
        times: seconds since 1970-01-01 UTC, ``(n,)``.
        max_seconds, max_metres: two points further apart have no position between them.
    """
    lat, lon, metres, seconds = np.full((4, len(times)), np.nan)
    seconds[:] = np.inf
    timeline = np.full(len(times), -1, np.intp)
    for number, line in enumerate(track.timelines):
        inside = np.flatnonzero((times >= line.time[0]) & (times <= line.time[-1]))
        y, x, apart, far = _between(line, times[inside])
        good = (apart <= max_seconds) & (far <= max_metres)
        better = np.where(good == (timeline[inside] >= 0), apart < seconds[inside], good)
        rows, good = inside[better], good[better]
        seconds[rows], metres[rows] = apart[better], far[better]
        lat[rows], lon[rows] = np.where(good, (y[better], x[better]), np.nan)
        timeline[rows] = np.where(good, number, -1)
    start, end = track.span
    outside = (times < start) | (times > end)
    seconds[outside] = np.maximum(start - times, times - end)[outside]
    reasons = [timeline >= 0, times < start, times > end]
    return Fixes(lat, lon, timeline, seconds, metres, np.select(reasons, ["", BEFORE, AFTER], GAP))


def _between(line: Timeline, times: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Latitude and longitude at times within a timeline, and the seconds and metres around."""
    after = np.searchsorted(line.time, times, side="left")
    before = np.maximum(after - 1, 0)
    before = np.where(line.time[after] == times, after, before)  # a point itself is no gap
    seconds = line.time[after] - line.time[before]
    start = line.lat[before], line.lon[before]
    azimuth, metres = geo.geodesic(*start, line.lat[after], line.lon[after])
    share = (times - line.time[before]) / np.where(seconds > 0, seconds, 1)
    lat, lon = geo.destination(*start, azimuth, share * metres)
    return lat, lon, seconds, metres


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
        oldest = int(np.searchsorted(line.time, times[row] - max_seconds, side="left"))
        newest = int(np.searchsorted(line.time, times[row] + max_seconds, side="right"))
        first = _far_enough(line, here, range(after - 1, oldest - 1, -1))
        last = _far_enough(line, here, range(after, newest))
        if first is None and last is None:
            continue
        azimuth, _ = geo.geodesic(*(first or here), *(last or here))
        found[row] = azimuth % 360.0 % 360.0
    return found


def _far_enough(
    line: Timeline, here: tuple[float, float], order: range
) -> tuple[float, float] | None:
    """The first of these points that lies far enough away."""
    # A few at a time: of most tracks the next point or two do, but a wait may have thousands.
    for start in range(0, len(order), 8):
        points = np.array(order[start : start + 8])
        _, metres = geo.geodesic(*here, line.lat[points], line.lon[points])
        for point in points[metres >= TRAVELLED]:
            return float(line.lat[point]), float(line.lon[point])
    return None


@dataclass(frozen=True)
class Agreement:
    """Photos with a position of their own beside the track's at the same times.

    Attributes:
        photos: how many could be compared.
        median: metres between the two; None for no photo.
        better_shift: seconds by which the photos' times would have to be moved further to agree
            much better; None where nothing does.
        better_median: metres that would be left then.
    """

    photos: int
    median: float | None = None
    better_shift: float | None = None
    better_median: float | None = None


def agreement(
    track: Track, times: Floats, lat: Floats, lon: Floats, max_seconds: float, max_metres: float
) -> Agreement:
    """Compare photos' own positions with the track's.

    A better shift is looked for within an hour, second by second, and within 14 hours in quarters
    of one (a wrong time zone). It counts if it halves the median, and takes 10 m off it at least.

    Args:
        times: seconds since 1970-01-01 UTC, ``(n,)``.
        lat, lon: the photos' own positions in degrees, ``(n,)``.
        max_seconds, max_metres: as for :func:`positions_at`.
    """

    def distances(shift: float) -> Floats:
        """Metres between the photos and the track, of those photos that it has a position for."""
        fixes = positions_at(track, times + shift, max_seconds, max_metres)
        known = fixes.timeline >= 0
        return geo.geodesic(lat[known], lon[known], fixes.lat[known], fixes.lon[known])[1]

    there = distances(0.0)
    median = float(np.median(there)) if len(there) else None
    shift = _best_shift(track, times, lat, lon) if len(times) >= LEAST_PHOTOS else 0.0
    if shift:
        moved = distances(shift)
        enough = len(moved) >= max(LEAST_PHOTOS, len(there), len(times) / 2)
        left = float(np.median(moved)) if enough else np.inf
        before = np.inf if median is None else median
        if left < before / 2 and left < before - _LEAST_GAIN:
            return Agreement(len(there), median, shift, left)
    return Agreement(len(there), median)


def _best_shift(track: Track, times: Floats, lat: Floats, lon: Floats) -> float:
    """Seconds that bring the photos nearest to the longest timeline, by their median distance.

    Along chords, and over gaps too: only a first guess, made for thousands of shifts at once.
    """
    line = max(track.timelines, key=len)
    asked = np.linspace(0, len(times) - 1, min(len(times), _ASKED)).round().astype(np.intp)
    photos = geo.earth_centred(geo.positions(lat[asked], lon[asked]))
    points = geo.earth_centred(geo.positions(line.lat, line.lon))
    fine = np.arange(-_FINE_REACH, _FINE_REACH + _FINE, _FINE)
    coarse = np.arange(-_COARSE_REACH, _COARSE_REACH + _COARSE, _COARSE)
    shifts = np.concatenate([fine, coarse])
    moved = times[asked] + shifts[:, None]
    squares = np.zeros_like(moved)
    for axis in range(3):
        way = np.interp(moved, line.time, points[:, axis], left=np.inf, right=np.inf)
        squares += (way - photos[:, axis]) ** 2
    medians = np.median(squares, axis=1)
    # Of equal ones the least shift: a camera that stood still says nothing of its clock.
    nearest = np.flatnonzero(medians <= medians.min() * (1 + 1e-9))
    return float(min(shifts[nearest], key=abs))
