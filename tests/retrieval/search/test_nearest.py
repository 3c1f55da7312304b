"""Exact search against a naive float64 loop and against faiss over the whole database."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.search import exact
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.scoring import Answer
from beenhere.retrieval.search.vectors import StoredVectors


def nearest(database: NDArray[np.floating], queries: NDArray[np.floating], k: int) -> Answer:
    k = min(k, len(database))
    return search_exact([StoredVectors(database)], queries.astype(np.float32), k, by_distance=True)


def normalised(rng: np.random.Generator, n: int, dim: int) -> NDArray[np.float32]:
    vectors = rng.normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=25)
@given(
    n=st.integers(1, 40),
    m=st.integers(0, 30),
    dim=st.integers(2, 20),
    k=st.integers(1, 50),
    seed=st.integers(0, 99),
)
def test_equals_a_naive_loop(n: int, m: int, dim: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    database, queries = normalised(rng, n, dim), normalised(rng, m, dim)
    similarity, rows = nearest(database, queries, k)
    assert similarity.shape == rows.shape == (m, min(k, n))
    assert similarity.dtype == np.float32 and rows.dtype == np.int64
    for query in range(m):
        scored = sorted(
            range(n),
            key=lambda row: ((queries[query].astype(float) - database[row]) ** 2).sum(),
        )
        cosine = [float(queries[query].astype(float) @ database[row]) for row in scored[:k]]
        assert np.allclose(similarity[query], cosine, atol=2e-6)
        for row, expected in zip(rows[query], cosine, strict=True):
            assert np.isclose(float(queries[query].astype(float) @ database[row]), expected)


@pytest.mark.parametrize("kept_as", [np.float32, np.float16])
def test_the_order_is_that_of_distances_where_lengths_differ(kept_as: type[np.floating]) -> None:
    rng = np.random.default_rng(3)
    alike = normalised(rng, 1, 64) + 1e-4 * normalised(rng, 3000, 64)
    database = (alike * rng.uniform(0.99, 1.01, (3000, 1))).astype(kept_as)
    queries = normalised(rng, 30, 64)
    similarity, rows = nearest(database, queries, 10)
    squared = ((queries.astype(float)[:, None] - database.astype(float)[None]) ** 2).sum(axis=2)
    assert np.array_equal(rows[:, 0], squared.argmin(axis=1))
    best = np.take_along_axis(squared, rows, axis=1)
    assert np.allclose(best, np.sort(squared, axis=1)[:, :10], rtol=0, atol=1e-6)
    assert np.allclose(similarity, 1 - best / 2, rtol=0, atol=1e-6)
    by_product = np.argmax(queries.astype(float) @ database.astype(float).T, axis=1)
    assert not np.array_equal(rows[:, 0], by_product)


@pytest.mark.parametrize("queries", [3, 40])
@pytest.mark.parametrize("k", [1, 20, 150])
def test_blocks_equal_one_faiss_index_to_the_last_bit(
    queries: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    distinct = normalised(rng, 400, 24)
    database = distinct[rng.integers(0, 400, 5000)]  # every photo has copies: ties everywhere
    wanted = normalised(rng, queries, 24)
    by_distance, by_product = faiss.IndexFlatL2(24), faiss.IndexFlatIP(24)
    by_distance.add(database)
    by_product.add(database)
    squared, expected = by_distance.search(wanted, k)
    # Else the last bits of faiss' products depend on how many queries are searched together.
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1000)
    products, _ = by_product.search(wanted, k)
    monkeypatch.setattr(exact, "BLOCK_BYTES", 1)
    similarity, rows = nearest(database, wanted, k)
    assert np.array_equal(rows, expected)
    assert np.allclose(similarity, 1 - squared / 2, atol=1e-6)
    similarity, rows = search_exact([StoredVectors(database)], wanted, k)
    assert np.array_equal(rows, expected)
    assert np.array_equal(similarity, products)


def test_among_equals_the_lower_row_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "BLOCK_BYTES", 1)
    rng = np.random.default_rng(1)
    database = np.repeat(normalised(rng, 3, 8), 1000, axis=0)
    _, rows = nearest(database, database[[0, 1500, 2999]], 5)
    assert rows.tolist() == [
        [0, 1, 2, 3, 4],
        [1000, 1001, 1002, 1003, 1004],
        [2000, 2001, 2002, 2003, 2004],
    ]


def test_reads_memory_mapped_half_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    database = normalised(rng, 3000, 16).astype(np.float16)
    np.save(tmp_path / "descriptors.npy", database)
    mapped = np.load(tmp_path / "descriptors.npy", mmap_mode="r")
    similarity, rows = nearest(mapped, database[:30], 3)
    assert rows[:, 0].tolist() == list(range(30))
    assert np.allclose(similarity[:, 0], 1, atol=1e-3)


def test_another_models_descriptors_are_refused() -> None:
    with pytest.raises(DataError, match="5 dimensions in the queries and 4 in the database"):
        nearest(np.ones((2, 4), np.float32), np.ones((1, 5), np.float32), 1)
