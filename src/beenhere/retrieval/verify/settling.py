"""Count only until the first places of an order are settled.

Each pair of photos has an upper bound on its inliers, which work makes tighter, step by step, until
it is the count itself. Work goes to the pairs that stand first by their bounds. As soon as the
first places are all held by counts, nothing can change them: every other pair has a bound that
stands behind, and its count is not larger than its bound. (Best-first search with an admissible
bound, as A*: Hart, Nilsson and Raphael, 1968.)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

AHEAD = 2
"""Pairs that are worked on at once, though one may be enough.

A number of its own, not that of threads: what was counted must not depend on the machine.
"""


@dataclass(frozen=True)
class Bound:
    """What is known of a pair's inliers.

    Attributes:
        most: they are not more than this.
        exact: they are just this.
    """

    most: int
    exact: bool


def settle(
    bounds: Sequence[Bound],
    settled: int,
    tighten: Callable[[list[int]], Iterable[Bound]],
) -> list[Bound]:
    """Tighten bounds until the first places of the order are held by exact ones.

    The order is by falling count; equal ones stay as they were given.

    Args:
        bounds: one for each pair.
        settled: how many places are to be settled; all of them, and every bound becomes exact.
        tighten: from numbers of pairs to tighter bounds; after finitely many calls exact.

    Returns:
        One for each pair. The first ``settled`` places by these are the same, with the same
        counts, as if all were exact.
    """
    known = list(bounds)
    while True:
        order = sorted(range(len(known)), key=lambda pair: (-known[pair].most, pair))
        if all(known[pair].exact for pair in order[:settled]):
            return known
        loose = [place for place, pair in enumerate(order) if not known[pair].exact]
        needed = sum(place < settled for place in loose)
        chosen = [order[place] for place in loose[: max(needed, AHEAD)]]
        for pair, bound in zip(chosen, tighten(chosen), strict=True):
            known[pair] = bound


def reranked(inliers: Sequence[int | None]) -> list[int]:
    """The order by falling inliers: numbers of matches, the best first.

    Equal ones stay as they were given, by similarity; None, not verified, counts as 0.
    """
    return sorted(range(len(inliers)), key=lambda pair: (-(inliers[pair] or 0), pair))
