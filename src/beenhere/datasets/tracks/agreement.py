"""How well photos that have a position of their own agree with a track, and which shift would."""

from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from beenhere import geo
from beenhere.datasets.tracks.interpolate import positions_at
from beenhere.datasets.tracks.track import Floats, Track

_GEOD = Geod(ellps="WGS84")

LEAST_PHOTOS = 3
"""Fewer photos fit somewhere on a track by chance."""

_ASKED = 200
_FINE, _FINE_REACH = 1.0, 3600.0
_COARSE, _COARSE_REACH = 900.0, 14 * 3600.0
_LEAST_GAIN = 10.0


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
    of one (a wrong time zone). It is told if it halves the median, and takes 10 m off it at least.

    Args:
        times: seconds since 1970-01-01 UTC, ``(n,)``.
        lat, lon: the photos' own positions in degrees, ``(n,)``.
        max_seconds, max_metres: as for :func:`~.interpolate.positions_at`.
    """
    there = _distances(track, times, lat, lon, max_seconds, max_metres)
    median = float(np.median(there)) if len(there) else None
    shift = _best_shift(track, times, lat, lon) if len(times) >= LEAST_PHOTOS else 0.0
    if shift:
        moved = _distances(track, times + shift, lat, lon, max_seconds, max_metres)
        enough = len(moved) >= max(LEAST_PHOTOS, len(there), len(times) / 2)
        left = float(np.median(moved)) if enough else np.inf
        before = np.inf if median is None else median
        if left < before / 2 and left < before - _LEAST_GAIN:
            return Agreement(len(there), median, shift, left)
    return Agreement(len(there), median)


def _distances(
    track: Track, times: Floats, lat: Floats, lon: Floats, max_seconds: float, max_metres: float
) -> Floats:
    """Metres between the photos and the track, of those photos that it has a position for."""
    fixes = positions_at(track, times, max_seconds, max_metres)
    known = fixes.timeline >= 0
    metres: Floats = _GEOD.inv(lon[known], lat[known], fixes.lon[known], fixes.lat[known])[2]
    return np.asarray(metres)


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
