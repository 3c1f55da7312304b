import os
from pathlib import Path

import numpy as np
import pytest

from beenhere.errors import PhotoError
from beenhere.retrieval.verify.feature_cache import FeatureCache, version
from beenhere.retrieval.verify.local_features import LocalFeatures


def features(count: int) -> LocalFeatures:
    return LocalFeatures(np.zeros((count, 2), np.float32), np.zeros((count, 8), np.float32))


def test_the_photo_that_nobody_asked_for_longest_makes_room() -> None:
    size = features(10).nbytes
    cache = FeatureCache(2 * size)
    kept = {name: features(10) for name in "abc"}
    cache.put(("a", 0, 0), kept["a"])
    cache.put(("b", 0, 0), kept["b"])
    assert cache.get(("a", 0, 0)) is kept["a"]
    cache.put(("c", 0, 0), kept["c"])
    assert cache.get(("b", 0, 0)) is None
    assert cache.get(("a", 0, 0)) is kept["a"]
    assert cache.get(("c", 0, 0)) is kept["c"]
    assert (len(cache), cache.nbytes) == (2, 2 * size)


def test_features_that_are_kept_already_are_counted_once() -> None:
    cache = FeatureCache(10 * features(10).nbytes)
    for _ in range(3):
        cache.put(("a", 0, 0), features(10))
    assert (len(cache), cache.nbytes) == (1, features(10).nbytes)


@pytest.mark.parametrize("max_bytes", [0, features(10).nbytes - 1])
def test_what_is_larger_than_the_cache_is_not_kept(max_bytes: int) -> None:
    cache = FeatureCache(max_bytes)
    cache.put(("a", 0, 0), features(10))
    assert (len(cache), cache.nbytes) == (0, 0)


def test_a_file_that_was_written_again_is_another_version(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    old = version(str(path))
    assert version(str(path)) == old
    path.write_bytes(b"2")
    os.utime(path, ns=(0, 0))
    assert version(str(path)) != old


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"a\.jpg: no such file$"):
        version(str(tmp_path / "a.jpg"))
    with pytest.raises(PhotoError, match="cannot be reached"):
        version("a\0.jpg")
