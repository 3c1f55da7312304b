"""Descriptors as they are kept: float32, float16, or int8 with a scale for each; in segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError

Dtype = Literal["float32", "float16", "int8"]

CHECKED_BYTES = 4 * 2**20
"""Of vectors that are gathered to be checked at once; they stay in the caches."""


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """``n`` vectors of ``D`` numbers; what is memory-mapped is read when it is asked for.

    Attributes:
        values: ``(n, D)`` float32, float16 or int8.
        scales: ``(n,)`` float32 for int8, whose vectors are ``values * scales[:, None]``; else
            None.
        sums: ``(n,)`` uint64, :func:`sums_of` them as they were written: each is compared when it
            is first read. None: there are none, and nothing is compared.
        seen: ``(n,)``, which ones were.
        source: their file, for messages.

    Raises:
        DataError: another dtype or shape, or scales that are missing or too many.
    """

    values: NDArray[Any]
    scales: NDArray[np.float32] | None = None
    sums: NDArray[np.uint64] | None = None
    seen: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    source: str = ""

    def __post_init__(self) -> None:
        if self.sums is not None and len(self.seen) != len(self.sums):
            object.__setattr__(self, "seen", np.zeros(len(self.sums), np.bool_))
        if self.values.ndim != 2 or self.values.dtype.name not in ("float32", "float16", "int8"):
            raise DataError(
                f"stored vectors are {self.values.dtype} of shape {self.values.shape}; expected "
                "(n, D) of float32, float16 or int8"
            )
        expected = (len(self.values),) if self.values.dtype == np.int8 else None
        got = None if self.scales is None else self.scales.shape
        if got != expected:
            raise DataError(
                f"{self.values.dtype} vectors of shape {self.values.shape} have scales of shape "
                f"{got}; expected {expected}: int8 vectors have one each, others none"
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self.values.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes that they take, with their scales."""
        return self.values.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def part(self, start: int, stop: int) -> "StoredVectors":
        """Rows ``start`` to ``stop`` (not included) as they are kept, not read yet."""
        some = slice(start, stop)
        scales = None if self.scales is None else self.scales[some]
        sums = None if self.sums is None else self.sums[some]
        return StoredVectors(self.values[some], scales, sums, self.seen[some], self.source)

    def chosen(self, rows: NDArray[np.integer]) -> "StoredVectors":
        """The rows that are named, in that order, as they are kept; read now.

        Raises:
            DataError: as :meth:`check`.
        """
        self.check(rows)
        scales = None if self.scales is None else np.asarray(self.scales[rows])
        return StoredVectors(np.asarray(self.values[rows]), scales)

    def floats(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop`` (not included), ``(stop - start, D)``; maybe not a copy.

        Raises:
            DataError: as :meth:`check`.
        """
        self.part(start, stop).check()
        # np.asarray: a part of a memory map is one, and slower at everything than its array.
        vectors = np.asarray(self.values[start:stop]).astype(np.float32, copy=False)
        if self.scales is not None:
            vectors *= np.asarray(self.scales[start:stop])[:, None]
        return vectors

    def check(self, rows: NDArray[np.integer] | None = None) -> None:
        """See that vectors are as they were written, those that were not looked at before.

        Args:
            rows: some of them; None: all.

        Raises:
            DataError: one is not.
        """
        if self.sums is None:
            return
        rows = np.flatnonzero(~self.seen) if rows is None else np.unique(rows[~self.seen[rows]])
        step = max(1, CHECKED_BYTES // max(1, self.values[:1].nbytes))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            # A stretch is not copied.
            one = slice(some[0], some[-1] + 1) if some[-1] - some[0] == len(some) - 1 else some
            scales = None if self.scales is None else self.scales[one]
            wrong = np.flatnonzero(sums_of(self.values[one], scales) != self.sums[one])
            if len(wrong):
                raise DataError(
                    f"{self.source} is damaged: descriptor {some[wrong[0]]} is not as it was "
                    "written; bring back a copy of the folder, or build the index again"
                )
            self.seen[one] = True

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The rows that are named, in that order, ``(len(rows), D)``."""
        return self.chosen(rows).floats(0, len(rows))


def sums_of(values: NDArray[Any], scales: NDArray[np.float32] | None) -> NDArray[np.uint64]:
    """A checksum of each vector, ``(n,)``: its bits as whole numbers, and its scale's, added up.

    Whichever single bit is another, so is the sum; of more that are, all but one in 2^32 times or
    less. It takes a pass over memory: SHA-256 takes some five times as long.

    Args:
        values, scales: as of :class:`StoredVectors`.
    """
    raw = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).view(np.uint8)
    word = next(size for size in (8, 4, 2, 1) if raw.shape[1] % size == 0)
    sums: NDArray[np.uint64] = raw.view(f"<u{word}").sum(axis=1, dtype=np.uint64)
    return sums if scales is None else sums + np.asarray(scales, "<f4").view("<u4")


def quantise(vectors: NDArray[np.float32], dtype: Dtype) -> StoredVectors:
    """Keep vectors in fewer bytes.

    float16 rounds to 11 bits. int8 divides each vector by its largest magnitude over 127 and rounds
    to whole numbers: each number is off by half a step at most, ``max|v| / 254``.

    Args:
        vectors: ``(n, D)`` float32.
        dtype: as what to keep them; float32 keeps them as they are, without a copy.

    Raises:
        DataError: a vector holds NaN or infinity, or is too large for float16.
    """
    if dtype == "float32":
        return StoredVectors(vectors)
    largest = np.abs(vectors).max(axis=1, initial=0)
    limit = np.finfo(np.float16 if dtype == "float16" else np.float32).max
    wrong = np.flatnonzero(~(largest <= limit))
    if len(wrong):
        raise DataError(
            f"vector {wrong[0]} holds the number {largest[wrong[0]]:g}, which {dtype} cannot keep; "
            "expected L2-normalised descriptors"
        )
    if dtype == "float16":
        return StoredVectors(vectors.astype(np.float16))
    scales = (largest / 127).astype(np.float32)
    steps = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None])
    return StoredVectors(np.clip(steps, -127, 127).astype(np.int8), scales)


# --- segments ------------------------------------------------------------------------------------

Block = tuple[StoredVectors, NDArray[np.int64]]
"""Some vectors, at least one, and their rows in the whole database, ``(b,)`` ascending."""


def blocks(
    segments: Sequence[StoredVectors], size: int, allowed: NDArray[np.bool_] | None
) -> Iterator[Block]:
    """Every vector, or every one that is allowed, in blocks of up to ``size``.

    What is not allowed is not read: of a stretch with gaps the allowed rows are gathered, so a few
    rows that lie far apart still make whole blocks.

    Args:
        segments: rows are numbered through all of them.
        size: vectors at once.
        allowed: ``(n,)``, or None for all.
    """
    first = 0
    for segment in segments:
        last = first + len(segment)
        inside = None if allowed is None else np.flatnonzero(allowed[first:last])
        for start in range(0, len(segment) if inside is None else len(inside), size):
            if inside is None:
                rows = np.arange(start, min(start + size, len(segment)))
            else:
                rows = inside[start : start + size]
            if rows[-1] - rows[0] == len(rows) - 1:
                yield segment.part(int(rows[0]), int(rows[-1]) + 1), rows + first
            else:
                yield segment.chosen(rows), rows + first
        first = last


def split(
    segments: Sequence[StoredVectors], row: int
) -> tuple[list[StoredVectors], list[StoredVectors]]:
    """The segments before a row, and those that begin with it."""
    before, after = [], []
    for segment in segments:
        inside = min(max(row, 0), len(segment))
        if inside:
            before.append(segment.part(0, inside))
        if inside < len(segment):
            after.append(segment.part(inside, len(segment)))
        row -= len(segment)
    return before, after


def take(segments: Sequence[StoredVectors], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of the rows that are named, ``(len(rows), D)``, in that order."""
    taken = np.empty((len(rows), segments[0].dim), np.float32)
    first = 0
    for segment in segments:
        inside = np.flatnonzero((rows >= first) & (rows < first + len(segment)))
        taken[inside] = segment.take(rows[inside] - first)
        first += len(segment)
    return taken


def checked_queries(
    segments: Sequence[StoredVectors],
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """The queries as every search takes them: float32, C-contiguous.

    Raises:
        DataError: what is asked for cannot be searched, as :func:`search_exact` says.
    """
    if k < 1:
        raise DataError(f"k is {k}; expected 1 or more matches for each query")
    if queries.ndim != 2 or queries.shape[1] == 0:
        raise DataError(f"queries have the shape {queries.shape}; expected (m, D)")
    for segment in segments:
        if segment.dim != queries.shape[1]:
            raise DataError(
                f"descriptors have {queries.shape[1]} dimensions in the queries and {segment.dim} "
                "in the database; expected those of one model"
            )
    count = sum(map(len, segments))
    if allowed is not None and (allowed.shape != (count,) or allowed.dtype != np.bool_):
        raise DataError(
            f"allowed is {allowed.dtype} of shape {allowed.shape}; expected bool of ({count},), "
            "one for each row of the database"
        )
    wrong = np.flatnonzero(~np.isfinite(queries).all(axis=1))
    if len(wrong):
        raise DataError(f"query {wrong[0]} holds NaN or infinity; expected a finite descriptor")
    return np.require(queries, np.float32, ("C", "W"))
