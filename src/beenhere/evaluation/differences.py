"""Which queries one model gets right and another wrong."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.evaluation.evaluation_results import SavedEvaluation, check_same_queries
from beenhere.evaluation.significance import Comparison, compare_rows


@dataclass(frozen=True)
class ConditionDifference:
    """How two models share the queries of one condition between them.

    Attributes:
        condition: such as ``"night"``; None: all queries.
        both, neither: how many queries both models get right, and none of them.
        comparison: how many one alone gets right, the difference, its interval and p value.
    """

    condition: str | None
    both: int
    neither: int
    comparison: Comparison

    @property
    def recall_a(self) -> float:
        """Recall@N of A, in percent."""
        return 100 * (self.both + self.comparison.only_a) / self.comparison.queries

    @property
    def recall_b(self) -> float:
        """Recall@N of B, in percent."""
        return 100 * (self.both + self.comparison.only_b) / self.comparison.queries


@dataclass(frozen=True)
class Differences:
    """Two evaluations of the same queries, side by side; made by :func:`differences`.

    >>> (found,) = beenhere.compare("evaluations/lite0", "evaluations/lite0-again")
    >>> int((found.right_a & ~found.right_b).sum())  # right by one model alone
    0

    Attributes:
        a, b: the evaluations.
        at: N: a query is right if one of its first N predictions is.
        threshold: metres within which a prediction is right; None: lists say what is.
        right_a, right_b: ``(queries,)``, in the order of ``a.queries``.
        rows_b: ``(queries,)``, the row of ``b.queries`` of each.
    """

    a: SavedEvaluation
    b: SavedEvaluation
    at: int
    threshold: float | None
    right_a: NDArray[np.bool_]
    right_b: NDArray[np.bool_]
    rows_b: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Of the test set: in a run its own name there, else that of the photos."""
        folder = self.a.folder.absolute()
        return folder.name if folder.parent.name == "tests" else self.a.name

    @property
    def only_a(self) -> NDArray[np.bool_]:
        """The queries that A gets right and B wrong, ``(queries,)``."""
        return self.right_a & ~self.right_b

    @property
    def only_b(self) -> NDArray[np.bool_]:
        """The queries that B gets right and A wrong, ``(queries,)``."""
        return self.right_b & ~self.right_a

    @property
    def neither(self) -> NDArray[np.bool_]:
        """The queries that both get wrong, ``(queries,)``."""
        return ~self.right_a & ~self.right_b

    def by_condition(self) -> list[ConditionDifference]:
        """All queries first, then those of each condition, with A's options for the bootstrap."""
        options = self.a.results["config"]
        bootstrap = [options[name] for name in ("confidence", "resamples", "seed")]
        found = []
        for condition in [None, *self.a.conditions]:
            members = self.a.members(condition)
            a, b = self.right_a[members], self.right_b[members]
            both, neither = int((a & b).sum()), int((~a & ~b).sum())
            comparison = compare_rows(a, b, *bootstrap)
            found.append(ConditionDifference(condition, both, neither, comparison))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures in types of strict JSON; recalls in percent, queries as in A."""
        return {
            "name": self.name,
            "a": str(self.a.folder),
            "b": str(self.b.folder),
            "at": self.at,
            "threshold": self.threshold,
            "database": self.a.results["database"],
            "conditions": [
                {
                    "condition": one.condition,
                    "both": one.both,
                    "neither": one.neither,
                    "recall_a": one.recall_a,
                    "recall_b": one.recall_b,
                    **asdict(one.comparison),
                }
                for one in self.by_condition()
            ],
            "only_a": self.a.queries["query"].filter(self.only_a).to_list(),
            "only_b": self.a.queries["query"].filter(self.only_b).to_list(),
        }

    def choose(self, among: NDArray[np.bool_], count: int, seed: int = 0) -> list[int]:
        """Some queries by chance, as many of each condition as can be.

        Not the most striking ones: the choice is to be like the whole.

        Args:
            among: ``(queries,)``, such as :attr:`only_a`.
            count: how many; all, if there are fewer.
            seed: another seed chooses others.

        Returns:
            Rows of ``a.queries``, by condition.
        """
        rows = np.flatnonzero(among).tolist()
        conditions = self.a.queries["condition"].gather(rows).to_list()
        return [rows[place] for place in balanced_choice(conditions, count, seed)]


def differences(
    a: SavedEvaluation, b: SavedEvaluation, at: int = 1, threshold: float | None = None
) -> Differences:
    """Compare two evaluations query by query.

    Args:
        a, b: of the same queries in the same database; where the photos lay when they were
            evaluated, and in which order they came, does not matter.
        at: N of Recall@N.
        threshold: metres; None: A's first. Where lists say what is right, it does not apply.

    Raises:
        DataError: other queries or another database, or too few predictions were kept.
    """
    check_same_queries([a, b])
    if a.listed:
        threshold = None
    elif threshold is None:
        threshold = a.threshold
    wanted, paths = (_below(one.queries["query"].to_list()) for one in (a, b))
    places = {name: row for row, name in enumerate(paths)}
    if not places.keys() >= set(wanted):
        raise DataError(
            f"{a.folder} and {b.folder} do not name the same queries; evaluate both on one test set"
        )
    rows = np.array([places[name] for name in wanted], np.int64)
    right_b = b.hits(at, threshold)[rows]
    return Differences(a, b, at, threshold, a.hits(at, threshold), right_b, rows)


def _below(paths: Sequence[str]) -> list[str]:
    """Each path below the folder that all of them share, wherever that lies."""
    folders = {os.path.dirname(path) for path in paths}  # noqa: PTH120
    if len({os.path.isabs(folder) for folder in folders}) > 1:  # noqa: PTH117
        return list(paths)
    root = os.path.commonpath(folders)
    return [os.path.relpath(path, root) if root else path for path in paths]


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
