"""GPX files as phones, watches and computers write them, and a slow way along them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
"""When the walks start."""
LAT, LON = 55.7, 13.2

Point = tuple[float, float, str | None]
"""Latitude, longitude and the text of the time."""


def point(seconds: float, lat: float, lon: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> Point:
    return lat, lon, (START + timedelta(seconds=seconds)).strftime(form)


def walk(seconds: int, step: int = 1, first: int = 0) -> list[Point]:
    """Northeast at 2.3 m a second, a point every ``step`` seconds."""
    return [point(at, LAT + at * 2e-5, LON + at * 1e-5) for at in range(first, seconds + 1, step)]


def gpx(segments: Sequence[Sequence[Point]], form: str = "plain") -> str:
    """The text of a GPX file; ``form`` is whose hand it is."""
    creator, version, inner = {
        "plain": ("a phone", "1.1", ""),
        "strava": ("StravaGPX", "1.1", "<ele>41.2</ele>"),
        "garmin": (
            "Garmin Connect",
            "1.1",
            "<ele>41.2</ele><extensions><ns3:TrackPointExtension><ns3:hr>101</ns3:hr>"
            "</ns3:TrackPointExtension></extensions>",
        ),
        "old": ("an old receiver", "1.0", "<speed>1.2</speed>"),
    }[form]
    body = "".join(
        "<trkseg>"
        + "".join(
            f'<trkpt lat="{lat!r}" lon="{lon!r}">'
            # GPX has elevation before time, and extensions after it.
            + inner.partition("<ext")[0]
            + (f"<time>{time}</time>" if time is not None else "")
            + inner[len(inner.partition("<ext")[0]) :]
            + "</trkpt>"
            for lat, lon, time in points
        )
        + "</trkseg>"
        for points in segments
    )
    spaces = 'xmlns:ns3="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="{version}" creator="{creator}" '
        f'xmlns="http://www.topografix.com/GPX/{version.replace(".", "/")}" {spaces}>'
        f"<metadata><name>a walk</name></metadata><trk><name>a &amp; b</name>{body}</trk></gpx>"
    )


def write_gpx(path: Path, *segments: Sequence[Point], form: str = "plain") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(gpx(segments, form), encoding="utf-8")
    return path


def naive_position(
    times: Sequence[float], lats: Sequence[float], lons: Sequence[float], at: float
) -> tuple[float, float] | None:
    """The place on the great circle between the points around a time, one vector at a time."""
    for i, time in enumerate(times):
        if time == at:
            return lats[i], lons[i]
    for i in range(len(times) - 1):
        if times[i] < at < times[i + 1]:
            a, b = _vector(lats[i], lons[i]), _vector(lats[i + 1], lons[i + 1])
            share = (at - times[i]) / (times[i + 1] - times[i])
            mixed = [(1 - share) * p + share * q for p, q in zip(a, b, strict=True)]
            flat = math.hypot(mixed[0], mixed[1])
            return math.degrees(math.atan2(mixed[2], flat)), math.degrees(
                math.atan2(mixed[1], mixed[0])
            )
    return None


def _vector(lat: float, lon: float) -> tuple[float, float, float]:
    y, x = math.radians(lat), math.radians(lon)
    return math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)
