"""Intervals of a share, against resampling in a loop, closed forms and published values."""

import numpy as np
import pytest

from beenhere.evaluation.statistics import bootstrap_interval, wilson_interval


def hits(right: int, queries: int) -> np.ndarray:
    return np.arange(queries) < right


def test_bootstrap_equals_drawing_queries_in_a_loop() -> None:
    observed = hits(37, 80)
    rng = np.random.default_rng(1)
    shares = [rng.choice(observed, 80, replace=True).mean() for _ in range(20_000)]
    expected = np.quantile(shares, [0.05, 0.95])
    assert bootstrap_interval(observed, 0.9, 20_000, 0) == pytest.approx(expected, abs=1 / 80)


def test_bootstrap_repeats_with_its_seed() -> None:
    assert bootstrap_interval(hits(3, 9), 0.95, 500, 4) == bootstrap_interval(
        hits(3, 9), 0.95, 500, 4
    )


def test_bootstrap_is_wider_for_fewer_queries_and_more_confidence() -> None:
    def width(queries: int, confidence: float) -> float:
        low, high = bootstrap_interval(hits(queries // 2, queries), confidence, 4000, 0)
        return high - low

    assert width(20, 0.95) > width(200, 0.95) > width(200, 0.8)


def test_bootstrap_knows_no_doubt_where_every_query_is_alike() -> None:
    assert bootstrap_interval(hits(0, 5), 0.95, 200, 0) == (0.0, 0.0)
    assert bootstrap_interval(hits(5, 5), 0.95, 200, 0) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("right", "queries", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_values(right: int, queries: int, low: float, high: float) -> None:
    assert wilson_interval(hits(right, queries), 0.95) == pytest.approx((low, high), abs=5e-5)
