"""Inner products in float32 of pairs: the similarity that decides, everywhere."""

from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
from numpy.typing import NDArray

ONE_THREAD = 2**23
"""Multiplications that one thread does by itself: a few milliseconds."""


def pair_products(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    query: NDArray[np.int64],
    vector: NDArray[np.int64],
) -> NDArray[np.float32]:
    """``queries[query[i]] . vectors[vector[i]]``, ``(p,)``, without gathering the vectors.

    The same two vectors give the same number to the last bit, whatever stands beside them: so a
    result depends on neither blocks nor segments, and copies of a photo tie exactly.

    Args:
        queries: ``(m, D)``, C-contiguous.
        vectors: ``(n, D)``, C-contiguous.
        query: ``(p,)`` rows of ``queries``.
        vector: ``(p,)`` rows of ``vectors``.
    """
    products = np.empty(len(query), np.float32)

    def multiply(some: slice) -> None:
        chosen, rows = np.ascontiguousarray(query[some]), np.ascontiguousarray(vector[some])
        # faiss' type stubs leave it out.
        faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]
            queries.shape[1],
            len(rows),
            faiss.swig_ptr(queries),
            faiss.swig_ptr(chosen),
            faiss.swig_ptr(vectors),
            faiss.swig_ptr(rows),
            faiss.swig_ptr(products[some]),
        )

    # Not faiss' own threads: they spin for a while when they are done, and so would hold up those
    # of torch, which has another runtime. The number is of the calling thread alone.
    threads = faiss.omp_get_max_threads()
    if threads == 1 or len(query) * queries.shape[1] <= ONE_THREAD:
        faiss.omp_set_num_threads(1)
        try:
            multiply(slice(None))
        finally:
            faiss.omp_set_num_threads(threads)
        return products
    step = -(-len(query) // threads)
    with ThreadPoolExecutor(threads, "pairs", faiss.omp_set_num_threads, (1,)) as pool:
        list(pool.map(multiply, [slice(i, i + step) for i in range(0, len(query), step)]))
    return products
