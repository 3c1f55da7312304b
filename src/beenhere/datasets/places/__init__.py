"""Own photos become a training set."""

from beenhere.datasets.places.build import BuiltPlaces, EvaluationPart, build_places
from beenhere.datasets.places.split import SplitPart
from beenhere.datasets.places.write import write_places

__all__ = ["BuiltPlaces", "EvaluationPart", "SplitPart", "build_places", "write_places"]
