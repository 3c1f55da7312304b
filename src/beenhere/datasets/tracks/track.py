"""A GPS track: points in time, on one or several timelines."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
    return tuple(
        Timeline(
            np.concatenate([line.time for line in chain]),
            np.concatenate([line.lat for line in chain]),
            np.concatenate([line.lon for line in chain]),
        )
        for chain in chains
    )
