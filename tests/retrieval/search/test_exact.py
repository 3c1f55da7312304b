"""Exact search against brute force: in float64, and bit for bit in float32."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.search import exact
from beenhere.retrieval.search.exact import (
    BFLOAT16,
    FLOAT32,
    ON_GPU,
    Arithmetic,
    FastProduct,
    search_exact,
)
from beenhere.retrieval.search.scoring import pair_products
from beenhere.retrieval.search.vectors import Dtype, StoredVectors, quantise


def normalised(rng: np.random.Generator, n: int, dim: int) -> NDArray[np.float32]:
    vectors = rng.normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def decoded(segments: list[StoredVectors]) -> NDArray[np.float32]:
    return np.concatenate([segment.floats(0, len(segment)) for segment in segments])


def check(
    segments: list[StoredVectors],
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Search, and hold the answer against two brute forces."""
    similarity, rows = search_exact(segments, queries, k, allowed)
    database = decoded(segments)
    candidates = np.arange(len(database)) if allowed is None else np.flatnonzero(allowed)
    found = min(k, len(candidates))
    assert similarity.shape == rows.shape == (len(queries), k)
    assert similarity.dtype == np.float32 and rows.dtype == np.int64
    assert (rows[:, found:] == -1).all() and np.isnan(similarity[:, found:]).all()
    longest = np.linalg.norm(database, axis=1).max(initial=1)
    true = queries.astype(np.float64) @ database[candidates].astype(np.float64).T
    for query in range(len(queries)):
        pairs = np.full(len(candidates), query)
        products = pair_products(queries, database, pairs, candidates)
        order = np.lexsort((candidates, -products))[:found]
        assert rows[query, :found].tolist() == candidates[order].tolist()
        assert np.array_equal(similarity[query, :found], products[order])
        off = np.abs(similarity[query, :found] + np.sort(-true[query])[:found])
        assert (off <= 1e-6 * longest).all()
    return similarity, rows


EVERY_ARITHMETIC = [BFLOAT16, FLOAT32, ON_GPU]


def use(arithmetic: Arithmetic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search in this arithmetic, whatever the processor has and however few the queries are.

    A GPU's is what a GPU would run, and its bound, on the processor.
    """
    monkeypatch.setattr(exact, "_arithmetic", lambda device, queries: arithmetic)


@pytest.fixture(params=EVERY_ARITHMETIC, ids=["bfloat16", "float32", "as on a GPU"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arithmetic:
    use(request.param, monkeypatch)
    return request.param  # type: ignore[no-any-return]


def test_bfloat16_is_for_many_queries_on_processors_that_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(exact, "has_bfloat16", lambda device: True)
    assert exact._arithmetic(cpu, 16) is FLOAT32 and exact._arithmetic(cpu, 17) is BFLOAT16
    monkeypatch.setattr(exact, "has_bfloat16", lambda device: False)
    assert exact._arithmetic(cpu, 1000) is FLOAT32
    assert exact._arithmetic(torch.device("cuda"), 1) is ON_GPU


@settings(max_examples=60)
@given(
    n=st.integers(0, 300),
    m=st.integers(0, 40),
    dim=st.integers(1, 40),
    k=st.integers(1, 400),
    cuts=st.lists(st.integers(0, 300), max_size=3),
    dtype=st.sampled_from(["float32", "float16", "int8"]),
    share=st.sampled_from([None, 0.0, 0.02, 0.5, 1.0]),
    copies=st.booleans(),
    arithmetic=st.sampled_from(EVERY_ARITHMETIC),
    seed=st.integers(0, 99),
)
def test_equals_brute_force(
    n: int,
    m: int,
    dim: int,
    k: int,
    cuts: list[int],
    dtype: Dtype,
    share: float | None,
    copies: bool,
    arithmetic: Arithmetic,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    database = normalised(rng, n, dim)
    if copies and n:
        database = database[rng.integers(0, max(1, n // 7), n)]
    segments = [
        quantise(part, dtype) for part in np.split(database, sorted(c % (n + 1) for c in cuts))
    ]
    allowed = None if share is None else rng.random(n) < share
    with pytest.MonkeyPatch.context() as patch:
        use(arithmetic, patch)
        patch.setattr(exact, "MOST_ROWS", 64)
        patch.setattr(exact, "TILE_QUERIES", 16)
        check(segments, normalised(rng, m, dim), k, allowed)


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize(("n", "dim", "m", "k"), [(9000, 64, 70, 20), (3000, 1536, 40, 5)])
def test_several_blocks_of_the_usual_size(n: int, dim: int, m: int, k: int) -> None:
    rng = np.random.default_rng(0)
    check([StoredVectors(normalised(rng, n, dim))], normalised(rng, m, dim), k)


@pytest.mark.usefixtures("arithmetic")
def test_lengths_and_signs_of_any_size() -> None:
    """Not only unit vectors: the bound grows with the lengths."""
    rng = np.random.default_rng(1)
    lengths = 10 ** rng.uniform(-3, 3, size=(2000, 1))
    database = (normalised(rng, 2000, 16) * lengths).astype(np.float32)
    database[::5] = 0
    queries = (-np.abs(normalised(rng, 30, 16)) * 40).astype(np.float32)
    queries[3] = 0
    segments = [StoredVectors(np.abs(database)), StoredVectors(database)]
    similarity, rows = search_exact(segments, queries, 9)
    true = queries.astype(np.float64) @ decoded(segments).astype(np.float64).T
    assert np.allclose(similarity, -np.sort(-true, axis=1)[:, :9], rtol=1e-5, atol=1e-3)
    assert rows[3].tolist() == list(range(9))


def near_ties(
    rng: np.random.Generator, rivals: int, flattered: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A query and vectors whose bfloat16 products err as far as they can, and away from the truth.

    Numbers just below 1 + 2^-8 are rounded down to 1 and those just above up to 1 + 2^-7. Signs are
    chosen so that all the errors of the first vector's product add up and make it smaller. In truth
    it is the best by a hair. The errors of its rivals cancel or, if flattered, add up and make them
    larger; that takes other numbers of the query.
    """
    half, scale = 512, 2.0**-5
    down = np.full(half, (1 + 2**-8) * (1 - 2**-16))
    up = np.full(half, (1 + 2**-8) * (1 + 2**-16))
    query, best = np.concatenate([down, -up]), np.concatenate([down, up])
    rival = np.concatenate([up, down])
    if flattered:
        query = np.concatenate([query, up, -down])
        best, rival = np.pad(best, (0, 2 * half)), np.pad(rival, (2 * half, 0))
    many = np.repeat(rival[None], rivals, axis=0)
    many[np.arange(rivals), len(rival) - 2 * half + rng.integers(0, half, rivals)] -= 0.064
    vectors = np.concatenate([best[None], many]) * scale
    return (query * scale).astype(np.float32)[None], vectors.astype(np.float32)


@pytest.mark.parametrize("flattered", [False, True])
@pytest.mark.parametrize("length", [1, 64])
@pytest.mark.parametrize("first", [0, 60, 500])
def test_a_row_that_bfloat16_puts_far_behind_is_found(
    first: int, length: int, flattered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of the bound: at 95% of its size this test fails."""
    use(BFLOAT16, monkeypatch)
    monkeypatch.setattr(exact, "MOST_ROWS", 128)
    monkeypatch.setattr(exact, "_centre", lambda block: torch.zeros(block.shape[1]))
    query, vectors = near_ties(np.random.default_rng(2), 500, flattered)
    database = np.insert(vectors[1:], first, vectors[0], axis=0) * np.float32(length)
    fast = (torch.from_numpy(database).bfloat16() @ torch.from_numpy(query[0]).bfloat16()).float()
    assert (fast > fast[first] + 0.007 * length * (1 + flattered)).sum() == 500
    _, rows = check([StoredVectors(database)], query, 1)
    assert rows.tolist() == [[first]]


@given(
    number=st.floats(-2, 2, allow_subnormal=False, width=32)
    | st.integers(-300, 300).map(lambda whole: whole * 2.0**-8)
)
def test_limits_are_rounded_down(number: float) -> None:
    product = FastProduct(np.ones((1, 1), np.float32), torch.zeros(1), BFLOAT16)
    one = torch.tensor([number], dtype=torch.float64)
    assert product._rounded_down(one).bfloat16() <= one
    assert product._rounded_down(one.bfloat16().double()) <= one


def as_tensor_float32(numbers: torch.Tensor) -> torch.Tensor:
    """Of a GPU: 10 bits of a number are kept, the others cut off."""
    return (numbers.view(torch.int32) & ~0x1FFF).view(torch.float32)


@pytest.mark.parametrize("dim", [3, 64, 512, 4096, 20000])
@pytest.mark.parametrize("common", [0, 5])
@pytest.mark.parametrize("arithmetic", EVERY_ARITHMETIC)
def test_fast_products_never_err_by_more_than_the_bound(
    arithmetic: Arithmetic, dim: int, common: float
) -> None:
    rng = np.random.default_rng(dim)
    database = normalised(rng, 96, dim) + common * normalised(rng, 1, dim)
    database /= np.linalg.norm(database, axis=1, keepdims=True)
    queries = np.concatenate([database[:30], normalised(rng, 30, dim)])  # large products too
    centre = torch.from_numpy(database.mean(axis=0))
    product = FastProduct(queries, centre, arithmetic)
    centred = torch.from_numpy(database) - centre
    fast = torch.empty((96, 60), dtype=product.dtype)
    if arithmetic is ON_GPU:
        product._fast = as_tensor_float32(product._fast)
        product._multiply(as_tensor_float32(centred), fast)
    else:
        product._multiply(centred.to(product.dtype), fast)
    deciding = torch.from_numpy(
        pair_products(queries, database, np.tile(np.arange(60), 96), np.repeat(np.arange(96), 60))
    ).view(96, 60)
    norm = torch.linalg.vector_norm(centred.double(), dim=1)[:, None]
    off = (fast.double() + product._offset - deciding.double()).abs()
    bound = product._error * norm + product._least_error
    bound += product._rounding * fast.double().abs()
    assert off.le(bound).all()
    if arithmetic is BFLOAT16:
        assert off.gt(0.01 * bound).any()  # the bound is of the error's size


@pytest.mark.parametrize("arithmetic", EVERY_ARITHMETIC)
def test_descriptors_that_have_nearly_all_in_common_leave_few_candidates(
    arithmetic: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An untrained backbone's cosines all but agree: the bound for unit vectors would keep all."""
    scored = []

    def watched(*arguments: Any) -> NDArray[np.float32]:
        scored.append(len(arguments[2]))
        return pair_products(*arguments)

    use(arithmetic, monkeypatch)
    monkeypatch.setattr(exact, "pair_products", watched)
    rng = np.random.default_rng(7)
    vectors = normalised(rng, 20050, 64) + 15 * normalised(rng, 1, 64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    check([StoredVectors(vectors[:20000])], vectors[20000:], 20)
    assert sum(scored) < 0.06 * 50 * 20000


@pytest.mark.usefixtures("arithmetic")
def test_ties_are_broken_by_row_across_blocks_and_segments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exact, "MOST_ROWS", 64)
    rng = np.random.default_rng(3)
    distinct = normalised(rng, 3, 24)
    segments = [StoredVectors(np.tile(distinct, (40, 1))), StoredVectors(np.tile(distinct, (9, 1)))]
    _, rows = check(segments, distinct, 45)
    assert rows[1].tolist() == list(range(1, 136, 3))
    _, last = check(segments, distinct, 1, np.arange(147) >= 144)
    assert last[:, 0].tolist() == [144, 145, 146]


@pytest.mark.usefixtures("arithmetic")
def test_segments_and_blocks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    database, queries = normalised(rng, 1000, 48), normalised(rng, 50, 48)
    whole = search_exact([StoredVectors(database)], queries, 10)
    monkeypatch.setattr(exact, "MOST_ROWS", 96)
    monkeypatch.setattr(exact, "TILE_QUERIES", 7)
    parts = [StoredVectors(part) for part in np.split(database, [1, 1, 130, 777])]
    for one, other in zip(whole, search_exact(parts, queries, 10), strict=True):
        assert np.array_equal(one, other)
    alone = [search_exact(parts, query[None], 10)[0] for query in queries]
    assert np.array_equal(np.concatenate(alone), whole[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_reads_memory_maps_that_cannot_be_written(dtype: Dtype, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    stored = quantise(normalised(rng, 700, 16), dtype)
    np.save(tmp_path / "values.npy", stored.values)
    mapped = StoredVectors(np.load(tmp_path / "values.npy", mmap_mode="r"), stored.scales)
    queries = normalised(rng, 20, 16)
    queries.setflags(write=False)
    answer = check([mapped], queries, 3, rng.random(700) < 0.5)
    assert np.array_equal(answer[1], check([stored], queries, 3, None)[1]) is False
    assert np.array_equal(check([mapped], queries, 3)[1], check([stored], queries, 3)[1])


def test_what_is_not_allowed_is_not_read() -> None:
    class Watched(StoredVectors):
        def part(self, start: int, stop: int) -> StoredVectors:
            read.extend(range(start, stop))
            return super().part(start, stop)

        def chosen(self, rows: NDArray[np.integer]) -> StoredVectors:
            read.extend(rows.tolist())
            return super().chosen(rows)

    read: list[int] = []
    rng = np.random.default_rng(6)
    segments = [Watched(normalised(rng, 300, 8)), Watched(normalised(rng, 200, 8))]
    allowed = np.zeros(500, bool)
    allowed[[7, 8, 290, 310]] = True
    _, rows = search_exact(segments, normalised(rng, 20, 8), 9, allowed)
    assert read == [7, 8, 290, 10]
    assert sorted(rows[0, :4].tolist()) == [7, 8, 290, 310] and rows[0, 4] == -1


def test_nothing_to_find_is_an_empty_answer() -> None:
    queries = np.ones((2, 3), np.float32)
    for segments, allowed in (
        ([], None),
        ([StoredVectors(np.empty((0, 3), np.float32))], None),
        ([StoredVectors(queries)], np.zeros(2, bool)),
    ):
        similarity, rows = search_exact(segments, queries, 2, allowed)
        assert np.isnan(similarity).all() and (rows == -1).all()


def test_bad_input_is_refused() -> None:
    stored = StoredVectors(np.ones((5, 4), np.float32))
    queries = np.ones((2, 4), np.float32)
    broken = queries.copy()
    broken[1, 2] = np.nan
    for message, arguments in (
        ("k is 0", ([stored], queries, 0)),
        (r"shape \(4,\)", ([stored], queries[0], 1)),
        ("3 dimensions in the queries and 4", ([stored], queries[:, :3], 1)),
        ("allowed is bool of shape", ([stored], queries, 1, np.ones(4, bool))),
        ("allowed is int64", ([stored], queries, 1, np.arange(5))),
        ("query 1 holds NaN", ([stored], broken, 1)),
        ("row 6 of the database holds NaN", ([stored, StoredVectors(broken)], queries, 1)),
    ):
        with pytest.raises(DataError, match=message):
            search_exact(*arguments)  # type: ignore[arg-type]
