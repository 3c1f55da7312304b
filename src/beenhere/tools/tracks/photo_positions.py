"""Gives photos without a position that of a track at their time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from beenhere.config.tools import TrackConfig
from beenhere.dates import iso_date
from beenhere.errors import DataError, PhotoError
from beenhere.photos.photo_file import HEADER_READERS
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.tools.tracks.clocks import camera_time, moment, stated_time, time_zone
from beenhere.tools.tracks.interpolate import (
    AFTER,
    BEFORE,
    GAP,
    Agreement,
    Fixes,
    agreement,
    camera_headings,
    positions_at,
)
from beenhere.tools.tracks.track import Floats, Track
from beenhere.wording import duration


@dataclass
class TrackedPhotos:
    """Photos with the positions of a track.

    Attributes:
        table: every photo that can be read; those that got no position have none.
        placed: how many got their position from the track.
        kept: how many had a position of their own, which stays.
        agreement: of the latter with the track.
        missed: ``(path, why)`` of the photos without a position still.
        unusable: ``(path, reason)`` of files that cannot be read.
    """

    table: PhotoTable
    placed: int
    kept: int
    agreement: Agreement
    missed: list[tuple[str, str]] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def track_photos(table: PhotoTable, track: Track, options: TrackConfig) -> TrackedPhotos:
    """Positions by time for the photos of a table that have none.

    The time is EXIF's DateTimeOriginal with its fraction and its UTC offset; where a clock has no
    offset, ``options.timezone`` says it. The ``captured`` of a photo whose moment is known becomes
    that moment, shifted, with its UTC offset. Photos outside of the track, or in a gap of it, get
    no position.

    Raises:
        ConfigError: a time zone that is none.
        DataError: no photo has a time, or one that needs a position has a time without a UTC
            offset while no time zone is given.
    """
    zone = None if options.timezone is None else time_zone(options.timezone)
    clocks, unusable = _clocks(table)
    bad = {path for path, _ in unusable}
    rows = np.array([row for row, path in enumerate(table.paths) if path not in bad], np.int64)
    photos = table.rows(rows)
    own = photos.positions.known
    _refuse_unclear(photos.paths, [clocks[row] for row in rows], own, zone)
    moments, reasons = _moments([clocks[row] for row in rows], zone, options.shift)
    times = np.array([np.nan if m is None else m.timestamp() for m in moments], np.float64)

    timed = np.isfinite(times)
    asked = np.flatnonzero(timed & ~own)
    fixes = positions_at(track, times[asked], options.max_seconds, options.max_metres)
    headings = camera_headings(track, times[asked], fixes, options)
    both = np.flatnonzero(timed & own)
    lat, lon = photos.positions.lat[both], photos.positions.lon[both]
    agreed = agreement(track, times[both], lat, lon, options.max_seconds, options.max_metres)
    for row, why in zip(asked, _reasons(track, fixes), strict=True):
        reasons[row] = why
    return TrackedPhotos(
        table=_filled(photos, asked, fixes, headings, moments),
        placed=int((fixes.timeline >= 0).sum()),
        kept=int(own.sum()),
        agreement=agreed,
        missed=[
            (path, why)
            for path, why, has in zip(photos.paths, reasons, own, strict=True)
            if why and not has
        ],
        unusable=sorted([*table.unusable, *unusable]),
    )


def _clocks(table: PhotoTable) -> tuple[list[datetime | None], list[tuple[str, str]]]:
    """Each photo's clock, by its EXIF, else by the table; and the files that cannot be read."""
    stated = table.frame["captured"].to_list()

    def read(path: str, captured: str | None) -> datetime | PhotoError | None:
        try:
            return camera_time(path) or stated_time(captured)
        except PhotoError as error:
            return error

    clocks: list[datetime | None] = []
    unusable = []
    with (
        ThreadPoolExecutor(HEADER_READERS) as pool,
        progress("times of photos", len(table)) as advance,
    ):
        for path, clock in zip(table.paths, pool.map(read, table.paths, stated), strict=True):
            if isinstance(clock, PhotoError):
                unusable.append((path, clock.reason))
            clocks.append(None if isinstance(clock, PhotoError) else clock)
            advance(1)
    return clocks, unusable


def _refuse_unclear(
    paths: list[str], clocks: list[datetime | None], own: NDArray[np.bool_], zone: tzinfo | None
) -> None:
    """Stop before hours are guessed."""
    if paths and all(clock is None for clock in clocks):
        raise DataError(
            f"none of the {len(paths):,} photos says when it was taken (EXIF DateTimeOriginal); "
            "a track gives positions by time alone"
        )
    unclear = [
        (path, clock)
        for path, clock, has in zip(paths, clocks, own, strict=True)
        if clock is not None and clock.tzinfo is None and not has
    ]
    if unclear and zone is None:
        path, clock = unclear[0]
        raise DataError(
            f"{path}: its time {clock:%Y-%m-%d %H:%M:%S} has no UTC offset (photos like it: "
            f"{len(unclear):,}); give --timezone, what the camera's clock was set to: such as "
            "Europe/Stockholm or +02:00"
        )


def _moments(
    clocks: list[datetime | None], zone: tzinfo | None, shift: float
) -> tuple[list[datetime | None], list[str]]:
    """Each photo's moment, or why it is not known."""
    moments: list[datetime | None] = []
    reasons = []
    for clock in clocks:
        try:
            if clock is None:
                raise DataError("says no time")
            moments.append(moment(clock, zone) + timedelta(seconds=shift))
            reasons.append("")
        except (DataError, OverflowError) as error:
            moments.append(None)
            reasons.append(str(error))
    return moments, reasons


def _reasons(track: Track, fixes: Fixes) -> list[str]:
    start, end = (datetime.fromtimestamp(time, UTC) for time in track.span)
    texts = []
    for missing, seconds, metres in zip(fixes.missing, fixes.seconds, fixes.metres, strict=True):
        long = duration(seconds) if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
        text = {
            BEFORE: f"{long} before the track starts ({start:%Y-%m-%d %H:%M}Z)",
            AFTER: f"{long} after the track ends ({end:%Y-%m-%d %H:%M}Z)",
            GAP: f"in a gap of the track: {long}, {metres:,.0f} m",
        }
        texts.append(text.get(missing, ""))
    return texts


def _filled(
    photos: PhotoTable,
    asked: NDArray[np.intp],
    fixes: Fixes,
    headings: Floats,
    moments: list[datetime | None],
) -> PhotoTable:
    columns = {name: photos.frame[name].to_list() for name in photos.frame.columns}
    for row, time in enumerate(moments):
        if time is not None:
            columns["captured"][row] = iso_date(time.isoformat())  # without noughts at its end
    for row, line, lat, lon, heading in zip(
        asked, fixes.timeline, fixes.lat, fixes.lon, headings, strict=True
    ):
        if line >= 0:
            columns["lat"][row], columns["lon"][row] = float(lat), float(lon)
        if np.isfinite(heading):
            columns["heading"][row] = float(heading)
    return PhotoTable.from_columns(columns, notes=photos.notes, source="photos along a track")
