"""Evidence of made-up queries, of which it is known how likely each answer is right."""

import numpy as np

from beenhere.evaluation.calibration.labelled_evidence import LabelledEvidence


def simulate(
    queries: int, seed: int, streets: int = 0, located: float = 0.5, verified: bool = False
) -> LabelledEvidence:
    """As many queries from inside the map as from outside, both on the same streets.

    Args:
        queries: of each kind.
        seed: of the draws.
        streets: 0: one for 15 queries, at least 7.
        located: share of the queries from inside whose answer is right.
        verified: whether there are inliers.
    """
    rng = np.random.default_rng(seed)
    streets = streets or max(7, queries // 15)
    street = rng.integers(0, streets, queries)
    look = rng.normal(0, 0.3, streets)[street]
    right = rng.random(queries) < 1 / (1 + np.exp(-(2 * look + np.log(located / (1 - located)))))
    features = np.concatenate(
        [
            _features(rng, right, look, verified),
            _features(rng, np.zeros(queries, bool), look, verified),
        ]
    )
    error = np.where(
        right, 25 * rng.beta(1.5, 4, queries), 25 + rng.exponential(400, queries).clip(0.1, 1500)
    )
    return LabelledEvidence(
        features,
        np.concatenate([error, np.full(queries, np.inf)]),
        np.repeat([False, True], queries),
        np.tile(street, 2).astype(np.int64),
    )


def _features(
    rng: np.random.Generator, right: np.ndarray, look: np.ndarray, verified: bool
) -> np.ndarray:
    n = len(right)
    inliers = np.where(right, rng.poisson(25, n), rng.poisson(6, n)) if verified else np.nan
    return np.stack(
        [
            0.35 + 0.05 * right + 0.08 * rng.normal(size=n) + 0.02 * look,
            np.where(right, rng.exponential(0.06, n), rng.normal(0.015, 0.02, n)) + 0.01 * look,
            np.where(right, rng.beta(3, 3, n), rng.beta(2, 6, n)).clip(0.05, 1),
            np.where(rng.random(n) < 0.3, 0, rng.gamma(3, 3, n)),
            np.broadcast_to(inliers, n),
            np.broadcast_to(inliers - rng.poisson(6, n) if verified else np.nan, n),
        ],
        axis=1,
    )
