"""Own photos become a training set."""

from beenhere.datasets.places.build import BuiltPlaces, EvaluationPart, build_places
from beenhere.datasets.places.split import Part
from beenhere.datasets.places.write import write_places

__all__ = ["BuiltPlaces", "EvaluationPart", "Part", "build_places", "write_places"]
