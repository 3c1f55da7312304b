"""Inner products in float32 of pairs: the similarity that decides, everywhere."""

import faiss
import numpy as np
from numpy.typing import NDArray


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
    query, vector = np.ascontiguousarray(query), np.ascontiguousarray(vector)
    # faiss' type stubs leave it out.
    faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]
        queries.shape[1],
        len(query),
        faiss.swig_ptr(queries),
        faiss.swig_ptr(query),
        faiss.swig_ptr(vectors),
        faiss.swig_ptr(vector),
        faiss.swig_ptr(products),
    )
    return products
