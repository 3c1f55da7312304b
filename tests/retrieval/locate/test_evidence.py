"""What speaks for a place, on answers small enough to count by hand."""

import math

import numpy as np

from beenhere.retrieval.locate.answer import Match, Place
from beenhere.retrieval.locate.confidence import FEATURES, evidence


def match(rank: int, similarity: float, inliers: int | None = None) -> Match:
    return Match(f"{rank}.jpg", rank, similarity, 55.7, 13.2, None, None, inliers)


def place(*matches: Match, share: float = 0.5, spread: float = 4.0) -> Place:
    return Place(55.7, 13.2, spread, share, matches)


def test_every_feature() -> None:
    one, two, three, four = match(1, 0.9, 0), match(2, 0.8, 40), match(3, 0.7, 15), match(4, 0.6)
    got = evidence(place(two, four), place(three), [two, three, one, four])
    assert FEATURES == ("similarity", "margin", "share", "spread", "inliers", "inlier_margin")
    np.testing.assert_allclose(got, [0.8, 0.1, 0.5, 4.0, 40, 25])


def test_without_a_runner_up_the_other_matches_stand_against_it() -> None:
    # The other has no position, so it makes no place.
    one, two = match(1, 0.9, 30), match(2, 0.8, 10)
    np.testing.assert_allclose(evidence(place(two), None, [one, two])[[1, 5]], [-0.1, -20])


def test_where_all_matches_agree_the_lowest_stands_against_the_best() -> None:
    one, two = match(1, 0.9, 30), match(2, 0.8, 10)
    np.testing.assert_allclose(evidence(place(one, two), None, [one, two])[[1, 5]], [0.1, 30])


def test_inliers_are_nan_only_where_nothing_was_verified() -> None:
    one, two = match(1, 0.9), match(2, 0.8)
    assert all(math.isnan(value) for value in evidence(place(one), place(two), [one, two])[4:])
    verified = match(2, 0.8, 14)
    got = evidence(place(one), place(verified), [one, verified])
    assert got[4:].tolist() == [0, -14]
