# mypy: disable-error-code="arg-type,attr-defined,call-arg,no-any-return"
# faiss' type stubs know neither the keywords of its search parameters nor all of its classes.
"""The approximate kinds of search, each a faiss index and what it needs.

- ``pq``: product quantisation (Jegou et al., 2011) in 4-bit codes, compared in registers, 16 or
  more at once ("fast scan": Andre et al., 2017).
- ``ivf``: an inverted file; only the lists nearest to a query are scanned, in codes as above.
- ``hnsw``: a navigable small world graph in layers (Malkov and Yashunin, 2018), 8 bits a number.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.config import SearchConfig
from beenhere.retrieval.search.choice import FEWEST_TO_LEARN

TRAIN_BYTES = 256 * 2**20
"""Of float32 vectors that codes and lists are learned from, at most."""

_AT_ONCE = 64
"""Codes compared at once; a third faster than faiss' own 32 with AVX-512."""

_TRAIN_PER_LIST = 40
"""Vectors for each list; faiss warns of fewer than 39."""


@dataclass(frozen=True)
class Kind:
    """One kind of structure.

    Attributes:
        index: the class of its faiss index, by which a saved one is known.
        learn: an index without vectors, from a sample ``(s, D)`` of them, how many there will be,
            and the options.
        parameters: of a search for so many candidates, restricted by a selector or not; None
            where faiss takes none.
        rescore: candidates for each match wanted, unless the options say. pq's keeps the first
            match and more than 99.8% of the first 20: of 500,000 clustered descriptors of 512
            numbers (benchmarks/index.py) 20 kept 98.8%, 50 99.86%, 75 99.95%.
    """

    index: type[faiss.Index]
    learn: Callable[[NDArray[np.float32], int, SearchConfig], faiss.Index]
    parameters: (
        Callable[[faiss.Index, SearchConfig, int, faiss.IDSelector | None], faiss.SearchParameters]
        | None
    )
    rescore: int


def train_rows(dim: int) -> int:
    """How many vectors to learn from, at most."""
    return max(FEWEST_TO_LEARN, TRAIN_BYTES // (4 * dim))


def kind_of(index: faiss.Index) -> str | None:
    """The name of the kind that an index is of."""
    inner = index
    if isinstance(index, faiss.IndexPreTransform):
        inner = faiss.downcast_index(index.index)
    return next((name for name, kind in KINDS.items() if type(inner) is kind.index), None)


@contextmanager
def selector(allowed: NDArray[np.bool_] | None) -> Iterator[faiss.IDSelector | None]:
    """What restricts a search to the rows that are allowed, ``(n,)``; None for all."""
    if allowed is None:
        yield None
        return
    bitmap = np.packbits(allowed, bitorder="little")  # the selector points to it
    yield faiss.IDSelectorBitmap(bitmap)


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


def _pq(sample: NDArray[np.float32], count: int, config: SearchConfig) -> faiss.Index:
    together = min(config.pq_numbers, sample.shape[1])
    transform = projection(sample, config.pq_share, together)
    codes = faiss.IndexPQFastScan(
        transform.d_out, transform.d_out // together, 4, faiss.METRIC_INNER_PRODUCT, _AT_ONCE
    )
    return _trained(faiss.IndexPreTransform(transform, codes), sample)


def _ivf(sample: NDArray[np.float32], count: int, config: SearchConfig) -> faiss.Index:
    together = min(config.pq_numbers, sample.shape[1])
    transform = projection(sample, config.pq_share, together)
    codes = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(transform.d_out),
        transform.d_out,
        min(config.nlist or 2 * isqrt(count), len(sample) // _TRAIN_PER_LIST),
        transform.d_out // together,
        4,
        faiss.METRIC_INNER_PRODUCT,
    )
    return _trained(faiss.IndexPreTransform(transform, codes), sample)


def _hnsw(sample: NDArray[np.float32], count: int, config: SearchConfig) -> faiss.Index:
    index = faiss.IndexHNSWSQ(
        sample.shape[1],
        faiss.ScalarQuantizer.QT_8bit,
        config.M,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.hnsw.efConstruction = config.ef_construction
    return _trained(index, sample)


def _trained(index: faiss.Index, sample: NDArray[np.float32]) -> faiss.Index:
    index.train(sample)
    return index


def _probing(
    index: faiss.Index, config: SearchConfig, candidates: int, selector: faiss.IDSelector | None
) -> faiss.SearchParameters:
    nprobe = config.nprobe or max(1, faiss.downcast_index(index.index).nlist // 5)
    lists = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
    return faiss.SearchParametersPreTransform(index_params=lists)


def _walking(
    index: faiss.Index, config: SearchConfig, candidates: int, selector: faiss.IDSelector | None
) -> faiss.SearchParameters:
    return faiss.SearchParametersHNSW(efSearch=max(config.ef_search, candidates), sel=selector)


KINDS: dict[str, Kind] = {
    "pq": Kind(faiss.IndexPQFastScan, _pq, None, 75),
    "ivf": Kind(faiss.IndexIVFPQFastScan, _ivf, _probing, 20),
    "hnsw": Kind(faiss.IndexHNSWSQ, _hnsw, _walking, 2),
}
"""Every approximate kind by its name."""
