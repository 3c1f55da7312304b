"""The split, by looking at every pair: parts apart, and answers of another day for queries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import CORNERS, metres_between, streets, table_of, town

from beenhere import geo
from beenhere.config.tools import SplitConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.tools.places.planes import lay_out
from beenhere.tools.places.split import POSITIVE, Sides, SplitPart, choose_sides, split_ground


def split(positions: geo.Positions, **options: float) -> np.ndarray:
    return split_ground(lay_out(positions), positions, SplitConfig.model_validate(options))


@given(
    corners=st.lists(st.sampled_from(sorted(CORNERS)), min_size=1, max_size=3, unique=True),
    seed=st.integers(0, 10_000),
    gap=st.sampled_from([0.0, 10.0, 50.0, 100.0]),
    shares=st.sampled_from([(0.1, 0.1), (0.3, 0.0), (0.0, 0.2), (0.45, 0.45)]),
)
@settings(max_examples=60)
def test_parts_are_the_gap_apart(
    corners: list[str], seed: int, gap: float, shares: tuple[float, float]
) -> None:
    positions = geo.joined([town(corner, streets(seed, 90, 1500.0)) for corner in corners])
    try:
        part = split(positions, gap=gap, val=shares[0], test=shares[1], seed=seed)
    except DataError as error:
        assert "too little ground" in str(error)
        return
    metres = metres_between(positions, positions)
    for one in (SplitPart.TRAIN, SplitPart.VAL, SplitPart.TEST):
        for other in (SplitPart.TRAIN, SplitPart.VAL, SplitPart.TEST):
            if one != other:
                assert (metres[part == one][:, part == other] > gap).all()
    # What is in the gap is there for a reason: it is near to a part that stays.
    kept = np.isin(part, (SplitPart.VAL, SplitPart.TEST))
    near = (metres[:, kept] <= gap).any(axis=1)
    assert near[part == SplitPart.GAP].all()
    assert (part == SplitPart.VAL).any() == (shares[0] > 0) or gap > 0
    assert (part == SplitPart.TEST).any() == (shares[1] > 0)


def test_shares_are_kept_about() -> None:
    positions = town("border of two zones", streets(1, 4000, 8000.0, lines=12))
    part = split(positions, val=0.15, test=0.1, gap=30)
    shares = np.bincount(part, minlength=4) / len(part)
    assert shares[SplitPart.TEST] == pytest.approx(0.1, abs=0.02)
    assert shares[SplitPart.VAL] == pytest.approx(0.15, abs=0.02)
    assert shares[SplitPart.GAP] < 0.1


def test_a_seed_is_a_split() -> None:
    positions = town("inside a zone", streets(3, 400, 3000.0))
    first = split(positions, seed=5)
    assert (first == split(positions, seed=5)).all()
    assert (first != split(positions, seed=6)).any()


def test_one_spot_is_never_shared_out() -> None:
    spots = np.repeat(np.random.default_rng(0).uniform(0, 3000, (30, 2)), 20, axis=0)
    part = split(town("inside a zone", spots), gap=0)
    for spot in part.reshape(30, 20):
        assert len(set(spot)) == 1


def test_every_part_gets_ground_whatever_the_shares() -> None:
    spots = np.repeat([[0.0, 0.0], [500.0, 0.0], [900.0, 0.0]], 4, axis=0)
    for seed in range(5):
        part = split(town("inside a zone", spots), val=0.05, test=0.9, seed=seed)
        assert sorted(part[::4]) == [SplitPart.TRAIN, SplitPart.VAL, SplitPart.TEST]


def test_without_validation_and_test_all_is_for_training() -> None:
    positions = town("inside a zone", np.zeros((5, 2)))
    assert (split(positions, val=0, test=0) == SplitPart.TRAIN).all()


def test_too_little_ground() -> None:
    positions = town("inside a zone", streets(3, 40, 60.0))
    with pytest.raises(
        DataError, match=r"40 photos within \d+ m are too little .*; --split.gap 6.25 would do"
    ):
        split(positions)
    assert (split(positions, gap=6.25) == SplitPart.TEST).any()


def test_several_cities_each_lose_little() -> None:
    cities = [town(corner, streets(8, 300, 2500.0)) for corner in sorted(CORNERS)]
    part = split(geo.joined(cities))
    assert (part == SplitPart.GAP).mean() < 0.15
    assert {SplitPart.TRAIN, SplitPart.VAL, SplitPart.TEST} <= set(part.tolist())


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
@settings(max_examples=80)
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
