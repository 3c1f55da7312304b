"""Reads videos with the programs ffmpeg and ffprobe, where they are installed."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from beenhere.datasets.tracks.track import Floats
from beenhere.errors import DataError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".3gp", ".insv", ".360"}
)
"""Ends of file names, in lower case, that are taken for videos."""

_PACKET = re.compile(r"^(-?\d+\.?\d*),(\w*)", re.MULTILINE)
_FRAMES_A_CALL = 64
"""Frames by one start of ffmpeg, which looks for each of them in every frame that it decodes."""
_SAME = 0.0005
"""Seconds within which two times of a frame are one: ffprobe prints them rounded."""
_FIRST_YEAR = 1990
"""A clock that was never set says 1904 or 1970, where the formats' calendars begin."""


@dataclass(frozen=True)
class Video:
    """A video and its frames.

    Attributes:
        path: its file.
        start: when its first frame was taken, as its metadata say; None if they do not.
        stamps: each frame's time as the file counts, in seconds, ``(n,)``, rising.
        seek: the count at which the file begins, in seconds.
    """

    path: Path
    start: datetime | None
    stamps: Floats
    seek: float

    @property
    def times(self) -> Floats:
        """Seconds of each frame since the first, ``(n,)``."""
        times: Floats = self.stamps - self.stamps[0]
        return times


def read_video(path: Path) -> Video:
    """Length, start and frame times of a video; no frame is decoded.

    Raises:
        DataError: ffprobe is not installed, or the file holds no video that it can read.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a video")
    described = json.loads(_probe(path, "-show_format", "-show_streams", "-of", "json"))
    streams = described.get("streams", [])
    if not streams:
        raise DataError(f"{path}: holds no video")
    printed = _probe(path, "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0")
    shown = [(float(stamp), flags) for stamp, flags in _PACKET.findall(printed)]
    stamps = np.unique([stamp for stamp, flags in shown if "D" not in flags])  # D: cut away
    if not len(stamps):
        raise DataError(f"{path}: a video without frames, or without their times")
    container = described.get("format", {})
    start = _start([container.get("tags", {}), streams[0].get("tags", {})])
    return Video(path, start, stamps, float(container.get("start_time", 0)))


def frames(video: Video, rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Frames as RGB, ``(height, width, 3)``, turned upright as the video's metadata say.

    Args:
        rows: which, rising.

    Raises:
        DataError: ffmpeg is not installed, or cannot decode one of them.
    """
    for first in range(0, len(rows), _FRAMES_A_CALL):
        stamps = video.stamps[list(rows[first : first + _FRAMES_A_CALL])]
        got = 0
        for frame in _decode(video, stamps):
            got += 1
            yield frame
        if got < len(stamps):
            zero = video.stamps[0]
            raise DataError(
                f"{video.path}: {len(stamps) - got} of {len(stamps)} frames between "
                f"{stamps[0] - zero:.1f} s and {stamps[-1] - zero:.1f} s cannot be decoded; "
                "the video is damaged there"
            )


def _decode(video: Video, stamps: Floats) -> Iterator[NDArray[np.uint8]]:
    """The frames with these stamps; fewer where ffmpeg cannot decode them."""
    # Start a little early: the frames are chosen by their stamps alone.
    start = max(0.0, stamps[0] - video.seek - 1.0)
    chosen = "+".join(f"between(t,{t - _SAME:.6f},{t + _SAME:.6f})" for t in stamps)
    # Evenly spaced again, at the rate asked for: so that none is doubled or dropped.
    command = [
        *(_program("ffmpeg"), "-v", "error", "-nostdin", "-copyts"),
        *("-ss", f"{start:.6f}", *_input(video.path)),
        *("-map", "0:V:0", "-vf", f"select='{chosen}',setpts=N/25/TB", "-r", "25"),
        *("-frames:v", str(len(stamps)), "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24"),
        "-",
    ]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process,
    ):
        assert process.stdout is not None
        try:
            while (frame := _ppm(process.stdout)) is not None:
                yield frame
        finally:
            process.kill()


def _ppm(stream: IO[bytes]) -> NDArray[np.uint8] | None:
    """The next picture of a stream; None at its end, or where it is cut off."""
    if stream.readline() != b"P6\n":
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()  # the greatest value: 255
    data = stream.read(width * height * 3)
    if len(data) < width * height * 3:
        return None
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _probe(path: Path, *arguments: str) -> str:
    command = [_program("ffprobe"), "-v", "error", "-select_streams", "V:0", *arguments]
    done = subprocess.run(
        [*command, *_input(path)], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DataError(
            f"{path}: no video that ffprobe can read ({said[-1][-100:] if said else 'no reason'})"
        )
    return done.stdout.decode(errors="replace")


def _input(path: Path) -> tuple[str, ...]:
    """A file and nothing else: a playlist in it may not make ffmpeg go to the network."""
    return "-protocol_whitelist", "file", "-i", f"file:{path.resolve()}"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise DataError(
            f"{name} is not installed, and frames of a video need it; install ffmpeg, which "
            "brings it: apt install ffmpeg (Debian, Ubuntu), brew install ffmpeg (macOS), winget "
            "install ffmpeg (Windows)"
        )
    return found


def _start(tags: list[dict[str, Any]]) -> datetime | None:
    """Apple's own date has the UTC offset; creation_time is UTC."""
    for name in ("com.apple.quicktime.creationdate", "creation_time"):
        for each in tags:
            try:
                time = datetime.fromisoformat(each[name])
            except (KeyError, TypeError, ValueError):
                continue
            if time.year >= _FIRST_YEAR:
                return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None
