"""The threshold keeps its bound; levels of radii hold their share."""

import numpy as np
import pytest
from scipy.stats import binom

from beenhere.config.evaluation import CalibrateConfig
from beenhere.evaluation.calibration.confidence_fit import (
    choose_levels,
    choose_threshold,
    highest_share,
    outside_needed,
)

CONFIG = CalibrateConfig()


@pytest.mark.parametrize(("accepted", "queries"), [(0, 149), (1, 150), (7, 400), (3, 3)])
def test_highest_share_is_the_one_that_would_seldom_give_so_few(
    accepted: int, queries: int
) -> None:
    share = highest_share(accepted, queries, 0.95)
    if accepted == queries:
        assert share == 1
    else:
        assert binom.cdf(accepted, queries, share) == pytest.approx(0.05)


def test_queries_needed_for_the_bound() -> None:
    needed = outside_needed(CONFIG)
    assert needed == 149
    assert highest_share(0, needed, 0.95) <= 0.02 < highest_share(0, needed - 1, 0.95)


@pytest.mark.parametrize("queries", [10, 148, 149, 300, 2000])
def test_threshold_accepts_what_the_bound_allows_and_no_more(queries: int) -> None:
    config = CalibrateConfig(least_probability=0)
    outside = np.random.default_rng(queries).random(queries)
    threshold, bounded = choose_threshold(outside, config)
    accepted = int((outside >= threshold).sum())
    assert bounded == (queries >= 149)
    if bounded:
        assert highest_share(accepted, queries, 0.95) <= 0.02
        assert highest_share(accepted + 1, queries, 0.95) > 0.02
    else:
        assert accepted == 0


def test_threshold_is_never_below_the_least_probability() -> None:
    assert choose_threshold(np.full(500, 0.1), CONFIG)[0] == 0.5
    assert choose_threshold(np.empty(0), CONFIG) == (0.5, False)
    assert choose_threshold(np.ones(200), CONFIG)[0] == 1.0


def test_the_bound_is_kept_in_nineteen_of_twenty_draws() -> None:
    config = CalibrateConfig(least_probability=0)
    rng = np.random.default_rng(0)
    # Uniform: the share above a threshold is one less the threshold.
    kept = [1 - choose_threshold(rng.random(400), config)[0] <= 0.02 for _ in range(600)]
    assert 0.94 <= np.mean(kept) < 1


@pytest.mark.parametrize("skew", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("known", [0, 5, 60])
def test_levels_hold_nine_tenths_of_new_queries(skew: float, known: int) -> None:
    rng = np.random.default_rng(int(10 * skew) + known)
    held = []
    for _ in range(300):
        level = rng.random(150) ** skew
        of_known, of_others = choose_levels(level, np.arange(150) < known)
        fresh = rng.random(200) ** skew
        held.append([(fresh <= of_known).mean(), (fresh <= of_others).mean()])
    np.testing.assert_allclose(np.mean(held, axis=0), 0.9, atol=0.02)


def test_known_places_get_a_level_of_their_own_where_they_are_many() -> None:
    level = np.concatenate([np.linspace(0, 0.5, 40), np.linspace(0.5, 1, 40)])
    of_known, of_others = choose_levels(level, np.arange(80) < 40)
    assert of_known < 0.5 < of_others
    assert len(set(choose_levels(level, np.arange(80) < 10))) == 2
    assert choose_levels(level[:5], np.ones(5, bool)) == (1.0, 1.0)
