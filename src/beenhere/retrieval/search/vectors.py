"""Descriptors as they are kept: float32, float16, or int8 with a scale for each."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError

Dtype = Literal["float32", "float16", "int8"]


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """``n`` vectors of ``D`` numbers; what is memory-mapped is read when it is asked for.

    Attributes:
        values: ``(n, D)`` float32, float16 or int8.
        scales: ``(n,)`` float32 for int8, whose vectors are ``values * scales[:, None]``; else
            None.

    Raises:
        DataError: another dtype or shape, or scales that are missing or too many.
    """

    values: NDArray[Any]
    scales: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
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

    def part(self, start: int, stop: int) -> "StoredVectors":
        """Rows ``start`` to ``stop`` (not included) as they are kept, not read yet."""
        scales = None if self.scales is None else self.scales[start:stop]
        return StoredVectors(self.values[start:stop], scales)

    def chosen(self, rows: NDArray[np.integer]) -> "StoredVectors":
        """The rows that are named, in that order, as they are kept; read now."""
        scales = None if self.scales is None else np.asarray(self.scales[rows])
        return StoredVectors(np.asarray(self.values[rows]), scales)

    def floats(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop`` (not included), ``(stop - start, D)``; maybe not a copy."""
        # np.asarray: a part of a memory map is one, and slower at everything than its array.
        vectors = np.asarray(self.values[start:stop]).astype(np.float32, copy=False)
        if self.scales is not None:
            vectors *= np.asarray(self.scales[start:stop])[:, None]
        return vectors

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The rows that are named, in that order, ``(len(rows), D)``."""
        return self.chosen(rows).floats(0, len(rows))


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
