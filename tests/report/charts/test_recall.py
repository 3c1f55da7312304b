"""Charts of recall: what can be read on them."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beenhere.evaluation.thresholds import ThresholdCurve
from beenhere.report.charts import recall
from beenhere.report.charts.drawing import chart_style
from beenhere.report.charts.recall import pareto_front
from beenhere.report.charts.series import Series


def labels(thresholds: list[float]) -> list[str]:
    """Texts below the horizontal axis of a chart at these thresholds."""
    flat = np.full(len(thresholds), 40.0)
    curve = ThresholdCurve(1, None, 80, np.array(thresholds), flat, flat - 5, flat + 5, flat + 20)
    series = {"one": Series("#000000", "series-1", "o")}
    with chart_style():
        svg = recall.against_threshold({"one": curve}, "a street", series, "key")
    return re.findall(r"text-anchor: middle[^>]*>([\d.]+)</text>", svg)


def test_thresholds_far_enough_apart_are_all_labelled():
    assert labels([1, 2, 5, 10, 25, 50, 100]) == ["1", "2", "5", "10", "25", "50", "100"]


def test_labels_that_would_touch_give_way_and_the_last_one_stays():
    some = labels([float(metres) for metres in range(1, 101)])
    assert 5 < len(some) < 16 and some[-1] == "100"
    positions = np.log([float(label) for label in some])
    assert np.diff(positions).min() >= 0.069 * np.log(100)


points = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.tuples(st.integers(0, 5), st.integers(0, 5))
)


@given(points)
def test_it_holds_what_nothing_beats(given_points: dict[str, tuple[float, float]]) -> None:
    def beaten(name: str) -> bool:
        cost, recall = given_points[name]
        return any(
            (c < cost and r >= recall) or (c <= cost and r > recall)
            for c, r in given_points.values()
        )

    front = pareto_front(given_points)
    assert set(front) == {name for name in given_points if not beaten(name)}
    recalls = [given_points[name][1] for name in front]
    assert recalls == sorted(recalls)
