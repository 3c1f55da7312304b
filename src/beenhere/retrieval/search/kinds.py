# mypy: disable-error-code="arg-type,attr-defined,call-arg,no-any-return"
# faiss' type stubs know neither the keywords of its search parameters nor all of its classes.
"""The approximate kinds of search, each a faiss index and what it needs.

- ``pq``: product quantisation (Jegou et al., 2011) in 4-bit codes, compared in registers, 16 or
  more at once ("fast scan": Andre et al., 2017).
- ``ivf``: an inverted file; only the lists nearest to a query are scanned, in codes as above.
- ``hnsw``: a navigable small world graph in layers (Malkov and Yashunin, 2018), 8 bits a number.
"""

from math import isqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from beenhere.config.retrieval import SearchConfig
from beenhere.retrieval.search.choice import FEWEST_TO_LEARN

KINDS: dict[str, type[faiss.Index]] = {
    "pq": faiss.IndexPQFastScan,
    "ivf": faiss.IndexIVFPQFastScan,
    "hnsw": faiss.IndexHNSWSQ,
}
"""Every approximate kind by its name, and the class of its faiss index, by which a saved one is
known."""

RESCORE = {"pq": 75, "ivf": 20, "hnsw": 2}
"""Candidates for each match wanted, unless the options say. pq's keeps the first match and more
than 99.8% of the first 20: of 500,000 clustered descriptors of 512 numbers (benchmarks/index.py) 20
kept 98.8%, 50 99.86%, 75 99.95%."""

TRAIN_BYTES = 256 * 2**20
"""Of float32 vectors that codes and lists are learned from, at most."""

_AT_ONCE = 64
"""Codes compared at once; a third faster than faiss' own 32 with AVX-512."""

_TRAIN_PER_LIST = 40
"""Vectors for each list; faiss warns of fewer than 39."""


def train_rows(dim: int) -> int:
    """How many vectors to learn from, at most."""
    return max(FEWEST_TO_LEARN, TRAIN_BYTES // (4 * dim))


def kind_of(index: faiss.Index) -> str | None:
    """The name of the kind that an index is of."""
    inner = index
    if isinstance(index, faiss.IndexPreTransform):
        inner = faiss.downcast_index(index.index)
    return next((name for name, kind in KINDS.items() if type(inner) is kind), None)


def learn(kind: str, sample: NDArray[np.float32], count: int, config: SearchConfig) -> faiss.Index:
    """An index without vectors.

    Args:
        kind: of it.
        sample: ``(s, D)`` of the vectors to come.
        count: how many these will be.
        config: the options of its kind.
    """
    index: faiss.Index
    codes: faiss.Index
    size, metric = sample.shape[1], faiss.METRIC_INNER_PRODUCT
    if kind == "hnsw":
        index = faiss.IndexHNSWSQ(size, faiss.ScalarQuantizer.QT_8bit, config.M, metric)
        index.hnsw.efConstruction = config.ef_construction
    else:
        together = min(config.pq_numbers, size)
        transform = projection(sample, config.pq_share, together)
        dim, parts = transform.d_out, transform.d_out // together
        if kind == "pq":
            codes = faiss.IndexPQFastScan(dim, parts, 4, metric, _AT_ONCE)
        else:
            nlist = min(config.nlist or 2 * isqrt(count), len(sample) // _TRAIN_PER_LIST)
            lists = faiss.IndexFlatIP(dim)
            codes = faiss.IndexIVFPQFastScan(lists, dim, nlist, parts, 4, metric)
        index = faiss.IndexPreTransform(transform, codes)
    index.train(sample)
    return index


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


def candidate_rows(
    kind: str,
    index: faiss.Index,
    queries: NDArray[np.float32],
    wanted: int,
    allowed: NDArray[np.bool_] | None,
    config: SearchConfig,
) -> NDArray[np.int64]:
    """Rows ``(m, c)`` that may be the best of each query; -1 for none.

    Args:
        kind: of the index.
        index: to search.
        queries: ``(m, D)``.
        wanted: how many for each.
        allowed: ``(n,)``, the rows that count; None: all.
        config: how hard to search.
    """
    if kind == "pq":
        # faiss cannot restrict it, so as many more are taken as will be dropped.
        share = 1.0 if allowed is None else np.count_nonzero(allowed) / len(allowed)
        found = index.search(queries, min(int(np.ceil(wanted / share)), index.ntotal))[1]
        return found if allowed is None else np.where(allowed[found], found, -1)
    wanted = min(wanted, index.ntotal)
    # The selector only points to the bits, so they need a name that lives as long.
    bits = None if allowed is None else np.packbits(allowed, bitorder="little")
    chosen = None if bits is None else faiss.IDSelectorBitmap(bits)
    if kind == "hnsw":
        effort = max(config.ef_search, wanted)
        parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=chosen)
    else:
        nprobe = config.nprobe or max(1, faiss.downcast_index(index.index).nlist // 5)
        lists = faiss.SearchParametersIVF(nprobe=nprobe, sel=chosen)
        parameters = faiss.SearchParametersPreTransform(index_params=lists)
    return index.search(queries, wanted, params=parameters)[1]
