"""Two models side by side, and the queries in which they differ, as the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from PIL.Image import Image

from beenhere.evaluation.differences import ConditionDifference
from beenhere.report.photo_boxes import Prediction


@dataclass(frozen=True)
class Side:
    """What one model answers.

    Attributes:
        name: of the model, for people.
        predictions: up to three, best first.
        query_overlay: the query with a heat map laid over it: where it agrees with the first
            prediction; None: nobody has asked.
        prediction_overlays: the same for each prediction, in their order; may be shorter than
            ``predictions``, and None where there is none.
    """

    name: str
    predictions: Sequence[Prediction]
    query_overlay: Image | None = None
    prediction_overlays: Sequence[Image | None] = field(default=())


@dataclass(frozen=True)
class ComparedQuery:
    """One query and two models' answers to it.

    Attributes:
        query: path of the photo.
        condition: such as ``"night"``; None where unknown.
        winner: the side whose first prediction is right.
        a, b: the sides.
    """

    query: str
    condition: str | None
    winner: Literal["a", "b"]
    a: Side
    b: Side


@dataclass(frozen=True)
class ComparedPair:
    """Two models on one test set.

    Attributes:
        a, b: their names, for people.
        test: title of the test set.
        conditions: how they share the queries between them, all queries first, then by condition;
            of :meth:`beenhere.evaluation.differences.Differences.by_condition`.
        queries: some of those that one alone gets right, to be drawn.
    """

    a: str
    b: str
    test: str
    conditions: Sequence[ConditionDifference]
    queries: Sequence[ComparedQuery]

    def drawn(self, winner: Literal["a", "b"]) -> list[ComparedQuery]:
        """The queries to be drawn that one of the two alone gets right."""
        return [query for query in self.queries if query.winner == winner]

    @property
    def mapped(self) -> bool:
        """Whether any similarity map is drawn."""
        return any(
            side.query_overlay is not None or any(side.prediction_overlays)
            for query in self.queries
            for side in (query.a, query.b)
        )
