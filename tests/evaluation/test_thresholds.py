"""Recall against threshold: the same hits as one threshold at a time, and their intervals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from saved_evaluation import write_evaluation

from beenhere.errors import DataError
from beenhere.evaluation.statistics import bootstrap_interval
from beenhere.evaluation.thresholds import nearest_found, recall_against_threshold

METRES = [100.0, 0.0, 1.0, 5.0, 12.5, 25.0, 50.0]


@pytest.mark.parametrize("at", [1, 5, 20])
def test_nearest_found_gives_the_hits_of_every_threshold(tmp_path: Path, at: int) -> None:
    saved = write_evaluation(tmp_path)
    nearest = nearest_found(saved, at)
    exact = saved.predictions["distance_m"].drop_nulls().head(40).to_list()
    for threshold in METRES + exact:
        assert np.array_equal(nearest <= threshold, saved.hits(at, threshold))
    assert np.isinf(nearest[-3:-1]).all(), "unreadable, and without a position"


def test_curve_equals_the_evaluation_at_each_threshold(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)
    curve = recall_against_threshold([saved], 5, METRES, 0.9, 500, 3)
    assert (curve.at, curve.condition, curve.queries) == (5, None, 60)
    assert curve.thresholds.tolist() == METRES
    for i, threshold in enumerate(METRES):
        hits = saved.hits(5, threshold)
        assert curve.percent[i] == pytest.approx(100 * hits.mean())
        low, high = bootstrap_interval(hits, 0.9, 500, 3)
        assert (curve.low[i], curve.high[i]) == pytest.approx((100 * low, 100 * high))
        reachable = sum(
            metres is not None and metres <= threshold for metres in saved.queries["nearest_m"]
        )
        assert curve.ceiling[i] == pytest.approx(100 * reachable / 60)
    assert (curve.percent <= curve.ceiling).all()


def test_one_condition_counts_its_own_queries(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)
    curve = recall_against_threshold([saved], 1, [25.0], 0.95, 200, 0, "fog")
    members = np.array([name == "fog" for name in saved.queries["condition"]])
    assert curve.queries == members.sum() == 15
    assert curve.percent[0] == pytest.approx(100 * saved.hits(1, 25)[members].mean())


def test_seeds_are_averaged(tmp_path: Path) -> None:
    seeds = [write_evaluation(tmp_path / str(seed), seed) for seed in range(3)]
    curve = recall_against_threshold(seeds, 1, METRES, 0.95, 500, 0)
    for i, threshold in enumerate(METRES):
        hits = np.stack([one.hits(1, threshold) for one in seeds])
        assert curve.percent[i] == pytest.approx(100 * hits.mean())
        low, high = bootstrap_interval(hits, 0.95, 500, 0)
        assert (curve.low[i], curve.high[i]) == pytest.approx((100 * low, 100 * high))


def test_what_cannot_be_told_is_refused(tmp_path: Path) -> None:
    saved = write_evaluation(tmp_path)

    def curve(*evaluations, at=1, metres=25.0, condition=None):
        return recall_against_threshold(evaluations, at, metres, 0.95, 200, 0, condition)

    with pytest.raises(DataError, match="too few for R@30"):
        curve(saved, at=30)
    with pytest.raises(DataError, match=r"thresholds \[5.0, -1.0\]; expected finite metres"):
        curve(saved, metres=[5, -1])
    for odd in ("nan", "inf"):
        with pytest.raises(DataError, match=rf"thresholds \[{odd}\]"):
            curve(saved, metres=float(odd))
    with pytest.raises(DataError, match="expected one a seed"):
        curve()
    with pytest.raises(DataError, match="no queries of condition 'rain'; it has day, fog, night"):
        curve(saved, condition="rain")
    plain = replace(
        saved, queries=saved.queries.with_columns(pl.lit(None, pl.String).alias("condition"))
    )
    with pytest.raises(DataError, match="it has no conditions"):
        curve(plain, condition="day")
    with pytest.raises(DataError, match="in another order"):
        curve(saved, replace(saved, queries=saved.queries.reverse()))
