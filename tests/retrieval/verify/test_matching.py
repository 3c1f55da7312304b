"""Matches of two photos against loops over all distances, and inliers of scenes that are known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from beenhere.retrieval.verify.local_features import LocalFeatures
from beenhere.retrieval.verify.matching import count_inliers, mutual_matches

Points = NDArray[np.float32]


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


def two_views(count: int, flat: bool = False, seed: int = 0) -> tuple[Points, Points]:
    """The same points of a street by two cameras 2 m apart and turned, with 0.5 px of noise."""
    rng = np.random.default_rng(seed)
    scene = rng.uniform([-8, -3, 10], [8, 5, 10 if flat else 30], (count, 3))
    views = []
    for place, turn in ((np.zeros(3), 0.0), (np.array([2.0, 0.1, 0.4]), 0.1)):
        rotation = np.array(
            [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]]
        )
        seen = (scene - place) @ rotation.T
        pixels = 500 * seen[:, :2] / seen[:, 2:] + [320, 240] + rng.normal(0, 0.5, (count, 2))
        views.append(pixels.astype(np.float32))
    return views[0], views[1]


@pytest.mark.parametrize("flat", [False, True])
def test_points_of_one_scene_agree_and_strays_do_not(flat: bool) -> None:
    first, second = two_views(60, flat)
    strays = np.random.default_rng(1).uniform(0, 480, (2, 60, 2)).astype(np.float32)
    count = count_inliers(
        np.concatenate([first, strays[0]]), np.concatenate([second, strays[1]]), 3.0
    )
    assert 55 <= count <= 75  # a line 6 px wide goes through a few strays


def test_points_of_two_scenes_agree_little() -> None:
    (first, _), (_, second) = two_views(60, seed=1), two_views(60, seed=2)
    assert count_inliers(first, second, 3.0) <= 30


def test_the_count_is_the_same_each_time() -> None:
    first, second = two_views(40)
    mixed = np.concatenate([second[:20], np.random.default_rng(3).permutation(second[20:])])
    counts = set()
    for seed in range(5):
        cv2.setRNGSeed(seed)
        counts.add(count_inliers(first, mixed, 3.0))
    assert len(counts) == 1


@pytest.mark.parametrize("count", range(8))
def test_fewer_than_eight_points_say_nothing(count: int) -> None:
    first, second = two_views(count)
    assert count_inliers(first, second, 3.0) == 0


def test_points_that_determine_nothing_are_no_error() -> None:
    rng = np.random.default_rng(0)
    line = np.stack([np.arange(20), np.arange(20)], axis=1).astype(np.float32)
    spot = np.full((20, 2), 7, np.float32)
    anywhere = rng.uniform(0, 200, (20, 2)).astype(np.float32)
    for first in (line, spot, anywhere):
        for second in (line, spot, anywhere):
            assert 0 <= count_inliers(first, second, 3.0) <= 20


def test_a_failure_of_opencv_counts_as_no_inliers(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise cv2.error("!model.empty() in function 'setModelParameters'")

    monkeypatch.setattr(cv2, "findFundamentalMat", failing)
    assert count_inliers(*two_views(20), 3.0) == 0
