"""Vectors in fewer bytes come back as near as their dtype allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from beenhere.errors import DataError
from beenhere.retrieval.search.vectors import StoredVectors, quantise, split, take

VECTORS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(1, 9)),
    elements=st.floats(-4, 4, width=32, allow_subnormal=False),
)


@given(vectors=VECTORS)
def test_int8_is_off_by_half_a_step_at_most(vectors: np.ndarray) -> None:
    stored = quantise(vectors, "int8")
    step = np.abs(vectors).max(axis=1, initial=0) / 127
    off = np.abs(stored.floats(0, len(vectors)).astype(float) - vectors)
    assert (off <= step[:, None] * 0.5001 + 1e-37).all()
    assert stored.values.nbytes * 4 == vectors.nbytes


@given(vectors=VECTORS)
def test_float16_is_off_by_half_a_unit_in_the_last_place(vectors: np.ndarray) -> None:
    off = np.abs(quantise(vectors, "float16").floats(0, len(vectors)) - vectors)
    assert (off <= np.abs(vectors) * 2.0**-11 + 2.0**-25).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_rows_are_found_alone_in_stretches_and_across_segments(dtype: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    whole = quantise(vectors, dtype)  # type: ignore[arg-type]
    expected = whole.floats(0, 20)
    assert len(whole) == 20 and whole.dim == 5
    assert np.array_equal(whole.floats(3, 7), expected[3:7])
    assert np.array_equal(whole.take(np.array([7, 3, 3])), expected[[7, 3, 3]])
    for row in (0, 1, 8, 9, 20, 25):
        before, after = split([whole.part(0, 8), whole.part(8, 8), whole.part(8, 20)], row)
        assert sum(map(len, before)) == min(row, 20) and sum(map(len, after)) == 20 - min(row, 20)
        segments = before + after
        assert np.array_equal(take(segments, np.array([19, 0, 8, 7])), expected[[19, 0, 8, 7]])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="float64 of shape"):
        StoredVectors(np.ones((2, 2)))
    with pytest.raises(DataError, match="expected \\(2,\\): int8 vectors have one each"):
        StoredVectors(np.ones((2, 2), np.int8))
    with pytest.raises(DataError, match="scales of shape \\(2,\\)"):
        StoredVectors(np.ones((2, 2), np.float32), np.ones(2, np.float32))
    with pytest.raises(DataError, match="vector 1 holds the number nan"):
        quantise(np.array([[1.0], [np.nan]], np.float32), "int8")
    with pytest.raises(DataError, match="70000, which float16 cannot keep"):
        quantise(np.array([[7e4]], np.float32), "float16")
