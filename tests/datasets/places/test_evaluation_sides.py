"""Database and queries: other days where there are any, and an answer for every query."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import CORNERS, metres_between, streets, table_of, town

from beenhere.datasets.places.evaluation_sides import POSITIVE, Sides, choose_sides
from beenhere.datasets.table import PhotoTable


def check(table: PhotoTable, sides: Sides, visits: list[str] | None) -> None:
    """What holds of any sides, by looking at every pair."""
    rows = np.concatenate([sides.database, sides.queries, sides.unanswered, sides.undated])
    assert sorted(rows.tolist()) == list(range(len(table)))
    metres = metres_between(table.positions[sides.queries], table.positions[sides.database])
    assert (metres <= POSITIVE).any(axis=1).all()
    if visits is not None:
        asked = {visits[row] for row in (*sides.queries, *sides.unanswered)}
        assert asked.isdisjoint({visits[row] for row in sides.database})


@given(
    corner=st.sampled_from(sorted(CORNERS)),
    seed=st.integers(0, 10_000),
    days=st.integers(1, 6),
    share=st.sampled_from([0.1, 0.3, 0.6]),
    undated=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_queries_have_answers_from_other_visits(
    corner: str, seed: int, days: int, share: float, undated: bool
) -> None:
    rng = np.random.default_rng(seed)
    dates: list[str | None] = [
        f"2020-06-{day:02}T10:00:00" for day in rng.integers(1, days + 1, 80)
    ]
    if undated:
        dates[:20] = [None] * 20
    table = table_of(town(corner, streets(seed, 80, 400.0)), dates=dates)
    sides = choose_sides(table, share, seed)
    check(table, sides, [str(d)[:10] for d in dates] if sides.way == "days" else None)
    assert sides.way in ("days", "photos")
    if days == 1:
        assert sides.way == "photos"
    if sides.way == "days" and undated:
        assert set(range(20)) == set(sides.undated.tolist())


def test_the_small_visits_are_asked_and_the_big_one_is_the_map() -> None:
    metres = np.column_stack([np.arange(0, 1000, 5.0), np.zeros(200)])
    extra = metres[::10] + np.array([2.0, 1.0])
    positions = town("inside a zone", np.concatenate([metres, extra]))
    table = table_of(positions, dates=["2020-06-01"] * 200 + ["2021-01-07T09:00:00"] * 20)
    sides = choose_sides(table, 0.3, 0)
    assert sides.way == "days"
    assert sides.queries.tolist() == list(range(200, 220))
    assert sides.database.tolist() == list(range(200))


def test_photos_of_asked_days_without_an_answer_are_left_out() -> None:
    metres = np.array([[0.0, 0], [5, 0], [10, 0], [900, 0], [12, 0], [950, 0]])
    dates = ["2020-06-01"] * 4 + ["2020-06-02"] * 2
    sides = choose_sides(table_of(town("inside a zone", metres), dates=dates), 0.3, 0)
    assert (sides.queries.tolist(), sides.unanswered.tolist()) == ([4], [5])


def test_folders_where_there_are_no_days() -> None:
    positions = town("inside a zone", np.column_stack([np.arange(0, 60, 2.0), np.zeros(30)]))
    both = table_of(positions).frame.with_columns(
        path=np.array([f"/{'ab'[n % 2]}/{n}.jpg" for n in range(30)])
    )
    sides = choose_sides(PhotoTable(both), 0.3, 0)
    check(PhotoTable(both), sides, ["ab"[n % 2] for n in range(30)])
    assert sides.way == "folders"


def test_one_walk_is_asked_by_photo_and_repeatably() -> None:
    positions = town("inside a zone", np.column_stack([np.arange(0, 400, 4.0), np.zeros(100)]))
    table = table_of(positions, dates=["2020-06-01"] * 100)
    sides = choose_sides(table, 0.3, 1)
    check(table, sides, None)
    assert sides.way == "photos"
    assert 20 <= len(sides.queries) <= 30
    again, other = choose_sides(table, 0.3, 1), choose_sides(table, 0.3, 2)
    assert again.queries.tolist() == sides.queries.tolist() != other.queries.tolist()


def test_photos_far_from_all_others_cannot_be_asked() -> None:
    positions = town("inside a zone", np.array([[0.0, 0], [100, 0], [200, 0]]))
    assert len(choose_sides(table_of(positions), 0.5, 0).queries) == 0


def test_no_photo_is_no_query() -> None:
    sides = choose_sides(table_of(town("inside a zone", np.empty((0, 2)))), 0.5, 0)
    assert len(sides.database) == len(sides.queries) == 0
