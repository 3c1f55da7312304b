"""What a structure costs and loses, against counts by hand."""

import numpy as np
import pytest

from beenhere.config.retrieval import SearchConfig
from beenhere.retrieval.search.approximate import Structure
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.quality import measure
from beenhere.retrieval.search.vectors import StoredVectors, quantise
from places import views


@pytest.fixture(scope="module")
def database() -> np.ndarray:
    return views(places=300, each=4, dim=32, noise=0.5, seed=0)[0]


def test_shares_and_sizes_are_those_counted_by_hand(database: np.ndarray) -> None:
    segments = [quantise(database[:600], "int8"), StoredVectors(database[600:])]
    structure = Structure.train(segments, SearchConfig(kind="pq", pq_numbers=8, rescore=1))
    queries = views(places=300, each=4, dim=32, noise=0.5, seed=0)[1]
    exact, pq = measure(segments, [structure], queries, [1, 10])
    assert exact.kind == "exact" and exact.kept == {1: 1.0, 10: 1.0}
    assert exact.photo_bytes == (600 * 36 + 600 * 128) / 1200
    assert pq.kind == "pq" and 2 <= pq.photo_bytes < 12
    true, found = search_exact(segments, queries, 10)[1], structure.search(queries, 10)[1]
    for k in (1, 10):
        hits = sum(
            len({*t[:k]} & {*f[:k]}) for t, f in zip(true.tolist(), found.tolist(), strict=True)
        )
        assert pq.kept[k] == hits / (300 * k)
    assert 0 < pq.kept[10] < 1
    assert min(exact.together_ms, exact.alone_ms, pq.together_ms, pq.alone_ms) > 0


def test_a_photo_of_the_index_does_not_count_as_its_own_match(database: np.ndarray) -> None:
    doubled = np.concatenate([database, database[:40]])  # and copies do
    own = np.arange(0, 1200, 7)
    segments = [StoredVectors(doubled)]
    structure = Structure.train(segments, SearchConfig(kind="pq", pq_numbers=8, rescore=1))
    queries = doubled[own]
    [_, quality] = measure(segments, [structure], queries, [1, 5], own)
    true, found = search_exact(segments, queries, 6)[1], structure.search(queries, 6)[1]
    for k in (1, 5):
        hits = 0
        for row, t, f in zip(own.tolist(), true.tolist(), found.tolist(), strict=True):
            hits += len({*[x for x in t if x != row][:k]} & {*[x for x in f if x != row][:k]})
        assert quality.kept[k] == hits / (len(own) * k)


def test_exact_search_alone_and_an_index_smaller_than_k(database: np.ndarray) -> None:
    [exact] = measure([StoredVectors(database[:3])], [], database[:2], [1, 20])
    assert exact.kept == {1: 1.0, 20: 1.0} and exact.photo_bytes == 128
