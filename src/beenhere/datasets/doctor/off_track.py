"""Which photos of one sequence are off: those without which the others make a track.

A sequence is cut where a step is impossible, or sudden: far, soon, and many times as fast as the
sequence usually is. Kept are the pieces that go on one after the other with the most photos; a
sudden step among them costs as much as a short piece. Without times somebody may have gone anywhere
between two photos: then a piece is off only if the sequence goes on after it where it was before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.datasets.doctor.findings import distance_text

SLACK = 100.0
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

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Off:
    """A photo that is off.

    Attributes:
        row: of the collection.
        other: the nearest photo of the track before it, else after it.
        metres: between the two.
        sure: whether this is the one that is off; else it may be the other.
    """

    row: int
    other: int
    metres: float
    detail: str
    sure: bool


def off_track(
    positions: geo.Positions, seconds: Floats | None, rows: Rows, max_speed: float
) -> list[Off]:
    """Photos of one sequence that are off.

    Args:
        positions: ``(n,)``, in the order of the sequence.
        seconds: ``(n,)``, when they were taken; None where only their order is known.
        rows: ``(n,)`` of the collection.
        max_speed: in metres a second: nobody is faster.
    """
    sequence = _Sequence(positions, seconds, max_speed)
    steps = np.arange(len(rows) - 1)
    impossible, sudden = sequence.steps(steps, steps + 1)
    most = max(2.0, _MOST_CUTS * len(steps))
    if len(steps) < 2 or not (impossible | sudden).any() or impossible.sum() > most:
        return []
    cuts = impossible | sudden if (impossible | sudden).sum() <= most else impossible
    starts = np.append(0, np.flatnonzero(cuts) + 1)
    ends = np.append(starts[1:], len(rows))
    short = min(max(1.0, _SHORT * len(rows)), _MOST)
    kept = _chain(sequence, starts, ends, short)
    found: list[Off] = []
    for before, after in zip([None, *kept], [*kept, None], strict=True):
        first = 0 if before is None else ends[before]
        last = len(rows) if after is None else starts[after]
        if first == last:
            continue
        outer = before is None or after is None
        if outer and (seconds is None or not impossible[first - 1 if after is None else last - 1]):
            continue  # somebody may have gone there
        good = last if before is None else first - 1
        sure = last - first <= short
        if not sure and seconds is None:
            continue
        if sure:
            found += [_off(sequence, rows, at, good, sure) for at in range(first, last)]
        else:
            odd = last - 1 if before is None else first
            found += [_off(sequence, rows, *two, sure) for two in ((odd, good), (good, odd))]
    return found


class _Sequence:
    """How far and how fast steps are."""

    def __init__(self, positions: geo.Positions, seconds: Floats | None, max_speed: float) -> None:
        self._positions, self._seconds, self._max_speed = positions, seconds, max_speed
        steps = np.arange(len(positions) - 1)
        self.usual: float | None = None
        """Metres a second; None where nobody knows."""
        if seconds is not None and len(positions) >= _FEW:
            self.usual = float(
                np.median(self.metres(steps, steps + 1) / self.time(steps, steps + 1))
            )

    def metres(self, a: Rows, b: Rows) -> Floats:
        """Between photos."""
        return geo.distance(self._positions[a], self._positions[b])

    def time(self, a: Rows, b: Rows) -> Floats:
        """Seconds from one photo to the other, at least 1; NaN where nobody knows."""
        if self._seconds is None:
            return np.full(len(a), np.nan)
        return np.maximum(self._seconds[b] - self._seconds[a], 1.0)

    def steps(self, a: Rows, b: Rows) -> tuple[Mask, Mask]:
        """Whether each step is impossible, and whether it is sudden."""
        metres, time = self.metres(a, b), self.time(a, b)
        if self._seconds is None:
            return metres > _FAR, np.zeros(len(a), np.bool_)
        impossible = metres - SLACK > self._max_speed * time
        if self.usual is None:
            return impossible, np.zeros(len(a), np.bool_)
        fast = max(_TIMES * self.usual, _FAST * self._max_speed)
        sudden = (metres > _FAR) & (metres > fast * time) & (time <= _SOON)
        return impossible, sudden & ~impossible


def _chain(sequence: _Sequence, starts: Rows, ends: Rows, cost: float) -> list[int]:
    """The pieces to keep: those with the most photos, less ``cost`` for each sudden step."""
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


def _off(sequence: _Sequence, rows: Rows, at: int, good: int, sure: bool) -> Off:
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
    return Off(int(rows[at]), int(rows[good]), float(metres), detail, sure)
