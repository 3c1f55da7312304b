"""GPS tracks: points in time on one or several timelines, read from GPX files."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import ParseError

import gpxpy
import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from gpxpy.gpx import GPXException, GPXTrackPoint
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.files.regular import regular
from beenhere.wording import one_line

Floats = NDArray[np.float64]

MAX_BYTES = 256 << 20
"""A larger file (3 million points) is refused: reading it would take 4 GiB of memory."""


@dataclass(frozen=True)
class Timeline:
    """Points in the order of their times, of which no two are equal.

    Attributes:
        time: seconds since 1970-01-01 UTC, ``(n,)``, rising.
        lat, lon: degrees WGS84, ``(n,)``.
    """

    time: Floats
    lat: Floats
    lon: Floats

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Track:
    """All that GPX files hold.

    Two receivers that ran at the same time are two timelines: to go from a point of one to a point
    of the other would be a zigzag.

    Attributes:
        timelines: at least one, each with at least one point.
        files: how many files they come from.
        notes: what of the files was not used, and why.
    """

    timelines: tuple[Timeline, ...]
    files: int = 1
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.timelines))

    @property
    def span(self) -> tuple[float, float]:
        """The first and last point's time."""
        starts, ends = zip(*((line.time[0], line.time[-1]) for line in self.timelines), strict=True)
        return float(min(starts)), float(max(ends))


def timeline(time: Floats, lat: Floats, lon: Floats) -> Timeline:
    """Points in any order; of those with equal times the first counts."""
    times, first = np.unique(time, return_index=True)
    return Timeline(times, lat[first], lon[first])


def chained(segments: Iterable[Timeline]) -> tuple[Timeline, ...]:
    """Segments that follow each other in time as one timeline; those that overlap stay apart."""
    chains: list[list[Timeline]] = []
    for segment in sorted(segments, key=lambda line: line.time[0]):
        over = [chain for chain in chains if chain[-1].time[-1] < segment.time[0]]
        if over:
            max(over, key=lambda chain: chain[-1].time[-1]).append(segment)
        else:
            chains.append([segment])
    columns = [[(line.time, line.lat, line.lon) for line in chain] for chain in chains]
    return tuple(Timeline(*map(np.concatenate, zip(*each, strict=True))) for each in columns)


def read_tracks(paths: Sequence[Path]) -> Track:
    """The points with a time in GPX files; folders stand for the ``.gpx`` files directly in them.

    A time without a zone is UTC, as the format says. Points without a time or off the Earth are
    left out, and counted in the notes. The order of the points in a segment does not matter.

    Raises:
        DataError: no such file, no GPX, a file with a document type (the way to XML bombs), or no
            point with a time in any of them.
    """
    files = [file for path in paths for file in _files(path)]
    segments: list[Timeline] = []
    notes: list[str] = []
    for file in files:
        found, missed = _segments(file)
        segments += found
        if missed:
            notes.append(f"{file}: {', '.join(missed)}")
        elif not found:
            notes.append(f"{file}: no track in it")
    if not segments:
        why = f" ({notes[0]})" if notes else ""
        raise DataError(
            f"no point with a time in {', '.join(map(str, paths))}{why}; expected the record of a "
            "way, not a planned route"
        )
    return Track(chained(segments), len(files), tuple(notes))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".gpx")
        if not found:
            raise DataError(f"{path}: no .gpx file in this folder")
        return found
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a GPX track")
    return [path]


def _segments(file: Path) -> tuple[list[Timeline], list[str]]:
    """The segments of a file with any usable point, and what of it cannot be used."""
    text = _text(file)
    try:
        gpx = gpxpy.parse(text)
    except GPXException as error:
        raise DataError(
            f"{file}: not a GPX file that can be read ({one_line(error, 100)})"
        ) from error
    segments: list[Timeline] = []
    no_time = off_earth = 0
    for track in gpx.tracks:
        for segment in track.segments:
            timed = [_point(point.time, point) for point in segment.points if point.time]
            good = [each for each in timed if abs(each[1]) <= 90 and abs(each[2]) <= 180]
            no_time += len(segment.points) - len(timed)
            off_earth += len(timed) - len(good)
            if good:
                segments.append(timeline(*np.array(good, np.float64).T))
    missed = []
    if no_time:
        missed.append(f"{no_time:,} points without a time")
    if off_earth:
        missed.append(f"{off_earth:,} points off the Earth")
    return segments, missed


def _text(file: Path) -> str:
    """The text of a file that begins as GPX and declares no entities."""
    size = regular(file).stat().st_size
    if size > MAX_BYTES:
        raise DataError(
            f"{file}: {size >> 20} MiB; expected at most {MAX_BYTES >> 20}: cut it into several"
        )
    data = file.read_bytes()
    try:
        # A document type can only stand before the first element: the rest need not be parsed.
        _, root = next(iterparse(io.BytesIO(data), ("start",), forbid_dtd=True))
    except DefusedXmlException as error:
        raise DataError(
            f"{file}: has a document type (DOCTYPE), which no GPX file needs; remove it"
        ) from error
    except (ParseError, ValueError) as error:
        raise DataError(f"{file}: not a GPX file ({one_line(error, 100)})") from error
    name = root.tag.rpartition("}")[2]
    if name != "gpx":
        raise DataError(f"{file}: holds <{name}>, not <gpx>; export the track as GPX")
    # Times and positions are ASCII: an odd letter in a name is no reason to stop.
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _point(time: datetime, point: GPXTrackPoint) -> tuple[float, float, float]:
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    return moment.timestamp(), point.latitude, point.longitude
