"""PCA-whitening: directions that all count alike, or more so; and fewer numbers a descriptor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from beenhere.config.retrieval import WhiteningConfig
from beenhere.errors import DataError
from beenhere.retrieval.search.vectors import StoredVectors, blocks, take

BLOCK_BYTES = 32 * 2**20
"""Of descriptors in float64 at once."""

MOST_LEARNED = 4096
"""Photos, evenly spread, on which a whitening that keeps all numbers is learned."""

MOST_DIRECTIONS = 1024
"""That it weighs; the floor makes weaker ones equal to what lies outside."""


EPS = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Whitening:
    """A learned projection for the descriptors of database and queries alike.

    Attributes:
        mean: ``(D,)`` float32, taken off first.
        projection: ``(d, D)`` float32; its rows are principal directions, the one of the largest
            variance first, divided by a power of their standard deviations. With ``gains`` they
            have length 1.
        gains: ``(d,)`` float32, what is added to each direction as a share of itself, where all D
            numbers are kept; None where only those of the directions are.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    gains: NDArray[np.float32] | None = None

    @property
    def dim(self) -> int:
        """Numbers of a descriptor afterwards."""
        return int(self.projection.shape[0 if self.gains is None else 1])

    @classmethod
    def fit(cls, segments: Sequence[StoredVectors], config: WhiteningConfig) -> "Whitening":
        """Learn from descriptors (Jegou and Chum, ECCV 2012, section 2.2).

        Where ``config.dim`` is None see :meth:`_fit_all`. Else a direction of variance l is divided
        by ``l ** (config.power / 2)``. Memory holds a block of descriptors and two ``(D, D)``
        matrices in float64, of fewer than D descriptors less.

        Args:
            segments: descriptors to learn from, of one dimension.
            config: how many directions to keep, and the power.

        Raises:
            DataError: the descriptors have fewer numbers, or vary in fewer directions, than are to
                be kept.
        """
        if config.dim is None:
            return cls._fit_all(segments, config)
        count = sum(map(len, segments))
        size = segments[0].dim if segments else 0
        if config.dim > size or config.dim >= count:
            raise DataError(
                f"whitening to {config.dim} numbers is to be learned from {count} descriptors of "
                f"{size}; expected more descriptors than that, of at least as many numbers"
            )
        mean, variances, directions = _principal(segments)
        varying = int(np.count_nonzero(variances > max(size, count) * EPS * variances[0]))
        if varying < config.dim:
            raise DataError(
                f"the descriptors vary in {varying} directions; expected at least {config.dim} to "
                "keep: give whitening a smaller dim, or more descriptors"
            )
        strongest = directions[: config.dim]
        # An eigenvector's sign is arbitrary; so that every machine comes to the same projection:
        largest = np.abs(strongest).argmax(axis=1)
        strongest = strongest * np.sign(strongest[np.arange(config.dim), largest])[:, None]
        projection = strongest / variances[: config.dim, None] ** (config.power / 2)
        return cls(mean.astype(np.float32), projection.astype(np.float32))

    @classmethod
    def _fit_all(cls, segments: Sequence[StoredVectors], config: WhiteningConfig) -> "Whitening":
        """Weigh the directions in which few photos vary, and keep what lies outside their span.

        n photos vary in n - 1 directions at most. PCA keeps those alone: of a photo of another
        place hardly anything is left, and what is left is brought to length 1, so it may resemble
        any of them. Here a direction of variance l is weighed by ``(l + f) ** (-power / 2)``, and
        all that lies outside by ``f ** (-power / 2)``, f being the floor.
        """
        count = sum(map(len, segments))
        if count < 2:
            raise DataError(f"descriptors to learn whitening from: {count}; expected 2 or more")
        rows = np.unique(np.linspace(0, count - 1, min(count, MOST_LEARNED)).astype(np.int64))
        mean, variances, directions = _principal([StoredVectors(take(segments, rows))])
        kept = variances > variances[0] * max(len(rows), len(mean)) * EPS
        kept[min(len(rows) - 1, MOST_DIRECTIONS) :] = False
        variances, directions = variances[kept], directions[kept]
        floor = config.floor * variances.mean() if len(variances) else 1.0
        gains = (floor / (variances + floor)) ** (config.power / 2) - 1
        return cls(*(each.astype(np.float32) for each in (mean, directions, gains)))

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project ``(n, D)`` float32 to ``(n, d)`` and L2-normalise; the mean itself becomes 0.

        Raises:
            DataError: descriptors of another dimension.
        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise DataError(
                f"descriptors have the shape {vectors.shape}; expected (n, {len(self.mean)}), as "
                "the whitening was learned on"
            )
        off = vectors - self.mean
        projected = np.matmul(off, self.projection.T, dtype=np.float32)
        if self.gains is not None:
            projected = off + (projected * self.gains) @ self.projection
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        normalised: NDArray[np.float32] = projected / np.where(lengths > 0, lengths, np.float32(1))
        return normalised

    def save(self, path: Path) -> None:
        """Write a safetensors file.

        Raises:
            OSError: the disk is full, say.
        """
        # safetensors writes memory as it lies, whatever the strides.
        projection = np.ascontiguousarray(self.projection)
        tensors = {"mean": np.ascontiguousarray(self.mean), "projection": projection}
        if self.gains is not None:
            tensors["gains"] = self.gains
        # In memory first: safetensors reports a full disk as an error of its own.
        path.write_bytes(safetensors.numpy.save(tensors))

    @classmethod
    def load(cls, path: Path) -> "Whitening":
        """A whitening from the file that :meth:`save` wrote.

        Raises:
            DataError: no such file, truncated, or of another content.
        """
        try:
            return cls.read(path.read_bytes(), str(path))
        except OSError as error:
            raise DataError(f"{path} is not a whole whitening ({error}); learn it again") from error

    @classmethod
    def read(cls, data: bytes, source: str) -> "Whitening":
        """A whitening from the bytes of such a file; ``source`` names it in errors.

        Raises:
            DataError: truncated, or of another content.
        """
        try:
            tensors = safetensors.numpy.load(data)
        except SafetensorError as error:
            raise DataError(
                f"{source} is not a whole whitening ({error}); learn it again"
            ) from error
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        shape = shapes.get("projection", ())
        gains = shapes.get("gains", shape[:1])
        if len(shape) != 2 or shapes.get("mean") != shape[1:] or gains != shape[:1]:
            raise DataError(
                f"{source} holds {shapes}; expected mean (D,), projection (d, D), and perhaps "
                "gains (d,)"
            )
        return cls(tensors["mean"], tensors["projection"], tensors.get("gains"))


def _principal(
    segments: Sequence[StoredVectors],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``(D,)``, variances, the largest first, and their directions, ``(r, D)``, in float64.

    r is D, or the number n of descriptors where that is smaller: then X X^T, n x n, has the same
    variances as the covariance X^T X / n, and is decomposed (D / n)^3 times as fast. What does not
    vary has directions of no meaning.
    """
    count, size = sum(map(len, segments)), segments[0].dim
    rows = max(1, BLOCK_BYTES // (8 * size))
    mean = np.zeros(size)
    for kept, _ in blocks(segments, rows, None):
        mean += kept.floats(0, len(kept)).sum(axis=0, dtype=np.float64)
    mean /= count
    if count <= size:
        off = take(segments, np.arange(count)).astype(np.float64) - mean
        variances, parts = np.linalg.eigh(off @ off.T / count)
        variances = np.maximum(variances[::-1], np.finfo(np.float64).tiny)
        return mean, variances, parts.T[::-1] @ off / np.sqrt(count * variances)[:, None]
    covariance = np.zeros((size, size))
    for kept, _ in blocks(segments, rows, None):
        off = kept.floats(0, len(kept)) - mean
        covariance += off.T @ off
    variances, directions = np.linalg.eigh(covariance / count)
    return mean, variances[::-1], directions[:, ::-1].T
