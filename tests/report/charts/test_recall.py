"""Charts of recall: what can be read on them."""

import re

import numpy as np

from beenhere.evaluation.thresholds import ThresholdCurve
from beenhere.report.charts import recall
from beenhere.report.charts.drawing import chart_style
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
