"""The Pareto front, against asking every pair of points."""

from hypothesis import given
from hypothesis import strategies as st

from beenhere.report.charts.recall import pareto_front

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
