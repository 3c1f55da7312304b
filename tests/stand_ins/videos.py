"""Videos whose every frame is known: another grey each, red at the left and the top."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (64, 96)
"""Height and width."""
RATE = 10
"""Frames a second, where no times are given."""


def write_video(
    path: Path,
    frames: int = 200,
    start: datetime | None = None,
    times: Sequence[int] | None = None,
    rotation: int | None = None,
    coding: Mapping[str, str] | None = None,
    **container: str,
) -> Path:
    """H.264 in a container by the file's ending.

    Args:
        start: what ``creation_time`` says.
        times: milliseconds of each frame; None: ten a second.
        rotation: degrees counter-clockwise by which a player is to turn it.
        coding: options of the encoder. container: options of the container.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"qp": "4", "g": "23", **(coding or {})}
    with av.open(str(path), "w", options=container) as out:
        if start is not None:
            out.metadata["creation_time"] = f"{start:%Y-%m-%dT%H:%M:%S.%fZ}"
        stream = out.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv444p"
        tick = Fraction(1, RATE) if times is None else Fraction(1, 1000)
        stream.codec_context.time_base = tick
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            picture = np.full((*SIZE, 3), number % 256, np.uint8)
            picture[:8] = picture[:, :16] = [255, 0, number % 256]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = tick
            frame.pts = number if times is None else times[number]
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def number_of(picture: NDArray[np.uint8]) -> float:
    """Which frame it is, by its grey."""
    return float(np.median(picture[20:, 30:]))
