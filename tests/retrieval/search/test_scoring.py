"""The best rows of each query, against sorting everything in plain Python."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beenhere.retrieval.search.scoring import Best, best_of

SCORES = st.integers(-2, 2).map(float)  # ties everywhere


def expected(pairs: list[tuple[float, int]], k: int) -> list[tuple[float, int]]:
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]


def found(similarity: np.ndarray, rows: np.ndarray) -> list[tuple[float, int]]:
    there = rows >= 0
    assert not there[np.argmin(there) :].any() or there.all()
    assert [math.isnan(score) for score in similarity] == (~there).tolist()
    return list(zip(similarity[there].tolist(), rows[there].tolist(), strict=True))


@given(
    scores=st.lists(st.lists(st.none() | SCORES, min_size=7, max_size=7), min_size=1, max_size=4),
    k=st.integers(1, 9),
)
def test_best_of_candidates(scores: list[list[float | None]], k: int) -> None:
    rows = np.array([[3 * i if s is not None else -1 for i, s in enumerate(q)] for q in scores])
    similarity = np.array([[0 if s is None else s for s in q] for q in scores], np.float32)
    order = np.argsort(rows, axis=1, kind="stable")
    rows, similarity = (np.take_along_axis(a, order, axis=1) for a in (rows, similarity))
    answer, chosen = best_of(similarity, rows, k)
    assert answer.shape == chosen.shape == (len(scores), k)
    for query, line in enumerate(scores):
        pairs = [(s, 3 * i) for i, s in enumerate(line) if s is not None]
        assert found(answer[query], chosen[query]) == expected(pairs, k)


@given(
    blocks=st.lists(st.lists(st.tuples(st.integers(0, 2), SCORES), max_size=12), max_size=5),
    k=st.integers(1, 6),
)
def test_best_of_what_goes_by(blocks: list[list[tuple[int, float]]], k: int) -> None:
    best = Best(3, k)
    pairs: list[list[tuple[float, int]]] = [[], [], []]
    first = 0
    for block in blocks:
        rows = np.arange(first, first + len(block))
        first += len(block)
        for row, (query, score) in zip(rows.tolist(), block, strict=True):
            pairs[query].append((score, row))
        queries = np.array([query for query, _ in block], np.int64)
        best.add(queries, rows, np.array([score for _, score in block], np.float32))
        for query in range(3):
            reached = expected(pairs[query], k)
            assert best.least[query] <= (reached[-1][0] if len(reached) == k else -np.inf)
    similarity, rows = best.answer()
    for query in range(3):
        assert found(similarity[query], rows[query]) == expected(pairs[query], k)
