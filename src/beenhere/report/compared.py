"""A query that one of two models gets right and the other wrong, as the page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from PIL.Image import Image

from beenhere.report.panels import Prediction


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
