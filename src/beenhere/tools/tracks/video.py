"""Takes frames out of a video, with the positions of a track."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.tools import FramesConfig, TrackConfig
from beenhere.errors import ConfigError, DataError
from beenhere.files.atomic import new_folder
from beenhere.files.regular import regular
from beenhere.photos.exif import PhotoFacts, jpeg_bytes
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.tools.tracks.clocks import moment, stated_time, time_zone
from beenhere.tools.tracks.interpolate import Fixes, camera_headings, positions_at
from beenhere.tools.tracks.track import Floats, Track
from beenhere.wording import one_line

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".3gp", ".insv", ".360"}
)
"""Ends of file names, in lower case, that are taken for videos."""

_FIRST_YEAR = 1990
"""A clock that was never set says 1904 or 1970, where the formats' calendars begin."""


TABLE = "photos.csv"
"""The table of the frames, beside them."""

DEFAULT_METRES = 5.0
"""Of way between two frames, where nothing is said."""


@dataclass(frozen=True)
class Video:
    """A video and its frames.

    Attributes:
        path: its file.
        start: when its first frame was taken, as its metadata say; None if they do not.
        stamps: each frame's time as the file counts, ``(n,)``, rising.
        keys: the stamps of the frames that can be decoded without those before, rising.
        tick: seconds that a stamp counts.
    """

    path: Path
    start: datetime | None
    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    tick: Fraction

    @property
    def times(self) -> Floats:
        """Seconds of each frame since the first, ``(n,)``."""
        return np.asarray((self.stamps - self.stamps[0]) * float(self.tick), np.float64)


def read_video(path: Path) -> Video:
    """Start and frame times of a video; no frame is decoded.

    Raises:
        DataError: no such file, or one that holds no video that can be read.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a video")
    with _opened(path) as (container, stream):
        stamps, keys = [], []
        for packet in _packets(container, stream):
            # Discarded: cut away in the camera or by an editor, but still in the file.
            if packet.pts is not None and not packet.is_discard:
                stamps.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
        if not stamps or stream.time_base is None:
            raise DataError(f"{path}: a video without frames, or without their times")
        start = _start(container.metadata, stream.metadata)
        return Video(path, start, np.unique(stamps), np.unique(keys), stream.time_base)


def frames(video: Video, rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Frames as RGB, ``(height, width, 3)``, turned upright as the video's metadata say.

    Args:
        rows: which, rising.

    Raises:
        DataError: one of them cannot be decoded.
    """
    with _opened(video.path) as (container, stream):
        stream.thread_type = "AUTO"
        second = round(1 / video.tick)
        decoded = _decoded(container, stream)
        frame = next(decoded, None)
        for stamp in video.stamps[list(rows)].tolist():
            keys = video.keys[: np.searchsorted(video.keys, stamp, "right")]
            # A second early, because a transport stream is entered somewhere near, and its frames
            # come out from the next key frame on. Where it is not far, decoding on is quicker.
            if frame is not None and len(keys) and keys[-1] - second > frame.pts:
                with suppress(av.FFmpegError):  # then what lies between is decoded, too
                    container.seek(int(keys[-1]) - second, stream=stream)
                    decoded = _decoded(container, stream)
            while frame is not None and frame.pts < stamp:
                frame = next(decoded, None)
            if frame is None or frame.pts != stamp:
                zero, last = video.stamps[[0, -1]].tolist()
                begin, end = stamp - zero, (last if frame is None else frame.pts) - zero
                raise DataError(
                    f"{video.path}: frames between {float(begin * video.tick):.1f} s and "
                    f"{float(end * video.tick):.1f} s cannot be decoded; the video is damaged there"
                )
            yield _upright(frame)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its first stream of pictures, other than a cover; errors in one line."""
    try:
        # From files alone: a playlist in the file may not make the library go to the network.
        with av.open(
            f"file:{regular(path).resolve()}",
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        ) as container:
            cover = Disposition.attached_pic
            streams = [each for each in container.streams.video if not each.disposition & cover]
            if not streams:
                raise DataError(f"{path}: holds no video")
            yield container, streams[0]
    except (av.FFmpegError, OSError) as error:
        # Its text ends in the file's name, which stands before it already.
        why = one_line(error.strerror or "no reason", 100)
        raise DataError(f"{path}: no video that can be read ({why})") from error


def _packets(container: InputContainer, stream: VideoStream) -> Iterator["av.Packet[VideoStream]"]:
    """The packets of a stream, as far as the file can be read: it may be cut off."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError):
            return


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames from here on, without those that cannot be decoded."""
    for packet in _packets(container, stream):
        try:
            found = packet.decode()
        except av.FFmpegError:
            continue  # whoever wants one of these will miss it, and say so
        yield from (frame for frame in found if frame.pts is not None)


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    """Pixels, turned and mirrored by quarters as the display matrix of the frame says."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24", dst_color_range="JPEG"), np.uint8)
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return pixels
    # Where the stored x and y go: x' = a x + c y, y' = b x + d y, in 16.16 fixed point.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) > abs(a):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _start(*tags: dict[str, str]) -> datetime | None:
    """Apple's own date has the UTC offset; creation_time is UTC."""
    for name in ("com.apple.quicktime.creationdate", "creation_time"):
        for each in tags:
            try:
                time = datetime.fromisoformat(each[name])
            except (KeyError, ValueError):
                continue
            if time.year >= _FIRST_YEAR:
                return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None


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
        DataError: the file is no video, it does not say when it starts and ``which.start``
            neither, the track has no position for any of it, or ``out`` is there already.
    """
    with new_folder(out) as folder:
        video = read_video(path)
        start = _first_moment(video, options, which)
        times = start.timestamp() + video.times
        fixes = positions_at(track, times, options.max_seconds, options.max_metres)
        covered = fixes.timeline >= 0
        if not covered.any():
            raise DataError(_elsewhere(path, start, float(video.times[-1]), track))
        rows = np.flatnonzero(covered)
        rows = rows[_chosen(video.times[rows], fixes.rows(rows), which)]
        taken = fixes.rows(rows)
        headings = camera_headings(track, times[rows], taken, options)
        table = _frame_table(video, rows, start, taken, headings)
        with progress("frames", len(rows)) as advance:
            pictures = frames(video, rows.tolist())
            for row, picture in zip(table.frame.iter_rows(named=True), pictures, strict=True):
                height, width, _ = picture.shape
                where = {name: row[name] for name in ("lat", "lon", "heading", "captured")}
                facts = PhotoFacts(width, height, **where)
                (folder / row["path"]).write_bytes(jpeg_bytes(picture, facts, which.quality))
                advance(1)
        table.write(folder / TABLE)
    step = float(np.median(np.diff(video.times))) if len(video.times) > 1 else 0.0
    return TrackedFrames(table, start, float(video.times[-1]), float((~covered).sum() * step))


def _first_moment(video: Video, options: TrackConfig, which: FramesConfig) -> datetime:
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


def _frame_table(
    video: Video, rows: NDArray[np.intp], start: datetime, fixes: Fixes, headings: Floats
) -> PhotoTable:
    seconds = video.times[rows].tolist()
    stem = video.path.stem.replace("@", "_")  # an @ would make the name one that holds a position
    # Added in UTC: a clock that is changed on the way would add an hour.
    moments = [start.astimezone(UTC) + timedelta(seconds=at) for at in seconds]
    columns = {
        "path": [f"{stem}_{round(1000 * at):08}.jpg" for at in seconds],
        "captured": [at.astimezone(start.tzinfo).isoformat("T", "milliseconds") for at in moments],
        "lat": fixes.lat,
        "lon": fixes.lon,
        "heading": headings,
    }
    source = f"frames of {video.path.name} along a track"
    return PhotoTable.from_columns(columns, source=source)
