"""Recall@N against the definition, written as loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from beenhere.evaluation import protocol


def naive_recall(predictions: NDArray[np.int64], positives: list[list[int]], n: int) -> float:
    """As the public evaluation codes count it."""
    hits = 0
    for query, right in enumerate(positives):
        if any(row in right for row in predictions[query][:n]):
            hits += 1
    return hits / len(positives) * 100


def recalls(
    predictions: NDArray[np.int64], positives: list[list[int]], at: list[int]
) -> list[float]:
    first = protocol.first_hits(predictions, positives)
    return [protocol.share(protocol.hits_within(first, n)) for n in at]


@st.composite
def retrievals(draw: st.DrawFn) -> tuple[NDArray[np.int64], list[list[int]]]:
    m, k, n = draw(st.integers(1, 12)), draw(st.integers(1, 8)), draw(st.integers(1, 15))
    lists = draw(
        st.lists(st.lists(st.integers(-1, n - 1), min_size=k, max_size=k), min_size=m, max_size=m)
    )
    positives = draw(st.lists(st.lists(st.integers(0, n + 3), max_size=4), min_size=m, max_size=m))
    return np.array(lists, np.int64).reshape(m, k), positives


@settings(max_examples=200)
@given(retrievals())
def test_recall_is_the_share_of_all_queries_with_a_hit(
    case: tuple[NDArray[np.int64], list[list[int]]],
) -> None:
    predictions, positives = case
    at = [1, 2, 5, 20]
    assert recalls(predictions, positives, at) == [
        naive_recall(predictions, positives, n) for n in at
    ]
    first = protocol.first_hits(predictions, positives)
    for query, rank in enumerate(first):
        hits = [place for place, row in enumerate(predictions[query], 1) if row in positives[query]]
        assert rank == (hits[0] if hits else 0)


def test_a_query_without_a_positive_stays_in_the_denominator() -> None:
    predictions = np.array([[0, 1], [1, 0]])
    assert recalls(predictions, [[1], []], [1, 2]) == [0.0, 50.0]


@settings(max_examples=100)
@given(retrievals(), st.integers(1, 9))
def test_leave_out_keeps_the_order_of_the_others(
    case: tuple[NDArray[np.int64], list[list[int]]], k: int
) -> None:
    rows, excluded = case
    similarity = np.linspace(1, 0, rows.size, dtype=np.float32).reshape(rows.shape)
    kept, alike = protocol.leave_out(rows, similarity, protocol.contains(excluded, rows), k)
    assert kept.shape == alike.shape == (len(rows), min(k, rows.shape[1]))
    for query in range(len(rows)):
        left = [
            (int(row), float(s))
            for row, s in zip(rows[query], similarity[query], strict=True)
            if row not in excluded[query]
        ][:k]
        found = list(zip(kept[query].tolist(), alike[query].tolist(), strict=True))
        assert found[: len(left)] == left
        assert all(row == protocol.NOTHING and np.isnan(s) for row, s in found[len(left) :])


@pytest.mark.parametrize("k", [0, 3])
def test_no_positive_anywhere_is_no_hit(k: int) -> None:
    assert protocol.first_hits(np.zeros((2, k), np.int64), [[], []]).tolist() == [0, 0]
