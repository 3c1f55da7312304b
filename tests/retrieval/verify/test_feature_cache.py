"""Features are kept for later queries, up to a number of bytes."""

import numpy as np
import pytest

from beenhere.retrieval.descriptor_store import FileStamp
from beenhere.retrieval.verify.local_features import LocalFeatures
from beenhere.retrieval.verify.verifier import FeatureCache


def features(count: int) -> LocalFeatures:
    return LocalFeatures(np.zeros((count, 2), np.float32), np.zeros((count, 8), np.float32))


def test_the_photo_that_nobody_asked_for_longest_makes_room() -> None:
    size = features(10).nbytes
    cache = FeatureCache(2 * size)
    kept = {name: features(10) for name in "abc"}
    cache.put(FileStamp("a", 0, 0, 0), kept["a"])
    cache.put(FileStamp("b", 0, 0, 0), kept["b"])
    assert cache.get(FileStamp("a", 0, 0, 0)) is kept["a"]
    cache.put(FileStamp("c", 0, 0, 0), kept["c"])
    assert cache.get(FileStamp("b", 0, 0, 0)) is None
    assert cache.get(FileStamp("a", 0, 0, 0)) is kept["a"]
    assert cache.get(FileStamp("c", 0, 0, 0)) is kept["c"]
    assert (len(cache), cache.nbytes) == (2, 2 * size)


def test_features_that_are_kept_already_are_counted_once() -> None:
    cache = FeatureCache(10 * features(10).nbytes)
    for _ in range(3):
        cache.put(FileStamp("a", 0, 0, 0), features(10))
    assert (len(cache), cache.nbytes) == (1, features(10).nbytes)


@pytest.mark.parametrize("max_bytes", [0, features(10).nbytes - 1])
def test_what_is_larger_than_the_cache_is_not_kept(max_bytes: int) -> None:
    cache = FeatureCache(max_bytes)
    cache.put(FileStamp("a", 0, 0, 0), features(10))
    assert (len(cache), cache.nbytes) == (0, 0)
