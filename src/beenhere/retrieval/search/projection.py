"""What codes are made of: the directions in which descriptors vary, mixed evenly."""

import faiss
import numpy as np
from numpy.typing import NDArray


def projection(sample: NDArray[np.float32], share: float, multiple: int) -> faiss.LinearTransform:
    """A transform to fewer numbers that changes inner products as little as it can.

    A trained model's descriptors vary in far fewer directions than they have numbers, so codes of
    the principal ones say as much in half the bytes. A random rotation follows: codes give each
    number the same bits, so each should count alike (Jegou et al., 2010). Nothing is taken off, as
    the products of what is left would no longer rank alike.

    Args:
        sample: ``(s, D)`` descriptors to learn from.
        share: of the variance, that is to be left at least; 1 only rotates.
        multiple: what the number of directions is a multiple of.
    """
    size = sample.shape[1]
    moment = (sample.T @ sample).astype(np.float64)
    strengths, directions = np.linalg.eigh(moment)
    strengths = np.maximum(strengths[::-1], 0)
    # The first direction is mostly what all descriptors have in common, which tells none apart.
    left = np.cumsum(strengths[1:]) / max(float(strengths[1:].sum()), np.finfo(float).tiny)
    enough = 2 + int(np.searchsorted(left, share)) if share < 1 else size
    kept = max(multiple, min(-(-enough // multiple) * multiple, size // multiple * multiple))
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((kept, kept)))
    matrix = rotation @ directions[:, ::-1].T[:kept]
    transform = faiss.LinearTransform(size, kept, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(matrix, np.float32).ravel(), transform.A)
    transform.is_trained = True
    return transform
