"""The map of queries: everything where it is, or far groups moved together."""

import re

import numpy as np
from numpy.typing import NDArray

from beenhere.report.charts.drawing import chart_style
from beenhere.report.charts.error_map import error_map, groups_of

METRE = 1 / 111_195


def streets(*corners: tuple[float, float], queries: int = 20) -> NDArray[np.float64]:
    """Queries every 5 m to the east of each corner, in metres."""
    return np.array([(x + 5.0 * i, y) for x, y in corners for i in range(queries)])


def drawn(places: NDArray[np.float64], right: NDArray[np.bool_]) -> str:
    with chart_style():
        return error_map(
            places[:, 1] * METRE, places[:, 0] * METRE, right, np.ones_like(right), "Town", "key"
        )


def test_queries_that_touch_are_a_group_and_the_north_comes_first() -> None:
    places = streets((0, 0), (3000, 900), (95, 20))
    order = np.random.default_rng(0).permutation(len(places))
    north, south = groups_of(places[order])
    assert sorted(order[north]) == list(range(20, 40))
    assert sorted(order[south]) == [*range(20), *range(40, 60)]


def test_far_groups_stand_side_by_side_with_their_counts() -> None:
    places = streets((0, 0), (3000, 900), (0, 4000))
    right = np.arange(60) % 20 < np.repeat([3, 7, 20], 20)
    chart = drawn(places, right)
    assert re.findall(r">(\d+ of \d+ right)<", chart) == [
        "20 of 20 right", "7 of 20 right", "3 of 20 right",
    ]  # fmt: skip
    assert ">50 m<" in chart and "metres north" not in chart
    assert "30 wrong, 30 right" not in chart and "30 right, 30 wrong" in chart


def test_one_quarter_or_many_are_drawn_where_they_are() -> None:
    for corners in ([(0.0, 0.0)], [(400.0 * i, 300.0 * i) for i in range(12)]):
        places = streets(*corners)
        chart = drawn(places, np.ones(len(places), np.bool_))
        assert "metres north" in chart and not re.search(r"\d of \d", chart)


def test_lone_queries_far_apart_have_a_map_too() -> None:
    chart = drawn(streets((0, 0), (9000, 0), queries=1), np.array([True, False]))
    assert ">1 of 1 right<" in chart and ">0 of 1 right<" in chart
