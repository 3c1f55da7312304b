"""Photos off their track: in folders whose photos have a time, or numbers that run along a track.

A sequence is cut where a step is impossible, or sudden: far, soon, and many times as fast as the
sequence usually is. Kept are the pieces that go on one after the other with the most photos; a
sudden step among them costs as much as a short piece. Without times somebody may have gone anywhere
between two photos: then a piece is off only if the sequence goes on after it where it was before.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.tools.doctor.coordinates import on_null_island
from beenhere.tools.doctor.findings import LEAVE_OUT, MEND, Finding, cases, distance_text, finding
from beenhere.tools.doctor.photo_collection import PhotoCollection, Rows

_LOOK = f"{MEND} one of the two, once you have looked which is off"
_STEP = 50.0
"""Metres: frames of a track are rarely farther apart."""
_FRAMES = 10
"""Photos that a numbered folder needs to show that it is a track."""
_SLACK = 100.0
"""Metres that receivers are off, between tall houses, say; a shorter step is no jump."""
_FAR = 500.0
"""Metres: no frame is so far from the next, and no sudden step is shorter."""
_TIMES = 10.0
"""A sudden step is so many times as fast as the median step of its sequence."""
_FAST = 1 / 3
"""Of the speed that is impossible: a slower step is not sudden, but a car or a train."""
_SOON = 300.0
"""Seconds: in a longer time somebody may have gone by train, and come back."""
_FEW = 10
"""Photos below which nobody knows how fast a sequence usually is."""
_MOST_CUTS = 1 / 3
"""Of the steps: with more of them the photos are no sequence."""
_SHORT, _MOST = 0.1, 50
"""Of a sequence, and photos: a shorter piece is off; of a longer one nobody can say."""
_REACH = 50
"""Pieces in a row that can be off."""

Mask = NDArray[np.bool_]


def jumps(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos off their track, the farthest first."""
    frame = _tracks(collection)
    rows = frame["row"].to_numpy().astype(np.intp)
    if len(rows) < 3:
        return []
    track = frame["track"].to_numpy()
    seconds = frame["seconds"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    # Most tracks have no step that could be a jump.
    far = geo.distance(collection.positions[rows[:-1]], collection.positions[rows[1:]]) > _SLACK
    starts = np.flatnonzero(np.diff(track, prepend=-1))
    found: list[_Stray] = []
    for start, end in pairwise([*starts.tolist(), len(track)]):
        if far[start : end - 1].any():
            of = rows[start:end]
            times = None if np.isnan(seconds[start]) else seconds[start:end]
            found += _strays(_Sequence(of, collection.positions[of], times, options.max_speed))
    if not found:
        return []
    found.sort(key=lambda one: -one.metres)
    off, others, _, details, suggestions = zip(*found, strict=True)
    return finding("jump", cases(collection, off, details, suggestions, others))


def _tracks(collection: PhotoCollection) -> pl.DataFrame:
    """``row``, ``track``, ``seconds`` (null in order of frames), sorted along each track."""
    good = collection.positions.known & ~on_null_island(collection.positions)
    name = pl.col("path").str.extract(r"([^/\\]*)$")
    frame = collection.frame.with_row_index("row").filter(pl.Series(good))
    frame = frame.select(
        "row",
        "path",
        "part",
        folder=pl.col("path").str.replace(r"[^/\\]*$", ""),
        seconds=pl.col("captured")
        .str.slice(0, 19)
        .str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, exact=True)
        .dt.epoch("s"),
        number=name.str.extract(r"(\d+)\.[^.]*$").cast(pl.Int64, strict=False),
        # Names that hold a position are sorted by it, not along a track.
        numbered=~name.str.starts_with("@") & pl.col("place").is_null(),
    )
    key = ("part", "folder")
    timed = frame.filter(pl.col("seconds").is_not_null().all().over(key)).with_columns(
        number=pl.lit(None, pl.Int64)
    )
    framed = frame.filter(
        pl.col("seconds").is_null().any().over(key)
        & pl.all_horizontal("numbered", pl.col("number").is_not_null()).all().over(key)
        & (pl.len().over(key) >= _FRAMES)
    ).with_columns(seconds=pl.lit(None, pl.Int64))
    return (
        pl.concat([timed, framed.filter(_is_track(collection, framed))])
        .with_columns(track=pl.struct(key).rank("dense").cast(pl.Int64))
        .sort("track", "seconds", "number", "path")
    )


def _is_track(collection: PhotoCollection, frame: pl.DataFrame) -> pl.Series:
    """Whether each photo's folder is a track: most frames are near the one before."""
    ordered = frame.with_row_index("at").sort("part", "folder", "number", "path")
    rows = ordered["row"].to_numpy().astype(np.intp)
    if len(rows) < 2:
        return pl.Series([False] * len(rows), dtype=pl.Boolean)
    metres = geo.distance(collection.positions[rows[:-1]], collection.positions[rows[1:]])
    ordered = ordered.with_columns(step=pl.Series(np.append(0.0, metres)))
    first = pl.int_range(pl.len()).over("part", "folder") == 0
    step = pl.when(~first).then(pl.col("step"))
    track = step.median().over("part", "folder") <= _STEP
    return ordered.with_columns(track=track).sort("at")["track"]


class _Sequence:
    """Photos in their order along a track, and how far and how fast steps between them are.

    Args:
        rows: ``(n,)`` of the collection.
        positions: ``(n,)``.
        seconds: ``(n,)``, when they were taken; None where only their order is known.
        max_speed: in metres a second: nobody is faster.

    Attributes:
        usual: metres a second of the median step; None where nobody knows.
    """

    def __init__(
        self, rows: Rows, positions: geo.Positions, seconds: geo.Floats | None, max_speed: float
    ) -> None:
        self.rows, self.seconds = rows, seconds
        self._positions, self._max_speed = positions, max_speed
        steps = np.arange(len(rows) - 1)
        self.usual: float | None = None
        if seconds is not None and len(rows) >= _FEW:
            speeds = self.metres(steps, steps + 1) / self.time(steps, steps + 1)
            self.usual = float(np.median(speeds))

    def metres(self, a: Rows, b: Rows) -> geo.Floats:
        """Between photos."""
        return geo.distance(self._positions[a], self._positions[b])

    def time(self, a: Rows, b: Rows) -> geo.Floats:
        """Seconds from one photo to the other, at least 1; NaN where nobody knows."""
        if self.seconds is None:
            return np.full(len(a), np.nan)
        return np.maximum(self.seconds[b] - self.seconds[a], 1.0)

    def steps(self, a: Rows, b: Rows) -> tuple[Mask, Mask]:
        """Whether each step is impossible, and whether it is sudden."""
        metres, time = self.metres(a, b), self.time(a, b)
        if self.seconds is None:
            return metres > _FAR, np.zeros(len(a), np.bool_)
        impossible = metres - _SLACK > self._max_speed * time
        if self.usual is None:
            return impossible, np.zeros(len(a), np.bool_)
        fast = max(_TIMES * self.usual, _FAST * self._max_speed)
        sudden = (metres > _FAR) & (metres > fast * time) & (time <= _SOON)
        return impossible, sudden & ~impossible


class _Stray(NamedTuple):
    """A photo off its track, and the nearest of the track before it, else after it; by row."""

    row: int
    other: int
    metres: float
    detail: str
    suggestion: str


def _strays(sequence: _Sequence) -> list[_Stray]:
    """Photos without which the others make a track."""
    count = len(sequence.rows)
    steps = np.arange(count - 1)
    impossible, sudden = sequence.steps(steps, steps + 1)
    most = max(2.0, _MOST_CUTS * len(steps))
    if len(steps) < 2 or not (impossible | sudden).any() or impossible.sum() > most:
        return []
    cuts = impossible | sudden if (impossible | sudden).sum() <= most else impossible
    starts = np.append(0, np.flatnonzero(cuts) + 1)
    ends = np.append(starts[1:], count)
    short = min(max(1.0, _SHORT * count), _MOST)
    kept = _kept_pieces(sequence, starts, ends, short)
    found: list[_Stray] = []
    for before, after in pairwise([None, *kept, None]):
        first = 0 if before is None else ends[before]
        last = count if after is None else starts[after]
        if first == last:
            continue
        outer = before is None or after is None
        step = first - 1 if after is None else last - 1
        if outer and (sequence.seconds is None or not impossible[step]):
            continue  # somebody may have gone there
        good = last if before is None else first - 1
        if last - first <= short:
            found += [_stray(sequence, at, good, True) for at in range(first, last)]
        elif sequence.seconds is not None:
            odd = last - 1 if before is None else first
            found += [_stray(sequence, *two, False) for two in ((odd, good), (good, odd))]
    return found


def _kept_pieces(sequence: _Sequence, starts: Rows, ends: Rows, cost: float) -> list[int]:
    """The chain of pieces with the most photos, less ``cost`` for each sudden step."""
    count = len(starts)
    worth = (ends - starts).astype(np.float64)
    best, previous = worth.copy(), np.full(count, -1)
    links = [
        sequence.steps(ends[:-offset] - 1, starts[offset:])
        for offset in range(1, min(_REACH, count - 1) + 1)
    ]
    for piece in range(count):
        for offset, (impossible, sudden) in enumerate(links[:piece], 1):
            start = piece - offset
            total = best[start] + worth[piece] - cost * sudden[start]
            if not impossible[start] and total > best[piece]:
                best[piece], previous[piece] = total, start
    kept = [int(best.argmax())]
    while previous[kept[-1]] >= 0:
        kept.append(int(previous[kept[-1]]))
    return kept[::-1]


def _stray(sequence: _Sequence, at: int, good: int, sure: bool) -> _Stray:
    first, second = (np.array([one], np.intp) for one in sorted((at, good)))
    metres, time = sequence.metres(first, second)[0], sequence.time(first, second)[0]
    which, when = ("before", "later") if good < at else ("after", "earlier")
    near = f"the photo {which} it" if abs(at - good) == 1 else f"the last on the track {which} it"
    detail = f"{distance_text(metres)} from {near}"
    if np.isfinite(time):
        detail += f", {time:,.0f} s {when}"
    impossible, _ = sequence.steps(first, second)
    if sequence.usual and not impossible[0]:
        detail += f": {metres / time / sequence.usual:,.0f} times as fast as usual there, and back"
    if not sure:
        detail += "; nobody can say which of the two is off"
    row, other = sequence.rows[[at, good]].tolist()
    return _Stray(row, other, float(metres), detail, LEAVE_OUT if sure else _LOOK)
