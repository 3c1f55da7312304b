"""Readers of the formats that photos come in."""

from beenhere.photos.formats.published_layouts import protocols_of, training_photos
from beenhere.photos.formats.reading import read_evaluation, read_given, read_photos
from beenhere.photos.formats.sets import PhotoSet, PhotoSets, find_sets, sets_in
from beenhere.photos.ground_truth import EvaluationTables

__all__ = [
    "EvaluationTables",
    "PhotoSet",
    "PhotoSets",
    "find_sets",
    "protocols_of",
    "read_evaluation",
    "read_given",
    "read_photos",
    "sets_in",
    "training_photos",
]
