"""Jumps along a sequence: photos to which nobody can have moved so fast.

A sequence is a folder whose photos have a time, or numbered names that run along a track. It is
cut where a step is impossible; of the pieces the short ones are off. Without times somebody may
have gone anywhere between two photos: then a piece is off only if the track goes on after it where
it was before.
"""

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection, Rows
from beenhere.datasets.doctor.coordinates import on_null_island
from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding, cases, distance_text, finding

_SLACK = 100.0
"""Metres that receivers are off, between tall houses, say; a shorter step is no jump."""
_MOST_JUMPS = 1 / 3
"""Of a folder's steps: with more of them the photos are no sequence."""
_SHORT = 0.1
"""Of a sequence: a shorter piece is off, a longer one is where somebody went."""
_STEP, _LONG_STEP = 50.0, 500.0
"""Metres: frames of a track are rarely farther apart, and no frame is so far from the next."""
_FRAMES = 10
"""Photos that a numbered folder needs to show that it is a track."""


def jumps(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos off their track."""
    frame = _tracks(collection)
    rows = frame["row"].to_numpy().astype(np.intp)
    if len(rows) < 3:
        return []
    metres = geo.distance(collection.positions[rows[:-1]], collection.positions[rows[1:]])
    seconds = np.maximum(np.diff(frame["seconds"].fill_null(0).to_numpy()), 1)
    timed = frame["seconds"].is_not_null().to_numpy()[1:]
    same = np.diff(frame["track"].to_numpy()) == 0
    jump = same & np.where(
        timed, metres - _SLACK > options.max_speed * seconds, metres > _LONG_STEP
    )
    off = _off_track(collection, frame, jump)
    before = np.append(0.0, metres)
    after = np.append(np.diff(frame["seconds"].fill_null(0).to_numpy(), prepend=0), 0)
    detail = [
        f"{distance_text(before[at])} from the photo before it"
        + (f", {after[at]:,.0f} s later" if frame["seconds"][int(at)] is not None else "")
        for at in off
    ]
    order = np.argsort(-before[off], kind="stable")
    previous = rows[np.maximum(off - 1, 0)]
    found = cases(collection, rows[off], detail, LEAVE_OUT, previous)[order]
    return finding("jump", "score", found)


def _tracks(collection: Collection) -> pl.DataFrame:
    """``row``, ``track``, ``seconds`` (null in order of frames), sorted along each track."""
    good = collection.positions.known & ~on_null_island(collection.positions)
    frame = (
        collection.frame.select("path", "captured", "part", "place")
        .with_row_index("row")
        .filter(pl.Series(good))
    )
    name = pl.col("path").str.extract(r"([^/\\]*)$")
    frame = frame.with_columns(
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
        .select(
            "row",
            "seconds",
            track=pl.struct(key).rank("dense").cast(pl.Int64),
            path="path",
            number="number",
        )
        .sort("track", "seconds", "number", "path")
    )


def _is_track(collection: Collection, frame: pl.DataFrame) -> pl.Series:
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


def _off_track(collection: Collection, frame: pl.DataFrame, jump: NDArray[np.bool_]) -> Rows:
    """Where in the frame photos are off: those of short pieces, else the first after a jump."""
    track, timed = frame["track"].to_numpy(), frame["seconds"].is_not_null().to_numpy()
    rows = frame["row"].to_numpy().astype(np.intp)
    starts = np.flatnonzero(np.diff(track, prepend=-1))
    ends = np.append(starts[1:], len(track))
    off: list[int] = []
    counts = np.add.reduceat(np.append(jump, False), starts)
    for start, end, count in zip(starts, ends, counts, strict=True):
        steps = end - start - 1
        if count == 0 or steps < 2 or count > max(2, _MOST_JUMPS * steps):
            continue
        cuts = [start, *(np.flatnonzero(jump[start : end - 1]) + start + 1), end]
        pieces = list(pairwise(cuts))
        short = max(1, _SHORT * (end - start))
        brief = [piece for piece in pieces if piece[1] - piece[0] <= short]
        if not timed[start]:
            inner = [(a, b) for a, b in brief if start < a and b < end]
            around = [rows[[a - 1 for a, _ in inner]], rows[[b for _, b in inner]]]
            before, after = (collection.positions[np.asarray(each, np.intp)] for each in around)
            back = geo.distance(before, after) <= _LONG_STEP
            brief = [piece for piece, returns in zip(inner, back, strict=True) if returns]
        elif not brief or len(brief) == len(pieces):
            brief = [(first, first + 1) for first, _ in pieces[1:]]
        off += [at for first, last in brief for at in range(first, last)]
    return np.array(off, np.intp)
