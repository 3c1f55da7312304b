import numpy as np
import pytest

from beenhere.retrieval.verify.local_features import LocalFeatures
from beenhere.retrieval.verify.matching import mutual_matches


def features(count: int, seed: int, near: LocalFeatures | None = None) -> LocalFeatures:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 16))
    if near is not None:
        shared = min(count, len(near)) // 2
        vectors[:shared] = near.descriptors[:shared] * 4 + 0.5 * vectors[:shared]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return LocalFeatures(
        rng.uniform(0, 100, (count, 2)).astype(np.float32), vectors.astype(np.float32)
    )


def by_loops(first: LocalFeatures, second: LocalFeatures, ratio: float) -> list[list[int]]:
    a, b = first.descriptors.astype(np.float64), second.descriptors.astype(np.float64)
    found = []
    for i in range(len(a)):
        distances = [float(np.sqrt(((a[i] - other) ** 2).sum())) for other in b]
        order = sorted(range(len(b)), key=distances.__getitem__)
        j = order[0]
        back = [float(np.sqrt(((one - b[j]) ** 2).sum())) for one in a]
        if min(range(len(a)), key=back.__getitem__) != i:
            continue
        if distances[j] < ratio * distances[order[1]]:
            found.append([i, j])
    return found


@pytest.mark.parametrize("ratio", [0.6, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("counts", [(40, 60), (60, 40), (1, 30), (7, 2)])
def test_pairs_are_those_of_loops_over_all_distances(counts: tuple[int, int], ratio: float) -> None:
    first = features(counts[0], 1)
    second = features(counts[1], 2, near=first)
    pairs = mutual_matches(first, second, ratio)
    assert pairs.tolist() == by_loops(first, second, ratio)


def test_half_of_the_features_are_found_again() -> None:
    first = features(80, 1)
    pairs = mutual_matches(first, features(80, 2, near=first), 0.8)
    assert len(pairs) >= 35
    assert (pairs[:, 0] == pairs[:, 1]).mean() > 0.9


@pytest.mark.parametrize("counts", [(0, 0), (0, 9), (9, 0), (9, 1)])
def test_there_is_no_ratio_without_a_second_nearest(counts: tuple[int, int]) -> None:
    pairs = mutual_matches(features(counts[0], 1), features(counts[1], 2), 0.8)
    assert pairs.shape == (0, 2)


def test_two_equally_near_features_are_no_match() -> None:
    first, second = features(1, 1), features(5, 2)
    second.descriptors[:2] = first.descriptors[0]
    assert len(mutual_matches(first, second, 1.0)) == 0
