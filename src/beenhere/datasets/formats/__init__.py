"""Readers of the formats that photos come in."""

from beenhere.datasets.formats.published import protocols_of, training_photos
from beenhere.datasets.formats.recognise import read_photos
from beenhere.datasets.formats.sets import FoundSets, PhotoSet, find_sets, sets_in
from beenhere.datasets.formats.trees import read_evaluation
from beenhere.datasets.ground_truth import EvaluationTables

__all__ = [
    "EvaluationTables",
    "FoundSets",
    "PhotoSet",
    "find_sets",
    "protocols_of",
    "read_evaluation",
    "read_photos",
    "sets_in",
    "training_photos",
]
