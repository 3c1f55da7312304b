"""GPS tracks: points in time on one or several timelines, read from GPX files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

import numpy as np
from numpy.typing import NDArray

from beenhere.dates import iso_date
from beenhere.errors import DataError
from beenhere.files.regular import regular
from beenhere.wording import count, one_line, shortened

Floats = NDArray[np.float64]

MAX_BYTES = 256 << 20
"""A larger file (3 million points) is refused."""
_LONGEST = 64
"""Characters of a number or a time."""


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

    A time without a zone is UTC, as the format says. Points without a time or a position, off the
    Earth, or at 0, 0, which receivers write before they have a fix, are left out, and counted in
    the notes. The order of the points in a segment does not matter.

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
    reader = _Reader(file)
    reader.read(_text(file))
    segments = [timeline(*np.array(points, np.float64).T) for points in reader.segments if points]
    return segments, [f"{count(n, 'point')} {why}" for why, n in reader.missed.items()]


class _Reader:
    """The points with a time of a GPX file, segment by segment, and how many have none.

    Names of elements count without their namespaces' prefixes, which every program writes in its
    own way. What is no track (routes, waypoints, extensions) is passed over.
    """

    def __init__(self, file: Path) -> None:
        self.segments: list[list[tuple[float, float, float]]] = []
        self.missed: Counter[str] = Counter()
        self._file = file
        self._depth = 0
        self._point: dict[str, str] | None = None
        self._point_depth = 0
        self._text = ""
        self._time: str | None = None

    def read(self, text: bytes) -> None:
        """Read a whole file; raises DataError where it is no GPX."""
        parser = ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(text, True)
        except ExpatError as error:
            how = "not a GPX file that can be read" if self._depth else "not a GPX file"
            raise DataError(f"{self._file}: {how} ({one_line(error, 100)})") from error

    def _doctype(self, *declared: object) -> None:
        # The way to XML bombs, and to files elsewhere.
        raise DataError(
            f"{self._file}: has a document type (DOCTYPE), which no GPX file needs; remove it"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._depth += 1
        if self._depth == 1 and name != "gpx":
            raise DataError(
                f"{self._file}: holds <{shortened(name)}>, not <gpx>; export the track as GPX"
            )
        if name == "trkseg":
            self.segments.append([])
        elif name == "trkpt" and self.segments:
            self._point, self._point_depth = attributes, self._depth
            self._text = ""
        elif name == "time" and self._point is not None and self._depth == self._point_depth + 1:
            self._time = ""

    def _characters(self, text: str) -> None:
        if self._time is not None and len(self._time) <= _LONGEST:
            self._time += text[: _LONGEST + 1]

    def _end(self, tag: str) -> None:
        if self._time is not None and tag.endswith("time"):
            self._text, self._time = self._time, None
        if self._point is not None and self._depth == self._point_depth:
            self._add(self._point, self._text)
            self._point = None
        self._depth -= 1

    def _add(self, point: dict[str, str], time: str) -> None:
        lat, lon = (_degrees(point.get(name, "")) for name in ("lat", "lon"))
        moment = _moment(time)
        if lat is None or lon is None:
            self.missed["without a position"] += 1
        elif moment is None:
            self.missed["without a time"] += 1
        elif not (abs(lat) <= 90 and abs(lon) <= 180):
            self.missed["off the Earth"] += 1
        elif lat == 0 and lon == 0:
            self.missed["at 0, 0 (no fix)"] += 1
        else:
            self.segments[-1].append((moment, lat, lon))


def _degrees(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) if len(text) <= _LONGEST else None
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    """Seconds since 1970-01-01 UTC, which a time without a zone is in; None: no time."""
    date = iso_date(text)
    if date is None or "T" not in date:
        return None
    time = datetime.fromisoformat(date)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _text(file: Path) -> bytes:
    """The text of a file in UTF-8."""
    size = regular(file).stat().st_size
    if size > MAX_BYTES:
        raise DataError(
            f"{file}: {size >> 20} MiB; expected at most {MAX_BYTES >> 20}: cut it into several"
        )
    data = file.read_bytes()
    # Times and positions are ASCII: an odd letter in a name is no reason to stop.
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace").encode()
