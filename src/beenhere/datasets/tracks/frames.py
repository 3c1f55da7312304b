"""Takes frames out of a video, with the positions of a track."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import FramesConfig, TrackConfig
from beenhere.datasets.table import PhotoTable
from beenhere.datasets.tracks.ffmpeg import Video, frames, read_video
from beenhere.datasets.tracks.interpolate import Fixes, camera_headings, positions_at
from beenhere.datasets.tracks.photo_times import moment, stated_time, time_zone
from beenhere.datasets.tracks.track import Floats, Track
from beenhere.errors import ConfigError, DataError
from beenhere.exif import PhotoFacts
from beenhere.exif_writing import jpeg_bytes
from beenhere.files.atomic import staged
from beenhere.progress import progress

TABLE = "photos.csv"
"""The table of the frames, beside them."""

DEFAULT_METRES = 5.0
"""Of way between two frames, where nothing is said."""


@dataclass
class TrackedFrames:
    """Frames of a video with the positions of a track.

    Attributes:
        table: the frames; paths are relative to their folder.
        start: when the video starts, shifted.
        seconds: how long the video is.
        uncovered: seconds of it for which the track has no position.
    """

    table: PhotoTable
    start: datetime
    seconds: float
    uncovered: float


def track_video(
    path: Path, track: Track, out: Path, options: TrackConfig, which: FramesConfig
) -> TrackedFrames:
    """Write frames of a video as JPEGs with EXIF (position, heading, date), and their table.

    Frames for which the track has no position are not taken. The folder is there whole or not at
    all.

    Args:
        path: the video.
        out: a new folder.

    Raises:
        ConfigError: a time zone or a start that is none.
        DataError: ffmpeg is not installed, the file is no video, it does not say when it starts
            and ``which.start`` neither, the track has no position for any of it, or ``out`` is
            there already.
    """
    with staged(out) as folder:
        video = read_video(path)
        start = _start(video, options, which)
        times = start.timestamp() + video.times
        fixes = positions_at(track, times, options.max_seconds, options.max_metres)
        covered = fixes.timeline >= 0
        if not covered.any():
            raise DataError(_elsewhere(path, start, float(video.times[-1]), track))
        rows = np.flatnonzero(covered)
        rows = rows[_chosen(video.times[rows], fixes.rows(rows), which)]
        taken = fixes.rows(rows)
        headings = camera_headings(track, times[rows], taken, options)
        table = _write(folder, video, rows, start, taken, headings, which.quality)
    step = float(np.median(np.diff(video.times))) if len(video.times) > 1 else 0.0
    return TrackedFrames(table, start, float(video.times[-1]), float((~covered).sum() * step))


def _start(video: Video, options: TrackConfig, which: FramesConfig) -> datetime:
    """The moment of the first frame, shifted; in the time zone that is asked for."""
    zone = None if options.timezone is None else time_zone(options.timezone)
    start = video.start
    if which.start is not None:
        stated = stated_time(which.start)
        if stated is None:
            raise ConfigError(
                f"start is {which.start!r}; expected a time such as 2024-05-01T14:30:00+02:00"
            )
        start = moment(stated, zone)
    if start is None:
        raise DataError(
            f"{video.path}: does not say when it starts (creation_time); give --start, such as "
            "2024-05-01T14:30:00+02:00"
        )
    shifted = start.astimezone(UTC) + timedelta(seconds=options.shift)
    return shifted.astimezone(zone or start.tzinfo)


def _elsewhere(path: Path, start: datetime, seconds: float, track: Track) -> str:
    begins, ends = (datetime.fromtimestamp(time, start.tzinfo) for time in track.span)
    return (
        f"{path}: the track has no position for any of it: the video is from {start:%Y-%m-%d %X%z} "
        f"on for {seconds:.0f} s, the track from {begins:%Y-%m-%d %X%z} to {ends:%Y-%m-%d %X%z}; "
        "is the clock right? See --shift and --start"
    )


def _chosen(times: Floats, fixes: Fixes, which: FramesConfig) -> NDArray[np.intp]:
    """Which frames to take, of those with a position."""
    if which.every_seconds is not None:
        wanted = np.arange(times[0], times[-1] + 1e-9, which.every_seconds)
        after = np.searchsorted(times, wanted).clip(1, max(len(times) - 1, 1))
        before = after - 1
        after = after.clip(max=len(times) - 1)
        nearer = np.where(wanted - times[before] <= times[after] - wanted, before, after)
        near = np.abs(times[nearer] - wanted) <= which.every_seconds / 2
        return np.unique(nearer[near])
    metres = which.every_metres or DEFAULT_METRES
    points = geo.earth_centred(geo.positions(fixes.lat, fixes.lon)).tolist()
    # As the crow flies from the last one taken: a receiver's noise while it stands still adds up
    # to a long way, but leads nowhere.
    chosen = [0]
    for row, point in enumerate(points):
        if math.dist(point, points[chosen[-1]]) >= metres:
            chosen.append(row)
    return np.array(chosen, np.intp)


def _write(
    folder: Path,
    video: Video,
    rows: NDArray[np.intp],
    start: datetime,
    fixes: Fixes,
    headings: Floats,
    quality: int,
) -> PhotoTable:
    seconds = video.times[rows]
    stem = video.path.stem.replace("@", "_")  # an @ would make the name one that holds a position
    names = [f"{stem}_{round(1000 * at):08}.jpg" for at in seconds]
    # Added in UTC: a clock that is changed on the way would add an hour.
    moments = [start.astimezone(UTC) + timedelta(seconds=float(at)) for at in seconds]
    captured = [at.astimezone(start.tzinfo).isoformat("T", "milliseconds") for at in moments]
    known = [None if math.isnan(heading) else float(heading) for heading in headings]
    pictures = frames(video, rows.tolist())
    with progress("frames", len(rows)) as advance:
        for name, picture, lat, lon, heading, date in zip(
            names, pictures, fixes.lat, fixes.lon, known, captured, strict=True
        ):
            facts = PhotoFacts(
                width=picture.shape[1],
                height=picture.shape[0],
                lat=float(lat),
                lon=float(lon),
                heading=heading,
                captured=date,
            )
            (folder / name).write_bytes(jpeg_bytes(picture, facts, quality))
            advance(1)
    table = PhotoTable.from_columns(
        {
            "path": names,
            "lat": fixes.lat,
            "lon": fixes.lon,
            "heading": known,
            "captured": captured,
        },
        source=f"frames of {video.path.name} along a track",
    )
    table.write(folder / TABLE)
    return table
