"""The split: no pair of photos of two parts is too near, by looking at every pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import CORNERS, metres_between, streets, town

from beenhere import geo
from beenhere.config import SplitConfig
from beenhere.datasets.places.planes import lay_out
from beenhere.datasets.places.split import Part, split_ground
from beenhere.errors import DataError


def split(positions: geo.Positions, **options: float) -> np.ndarray:
    return split_ground(lay_out(positions), positions, SplitConfig.model_validate(options))


@given(
    corners=st.lists(st.sampled_from(sorted(CORNERS)), min_size=1, max_size=3, unique=True),
    seed=st.integers(0, 10_000),
    gap=st.sampled_from([0.0, 10.0, 50.0, 100.0]),
    shares=st.sampled_from([(0.1, 0.1), (0.3, 0.0), (0.0, 0.2), (0.45, 0.45)]),
)
@settings(max_examples=60, deadline=None)
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
    for one in (Part.TRAIN, Part.VAL, Part.TEST):
        for other in (Part.TRAIN, Part.VAL, Part.TEST):
            if one != other:
                assert (metres[part == one][:, part == other] > gap).all()
    # What is in the gap is there for a reason: it is near to a part that stays.
    kept = np.isin(part, (Part.VAL, Part.TEST))
    near = (metres[:, kept] <= gap).any(axis=1)
    assert near[part == Part.GAP].all()
    assert (part == Part.VAL).any() == (shares[0] > 0) or gap > 0
    assert (part == Part.TEST).any() == (shares[1] > 0)


def test_shares_are_kept_about() -> None:
    positions = town("border of two zones", streets(1, 4000, 8000.0, lines=12))
    part = split(positions, val=0.15, test=0.1, gap=30)
    shares = np.bincount(part, minlength=4) / len(part)
    assert shares[Part.TEST] == pytest.approx(0.1, abs=0.02)
    assert shares[Part.VAL] == pytest.approx(0.15, abs=0.02)
    assert shares[Part.GAP] < 0.1


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
        assert sorted(part[::4]) == [Part.TRAIN, Part.VAL, Part.TEST]


def test_without_validation_and_test_all_is_for_training() -> None:
    positions = town("inside a zone", np.zeros((5, 2)))
    assert (split(positions, val=0, test=0) == Part.TRAIN).all()


def test_too_little_ground() -> None:
    positions = town("inside a zone", streets(3, 40, 60.0))
    with pytest.raises(
        DataError, match=r"40 photos within \d+ m are too little .*; --split.gap 6.25 would do"
    ):
        split(positions)
    assert (split(positions, gap=6.25) == Part.TEST).any()


def test_several_cities_each_lose_little() -> None:
    cities = [town(corner, streets(8, 300, 2500.0)) for corner in sorted(CORNERS)]
    part = split(geo.joined(cities))
    assert (part == Part.GAP).mean() < 0.15
    assert {Part.TRAIN, Part.VAL, Part.TEST} <= set(part.tolist())
