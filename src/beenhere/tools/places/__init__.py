"""Own photos become a training set."""

from beenhere.tools.places.build import BuiltPlaces, EvaluationPart, build_places
from beenhere.tools.places.places_folder import write_places
from beenhere.tools.places.split import SplitPart

__all__ = ["BuiltPlaces", "EvaluationPart", "SplitPart", "build_places", "write_places"]
