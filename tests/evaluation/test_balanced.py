"""Choosing among queries so that conditions share the places."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from beenhere.evaluation.differences import balanced_choice

CONDITIONS = st.lists(st.sampled_from(["day", "night", "fog", None]), max_size=30)


@given(CONDITIONS, st.integers(0, 40), st.integers(0, 5))
def test_no_condition_has_two_more_than_one_that_still_waits(
    conditions: list[str | None], count: int, seed: int
) -> None:
    chosen = balanced_choice(conditions, count, seed)
    assert chosen == balanced_choice(conditions, count, seed)
    assert len(set(chosen)) == len(chosen) == min(count, len(conditions))
    assert chosen == sorted(chosen, key=lambda place: (conditions[place] or "", place))
    there, taken = Counter(conditions), Counter(conditions[place] for place in chosen)
    for condition in there:
        if taken[condition] < there[condition]:
            assert max(taken.values(), default=0) <= taken[condition] + 1


def test_another_seed_chooses_others() -> None:
    assert len({tuple(balanced_choice(["day"] * 20, 3, seed)) for seed in range(4)}) > 1
