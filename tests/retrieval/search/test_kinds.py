"""The projection that codes are made of keeps products, in as few numbers as it may."""

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from beenhere.retrieval.search.kinds import projection
from places import views


def matrix(transform: faiss.LinearTransform) -> NDArray[np.float64]:
    values = faiss.vector_to_array(transform.A).astype(np.float64)
    return values.reshape(transform.d_out, transform.d_in)


@pytest.mark.parametrize(("share", "multiple"), [(0.5, 2), (0.9, 2), (0.9, 8), (1.0, 3)])
def test_what_is_lost_is_the_rest_of_the_variance(share: float, multiple: int) -> None:
    sample, _ = views(places=200, each=4, dim=30, noise=0.6, seed=0)
    sample += np.float32(0.05)
    learned = matrix(projection(sample, share, multiple))
    kept = len(learned)
    assert kept % multiple == 0
    assert np.allclose(learned @ learned.T, np.eye(kept), atol=1e-5)  # a rotation of a part
    strengths = np.linalg.svd(sample.astype(np.float64), compute_uv=False) ** 2
    exact = sample.astype(np.float64)
    left = exact - exact @ learned.T @ learned
    assert np.isclose((left**2).sum(), strengths[kept:].sum(), rtol=1e-3, atol=1e-3)
    variance = strengths[1:].sum()
    assert strengths[kept:].sum() <= (1 - share) * variance * 1.001
    if kept > 2 * multiple:
        assert strengths[kept - multiple :].sum() > (1 - share) * variance


def test_numbers_count_alike_after_it() -> None:
    sample, _ = views(places=400, each=4, dim=64, noise=0.6, seed=1)
    before = sample.var(axis=0)
    after = (sample @ matrix(projection(sample, 0.8, 2)).T).var(axis=0)
    assert before.max() / before.min() > 20 > 8 > after.max() / after.min()


def test_descriptors_that_are_all_the_same_keep_something() -> None:
    assert projection(np.ones((20, 6), np.float32), 0.9, 2).d_out == 2
    assert projection(np.ones((20, 5), np.float32), 1.0, 2).d_out == 4
