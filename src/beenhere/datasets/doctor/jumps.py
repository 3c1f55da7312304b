"""Jumps along sequences: folders whose photos have a time, or numbers that run along a track."""

from itertools import pairwise

import numpy as np
import polars as pl

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.coordinates import on_null_island
from beenhere.datasets.doctor.findings import LEAVE_OUT, MEND, Finding, cases, finding
from beenhere.datasets.doctor.off_track import SLACK, Off, off_track

_LOOK = f"{MEND} one of the two, once you have looked which is off"
_STEP = 50.0
"""Metres: frames of a track are rarely farther apart."""
_FRAMES = 10
"""Photos that a numbered folder needs to show that it is a track."""


def jumps(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos off their track."""
    frame = _tracks(collection)
    rows = frame["row"].to_numpy().astype(np.intp)
    if len(rows) < 3:
        return []
    track = frame["track"].to_numpy()
    seconds = frame["seconds"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    # Most tracks have no step that could be a jump.
    far = geo.distance(collection.positions[rows[:-1]], collection.positions[rows[1:]]) > SLACK
    starts = np.flatnonzero(np.diff(track, prepend=-1))
    found: list[Off] = []
    for start, end in pairwise([*starts.tolist(), len(track)]):
        if far[start : end - 1].any():
            of = rows[start:end]
            times = None if np.isnan(seconds[start]) else seconds[start:end]
            found += off_track(collection.positions[of], times, of, options.max_speed)
    found.sort(key=lambda one: -one.metres)
    told = cases(
        collection,
        [one.row for one in found],
        [one.detail for one in found],
        [LEAVE_OUT if one.sure else _LOOK for one in found],
        [one.other for one in found],
    )
    return finding("jump", "score", told)


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
