"""Some of many by chance, as many of each kind as can be."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


def balanced_choice(conditions: Sequence[str | None], count: int, seed: int) -> list[int]:
    """Choose among queries by chance, so that conditions share the places.

    Args:
        conditions: of each query; None is a condition of its own.
        count: how many; all, if there are fewer.
        seed: another seed chooses others.

    Returns:
        Places in ``conditions``, sorted by condition, then by place.
    """
    order = np.random.default_rng(seed).permutation(len(conditions)).tolist()
    drawn: Counter[str | None] = Counter()
    turn: dict[int, int] = {}
    for place in order:
        turn[place] = drawn[conditions[place]]
        drawn[conditions[place]] += 1
    chosen = sorted(order, key=lambda place: turn[place])[:count]
    return sorted(chosen, key=lambda place: (conditions[place] or "", place))
