"""Counting stops early, with the same first places as if every pair were counted."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from beenhere.retrieval.verify import reranked
from beenhere.retrieval.verify.verifier import AHEAD, Bound, best_first


class Pairs:
    """Pairs whose counts come to light in steps, as matches and then inliers do."""

    def __init__(self, steps: list[list[int]]) -> None:
        self.steps = [sorted(values, reverse=True) for values in steps]
        self.done = [0] * len(steps)

    @property
    def counts(self) -> list[int]:
        return [values[-1] for values in self.steps]

    @property
    def work(self) -> int:
        return sum(self.done)

    def start(self) -> list[Bound]:
        return [Bound(values[0], exact=len(values) == 1) for values in self.steps]

    def tighten(self, pairs: list[int]) -> Iterable[Bound]:
        for pair in pairs:
            self.done[pair] += 1
            values = self.steps[pair]
            yield Bound(values[self.done[pair]], exact=self.done[pair] == len(values) - 1)


steps = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), max_size=12)


@given(steps, st.integers(0, 13))
def test_the_first_places_are_those_of_all_counts(steps: list[list[int]], first: int) -> None:
    pairs = Pairs(steps)
    everything = reranked(pairs.counts)
    bounds = best_first(pairs.start(), first, pairs.tighten)
    values = [bound.most if bound.exact else None for bound in bounds]
    assert reranked(values)[:first] == everything[:first]
    assert all(values[pair] == pairs.counts[pair] for pair in everything[:first])


@given(steps)
def test_every_count_is_found_where_every_place_is_asked_for(steps: list[list[int]]) -> None:
    pairs = Pairs(steps)
    bounds = best_first(pairs.start(), len(steps), pairs.tighten)
    assert bounds == [Bound(count, exact=True) for count in pairs.counts]


def test_pairs_that_cannot_reach_the_first_place_are_left_alone() -> None:
    pairs = Pairs([[50, 40, 30], [50, 29], [50, 28, 27], [50, 30, 29], [50, 26, 25]])
    bounds = best_first(pairs.start(), 1, pairs.tighten)
    assert bounds[:2] == [Bound(30, exact=True), Bound(29, exact=True)]
    # The fourth might have 30 too, and would stand behind.
    assert bounds[2:] == [Bound(28, False), Bound(30, False), Bound(26, False)]


def test_of_equal_counts_the_first_one_given_ends_the_search() -> None:
    pairs = Pairs([[40, 40]] + [[40, 40]] * 20)
    best_first(pairs.start(), 1, pairs.tighten)
    assert pairs.work == AHEAD


def test_nothing_is_looked_at_where_no_place_is_asked_for() -> None:
    pairs = Pairs([[9, 3], [8, 2]])
    assert best_first(pairs.start(), 0, pairs.tighten) == pairs.start()


def test_equal_and_unverified_matches_keep_their_order() -> None:
    assert reranked([0, None, 15, 0, 30, 15, None]) == [4, 2, 5, 0, 1, 3, 6]
