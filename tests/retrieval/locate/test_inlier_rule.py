"""The gap between the inliers of the best match and those anywhere else, against a loop."""

import numpy as np

from beenhere import geo
from beenhere.retrieval.locate.inlier_rule import InlierGap, inlier_gaps

METRE = 1 / 111_320


def test_equals_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    n, k = 50, 8
    north = rng.integers(0, 5, n * k) * 10.0
    north[rng.random(n * k) < 0.1] = np.nan
    inliers = rng.integers(0, 40, (n, k)).astype(float)
    inliers[rng.random((n, k)) < 0.2] = np.nan
    positions = geo.positions(55.7 + north * METRE, np.where(np.isnan(north), np.nan, 13.2))
    for own in (k, 3):
        found = inlier_gaps(inliers, positions, own, 25.0)
        for query in range(n):
            counts, places = inliers[query], north.reshape(n, k)[query]
            best = None
            for rank in range(own):
                usable = not np.isnan(counts[rank]) and not np.isnan(places[rank])
                if usable and (best is None or counts[rank] > counts[best]):
                    best = rank
            if best is None:
                assert found[query] is None
                continue
            elsewhere = [
                counts[rank]
                for rank in range(k)
                if not np.isnan(counts[rank]) and not abs(places[rank] - places[best]) <= 25
            ]
            assert found[query] == InlierGap(
                best + 1, int(counts[best]), int(max(elsewhere, default=0))
            )


def test_both_numbers_count() -> None:
    assert InlierGap(1, 12, 2).known and InlierGap(1, 100, 90).known
    assert not InlierGap(1, 11, 0).known and not InlierGap(1, 100, 91).known
    assert str(InlierGap(1, 34, 5)) == "34 inliers, at most 5 elsewhere"
