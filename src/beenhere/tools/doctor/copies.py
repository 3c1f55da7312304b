"""Photos that are there more than once, and what that does: within a set, across splits.

Each photo is counted once, for the worst of its copies.

Nearly equal hashes are found without comparing every pair: codes that differ in at most 8 of 64
bits differ in at most 2 of the 21 of some third of them (the last bit takes no part). One look-up a
third and way to turn two bits finds them all, which is what faiss' multi-index hash does (Norouzi,
Punjani and Fleet, Fast search in Hamming space with multi-index hashing, 2012).
"""

import faiss
import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.progress import progress
from beenhere.tools.doctor.findings import KINDS, LEAVE_OUT, Finding, cases, distance_text, finding
from beenhere.tools.doctor.fingerprints import Codes, Fingerprints
from beenhere.tools.doctor.photo_collection import PhotoCollection, Rows

COARSE_BITS = 8
"""Of the coarse hash, that may differ: three thirds with two bits each, and two more."""
_THIRDS, _THIRD_BITS, _FLIPS = 3, 21, 2
_BLOCK = 512
_SHOWN = 50_000
"""Photos from which on the search takes long enough to show how far it is."""
_MOST = 200
"""Pairs that one photo may be in: a thousand frames of a parked car are a million pairs."""

_KINDS = ("copy-across-splits", "copy-of-query", "copy-elsewhere", "copy-val-test", "copy")
"""The worst first."""
_ACROSS, _QUERY, _ELSEWHERE, _VAL_TEST, _SAME = range(len(_KINDS))


def copies(
    collection: PhotoCollection, fingerprints: Fingerprints, options: CheckConfig
) -> list[Finding]:
    """Photos with equal bytes, and photos that look nearly equal; empty ones all look alike."""
    full = fingerprints.readable & (fingerprints.contrast >= options.min_contrast)
    exact = _worst(
        collection, _exact(collection, fingerprints.digest, np.flatnonzero(full)), options.within
    )
    full[exact["photo"].to_numpy()] = False  # said once, and not again as nearly equal
    rows = np.flatnonzero(full)
    a, b, bits = near_pairs(
        fingerprints.coarse[rows], fingerprints.fine[rows], collection.part[rows], options.near_bits
    )
    near = pl.DataFrame({"a": rows[a], "b": rows[b], "bits": bits})
    return [
        *_findings(collection, exact, ""),
        *_findings(collection, _worst(collection, near, options.within), "near-"),
    ]


def _exact(collection: PhotoCollection, digest: Codes, rows: Rows) -> pl.DataFrame:
    """Pairs ``a < b`` with equal bytes: the first of each table with every other of its group."""
    # The 16 bytes as two numbers, which polars can group by.
    halves = digest.view(np.uint64)[rows]
    frame = pl.DataFrame(
        {"row": rows, "one": halves[:, 0], "two": halves[:, 1], "part": collection.part[rows]}
    ).filter(pl.len().over("one", "two") > 1)
    first = frame.group_by("one", "two", "part", maintain_order=True).agg(pl.col("row").first())
    both, none = ("row", "row_right"), pl.lit(0, pl.Int64)
    return (
        first.join(frame, on=["one", "two"])
        .select(a=pl.min_horizontal(both), b=pl.max_horizontal(both), bits=none)
        .filter(pl.col("a") < pl.col("b"))
        .unique(maintain_order=True)
    )


def _worst(collection: PhotoCollection, pairs: pl.DataFrame, radius: float) -> pl.DataFrame:
    """Each photo that had better go once, with the worst of its copies.

    Returns:
        ``kind`` by its number, ``photo``, ``other``, ``bits`` that differ, and ``metres`` between
        the two, NaN if unknown. What is tested on never goes, if the other is not.
    """
    a, b = (pairs[name].to_numpy().astype(np.intp) for name in ("a", "b"))
    first, second = collection.part[a], collection.part[b]
    splits = np.array([part.split or "" for part in collection.parts])
    sides = np.array([part.side or "" for part in collection.parts])
    one, two = splits[first], splits[second]
    tested = np.array(["val", "test"])
    across = ((one == "train") & np.isin(two, tested)) | ((two == "train") & np.isin(one, tested))
    chosen = ((one == "val") & (two == "test")) | ((one == "test") & (two == "val"))
    together = np.zeros(len(a), np.bool_)
    for pair in collection.pairs:
        both = [pair.database, pair.queries]
        together |= np.isin(first, both) & np.isin(second, both) & (first != second)
    metres = geo.distance(collection.positions[a], collection.positions[b])
    places = collection.frame.select(
        name=pl.struct("city", "place").rank("dense"), known=pl.col("place").is_not_null()
    )
    name, known = places["name"].to_numpy(), places["known"].to_numpy()
    elsewhere = (metres > radius) | (known[a] & known[b] & (name[a] != name[b]))
    kind = np.select(
        [across, together, elsewhere, chosen], [_ACROSS, _QUERY, _ELSEWHERE, _VAL_TEST], _SAME
    )
    first_goes = np.select(
        [kind == _ACROSS, kind == _QUERY, kind == _VAL_TEST],
        [one == "train", sides[first] == "database", one == "val"],
        False,
    )
    goes, stays = np.where(first_goes, (a, b), (b, a))
    order, falling = ["kind", "bits", "metres", "photo"], [False, False, True, False]
    return (
        pl.DataFrame({"kind": kind, "photo": goes, "other": stays, "metres": metres})
        .with_columns(pairs["bits"])
        .sort(order, descending=falling, nulls_last=True)
        .unique("photo", keep="first", maintain_order=True)
    )


def _findings(collection: PhotoCollection, worst: pl.DataFrame, near: str) -> list[Finding]:
    found: list[Finding] = []
    for number, name in enumerate(_KINDS):
        some = worst.filter(pl.col("kind") == number)
        if number == _ELSEWHERE:
            some = some.sort("metres", descending=True, nulls_last=True)
        # Near copies at one place are usually a video's, and val belongs to its benchmark.
        keep = KINDS[name].severity == "note" and (near != "" or number == _VAL_TEST)
        detail = []
        for bits, metres in some.select("bits", "metres").iter_rows():
            text = f"{bits} of 256 bits differ" if near else "same bytes"
            apart = "" if np.isnan(metres) else f", {distance_text(metres)} apart"
            detail.append(text + apart)
        suggestion = None if keep else LEAVE_OUT
        of_kind = cases(collection, some["photo"], detail, suggestion, some["other"])
        found += finding(near + name, of_kind)
    return found


def near_pairs(
    coarse: Codes, fine: Codes, part: Rows, most: int
) -> tuple[Rows, Rows, NDArray[np.int64]]:
    """Pairs of different photos whose hashes are nearly equal.

    Args:
        coarse: ``(n, 8)``. fine: ``(n, 32)``; see :mod:`~beenhere.tools.doctor.fingerprints`.
        part: ``(n,)``. Of one photo no more than the 200 best pairs with photos after it are
            given, those with photos of another part first.
        most: bits of the fine hash that may differ; of the coarse one, :data:`COARSE_BITS`.

    Returns:
        Rows ``a < b`` of ``(pairs,)`` photos each, and how many bits of the fine hash differ.
    """
    found = [np.zeros((3, 0), np.intp)]
    index = faiss.IndexBinaryMultiHash(8 * coarse.shape[1], _THIRDS, _THIRD_BITS)
    index.nflip = _FLIPS
    codes = np.ascontiguousarray(coarse)
    index.add(codes)
    with progress("near copies", len(codes), _SHOWN) as advance:
        for start in range(0, len(codes), _BLOCK):
            block = codes[start : start + _BLOCK]
            limits, _, hits = index.range_search(block, COARSE_BITS + 1)  # faiss: less than
            each = np.diff(limits.astype(np.int64)).astype(np.int64)
            left, right = np.repeat(np.arange(len(block)), each) + start, hits.astype(np.intp)
            left, right = left[right > left], right[right > left]
            bits = np.bitwise_count(fine[left] ^ fine[right]).sum(axis=1, dtype=np.int64)
            pairs = np.stack([left, right, bits])[:, bits <= most]
            # Of each photo on the left the best: sorted, so many from the first of its own.
            left, right, bits = pairs
            pairs = pairs[:, np.lexsort((bits, part[left] == part[right], left))]
            place = np.arange(len(left)) - np.searchsorted(pairs[0], pairs[0])
            found.append(pairs[:, place < _MOST])
            advance(len(block))
    a, b, bits = np.concatenate(found, axis=1)
    return a, b, bits
