"""Photos that are there more than once, and what that does: within a set, across splits.

Each photo is counted once, for the worst of its copies.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection, Rows
from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding, cases, distance_text, finding
from beenhere.datasets.doctor.kinds import Severity
from beenhere.datasets.doctor.near_search import near_pairs
from beenhere.datasets.doctor.pixels import Pixels

_KINDS: tuple[tuple[str, Severity], ...] = (
    ("copy-across-splits", "score"),
    ("copy-of-query", "score"),
    ("copy-elsewhere", "score"),
    ("copy-val-test", "note"),
    ("copy", "note"),
)
"""The worst first."""
_ACROSS, _QUERY, _ELSEWHERE, _VAL_TEST, _SAME = range(len(_KINDS))


def copies(collection: Collection, pixels: Pixels, options: CheckConfig) -> list[Finding]:
    """Photos with equal bytes, and photos that look nearly equal; empty ones all look alike."""
    full = pixels.readable & (pixels.contrast >= options.min_contrast)
    found, counted = _findings(collection, _exact(collection, pixels, full), "", options)
    full[counted] = False
    near = _near(collection, pixels, full, options)
    return found + _findings(collection, near, "near-", options)[0]


def _exact(collection: Collection, pixels: Pixels, full: NDArray[np.bool_]) -> pl.DataFrame:
    """Pairs ``a < b`` with equal bytes: the first of each table with every other of its group."""
    rows = np.flatnonzero(full)
    halves = pixels.digest.view(np.uint64)[rows]
    frame = pl.DataFrame(
        {"row": rows, "one": halves[:, 0], "two": halves[:, 1], "part": collection.part[rows]}
    ).filter(pl.len().over("one", "two") > 1)
    first = frame.group_by("one", "two", "part", maintain_order=True).agg(pl.col("row").first())
    pairs = first.join(frame, on=["one", "two"])
    return (
        pairs.select(
            a=pl.min_horizontal("row", "row_right"),
            b=pl.max_horizontal("row", "row_right"),
            bits=pl.lit(0, pl.Int64),
        )
        .filter(pl.col("a") < pl.col("b"))
        .unique(maintain_order=True)
    )


def _near(
    collection: Collection, pixels: Pixels, full: NDArray[np.bool_], options: CheckConfig
) -> pl.DataFrame:
    """Pairs ``a < b`` that look nearly equal, with the ``bits`` that differ."""
    rows = np.flatnonzero(full)
    a, b, bits = near_pairs(
        pixels.coarse[rows], pixels.fine[rows], collection.part[rows], options.near_bits
    )
    return pl.DataFrame({"a": rows[a], "b": rows[b], "bits": bits})


def _findings(
    collection: Collection, pairs: pl.DataFrame, near: str, options: CheckConfig
) -> tuple[list[Finding], Rows]:
    """Findings of some pairs, and the photos that are counted in them."""
    a, b = (pairs[name].to_numpy().astype(np.intp) for name in ("a", "b"))
    kind, metres = _kind(collection, a, b, options.radius)
    victim, other = _victim(collection, a, b, kind)
    worst = (
        pairs.with_columns(
            kind=pl.Series(kind),
            victim=pl.Series(victim),
            other=pl.Series(other),
            metres=pl.Series(metres),
        )
        .sort(
            "kind",
            "bits",
            "metres",
            "victim",
            descending=[False, False, True, False],
            nulls_last=True,
        )
        .unique("victim", keep="first", maintain_order=True)
    )
    found: list[Finding] = []
    for number, (name, severity) in enumerate(_KINDS):
        some = worst.filter(pl.col("kind") == number)
        if number == _ELSEWHERE:
            some = some.sort("metres", descending=True, nulls_last=True)
        keep = severity == "note" and (near != "" or number == _VAL_TEST)
        of = cases(
            collection,
            some["victim"].to_numpy(),
            [_detail(bits, far, near) for bits, far in some.select("bits", "metres").iter_rows()],
            None if keep else LEAVE_OUT,
            some["other"].to_numpy(),
        )
        found += finding(near + name, severity, of)
    return found, worst["victim"].to_numpy().astype(np.intp)


def _detail(bits: int, metres: float | None, near: str) -> str:
    text = f"{bits} of 256 bits differ" if near else "same bytes"
    return text if metres is None or np.isnan(metres) else f"{text}, {distance_text(metres)} apart"


def _kind(
    collection: Collection, a: Rows, b: Rows, radius: float
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The number of each pair's kind, and the metres between the two; NaN if unknown."""
    splits = np.array([part.split or "" for part in collection.parts])
    one, two = splits[collection.part[a]], splits[collection.part[b]]
    tested = np.array(["val", "test"])
    across = ((one == "train") & np.isin(two, tested)) | ((two == "train") & np.isin(one, tested))
    chosen = ((one == "val") & (two == "test")) | ((one == "test") & (two == "val"))
    together = np.zeros(len(a), np.bool_)
    for pair in collection.pairs:
        sides = [pair.database, pair.queries]
        first, second = collection.part[a], collection.part[b]
        together |= np.isin(first, sides) & np.isin(second, sides) & (first != second)
    metres = geo.distance(collection.positions[a], collection.positions[b])
    names = collection.frame.select(pl.struct("city", "place").rank("dense")).to_series()
    labelled = collection.frame["place"].is_not_null().to_numpy()
    place = names.to_numpy()
    elsewhere = (metres > radius) | (labelled[a] & labelled[b] & (place[a] != place[b]))
    kind = np.select(
        [across, together, elsewhere, chosen], [_ACROSS, _QUERY, _ELSEWHERE, _VAL_TEST], _SAME
    )
    return kind.astype(np.int8), metres


def _victim(collection: Collection, a: Rows, b: Rows, kind: NDArray[np.int8]) -> tuple[Rows, Rows]:
    """Which photo of each pair had better go, and the other: never one that is tested on."""
    splits = np.array([part.split or "" for part in collection.parts])[collection.part]
    sides = np.array([part.side or "" for part in collection.parts])[collection.part]
    first = np.select(
        [kind == _ACROSS, kind == _QUERY, kind == _VAL_TEST],
        [splits[a] == "train", sides[a] == "database", splits[a] == "val"],
        False,
    )
    return np.where(first, a, b), np.where(first, b, a)
