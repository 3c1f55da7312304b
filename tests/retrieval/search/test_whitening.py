"""Whitening against naive loops in float64, and its effect on descriptors of places."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from beenhere.config.retrieval import WhiteningConfig
from beenhere.errors import DataError
from beenhere.retrieval.search import whitening
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.vectors import StoredVectors, quantise
from beenhere.retrieval.search.whitening import Whitening
from places import views


def descriptors(n: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors with a common part and a few strong directions."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, dim)) * np.linspace(2, 0.1, dim) @ rng.normal(size=(dim, dim)) + 2
    return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_equals_a_naive_rewrite(power: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whitening, "BLOCK_BYTES", 8 * 7 * 9)
    database, queries = descriptors(60, 7, 0), descriptors(5, 7, 1)
    segments = [StoredVectors(database[:25]), StoredVectors(database[25:])]
    learned = Whitening.fit(segments, WhiteningConfig(dim=4, power=power))

    rows = database.astype(np.float64).tolist()
    mean = [sum(row[i] for row in rows) / 60 for i in range(7)]
    covariance = np.empty((7, 7))
    for i in range(7):
        for j in range(7):
            covariance[i, j] = sum((r[i] - mean[i]) * (r[j] - mean[j]) for r in rows) / 60
    # Power iteration with deflation finds the directions one after the other.
    expected = np.empty((5, 4))
    for place in range(4):
        direction = np.ones(7)
        for _ in range(20_000):
            direction = covariance @ direction
            direction /= np.linalg.norm(direction)
        direction *= np.sign(direction[np.abs(direction).argmax()])
        variance = direction @ covariance @ direction
        covariance -= variance * np.outer(direction, direction)
        expected[:, place] = (queries - np.array(mean)) @ direction / variance ** (power / 2)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    applied = learned.apply(queries)
    assert applied.dtype == np.float32 and applied.shape == (5, 4)
    assert np.allclose(applied, expected, atol=1e-4)


def test_whitened_directions_vary_alike_and_apart() -> None:
    database = descriptors(2000, 12, 2)
    learned = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=12))
    projected = (database - learned.mean) @ learned.projection.T
    assert np.allclose(np.cov(projected.T.astype(np.float64), bias=True), np.eye(12), atol=1e-3)


def test_what_places_have_in_common_no_longer_hides_them() -> None:
    """Whitened to half the numbers, more queries find their place first."""
    database, queries = views(places=300, each=4, dim=64, noise=0.8, seed=3)
    rng = np.random.default_rng(4)
    burst = np.eye(64, dtype=np.float32)[:2]  # two directions that say nothing of the place

    def disturbed(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        loud = vectors + rng.normal(size=(len(vectors), 2)).astype(np.float32) @ burst
        return loud / np.linalg.norm(loud, axis=1, keepdims=True)

    def right(database: NDArray[np.float32], queries: NDArray[np.float32]) -> float:
        _, rows = search_exact([StoredVectors(database)], queries, 1)
        return float((rows[:, 0] // 4 == np.arange(300)).mean())

    database, queries = disturbed(database), disturbed(queries)
    learned = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=32))
    before, after = right(database, queries), right(learned.apply(database), learned.apply(queries))
    assert after > before + 0.1


def test_reads_what_is_kept_in_few_bytes() -> None:
    database = descriptors(500, 6, 5)
    plain = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=3))
    small = Whitening.fit([quantise(database, "int8")], WhiteningConfig(dim=3))
    assert np.allclose(plain.apply(database), small.apply(database), atol=0.1)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    database = descriptors(50, 6, 6)
    learned = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=3))
    learned.save(tmp_path / "whitening.safetensors")
    again = Whitening.load(tmp_path / "whitening.safetensors")
    assert np.array_equal(again.apply(database), learned.apply(database))
    assert not np.isnan(learned.apply(learned.mean[None])).any()


def test_bad_input_is_refused(tmp_path: Path) -> None:
    database = descriptors(50, 6, 7)
    flat = database.copy()
    flat[:, 3:] = 0
    for message, vectors, dim in (
        ("to 7 numbers is to be learned from 50 descriptors of 6", database, 7),
        ("to 5 numbers is to be learned from 5 descriptors of 6", database[:5], 5),
        ("vary in 3 directions; expected at least 4", flat, 4),
    ):
        with pytest.raises(DataError, match=message):
            Whitening.fit([StoredVectors(vectors)], WhiteningConfig(dim=dim))
    learned = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=3))
    with pytest.raises(DataError, match=r"shape \(2, 5\); expected \(n, 6\)"):
        learned.apply(np.ones((2, 5), np.float32))
    path = tmp_path / "whitening.safetensors"
    with pytest.raises(DataError, match="not a whole whitening"):
        Whitening.load(path)
    Whitening(learned.mean[:4], learned.projection).save(path)
    with pytest.raises(DataError, match="expected mean"):
        Whitening.load(path)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match="not a whole whitening"):
        Whitening.load(path)


@pytest.mark.parametrize("n", [20, 300])
@pytest.mark.parametrize(("power", "floor"), [(0.5, 0.25), (1.0, 0.1)])
def test_all_numbers_kept_equals_a_naive_rewrite(n: int, power: float, floor: float) -> None:
    database, queries = descriptors(n, 40, 3), descriptors(5, 40, 4)
    segments = [StoredVectors(database[:9]), StoredVectors(database[9:])]
    learned = Whitening.fit(segments, WhiteningConfig(dim=None, power=power, floor=floor))
    assert learned.dim == 40

    exact = database.astype(np.float64)
    mean = exact.mean(axis=0)
    covariance = sum(np.outer(row - mean, row - mean) for row in exact) / n
    variances, directions = np.linalg.eigh(covariance)
    rank = min(n - 1, 40)
    added = floor * variances[-rank:].mean()
    # Of the whole matrix: outside the span of the photos the variances are 0.
    weigh = directions @ np.diag((variances.clip(0) + added) ** (-power / 2)) @ directions.T
    expected = (queries - mean) @ weigh
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    applied = learned.apply(queries)
    assert applied.dtype == np.float32
    assert np.allclose(applied, expected, atol=1e-5)


def test_what_lies_outside_the_span_of_few_photos_is_kept(tmp_path: Path) -> None:
    """Of 10 photos PCA knows 9 directions, and every photo from elsewhere resembles one of them."""
    database, elsewhere = descriptors(10, 60, 5), descriptors(40, 60, 6)
    half = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=None, power=0.5))
    pca = Whitening.fit([StoredVectors(database)], WhiteningConfig(dim=9, power=0.5))

    def nearest(learned: Whitening, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        return (learned.apply(queries) @ learned.apply(database).T).max(axis=1)

    noisy = database + 0.02 * np.random.default_rng(7).normal(size=database.shape)
    assert nearest(half, noisy.astype(np.float32)).min() > nearest(half, elsewhere).max() + 0.2
    assert nearest(pca, elsewhere).max() > nearest(half, elsewhere).max() + 0.1
    half.save(tmp_path / "half")
    again = Whitening.load(tmp_path / "half")
    assert np.array_equal(again.apply(elsewhere), half.apply(elsewhere))
