"""Readers of the formats that photos come in."""

from beenhere.datasets.formats.recognise import read_photos
from beenhere.datasets.formats.sets import PhotoSet, sets_in
from beenhere.datasets.formats.trees import EvaluationTables, read_evaluation

__all__ = ["EvaluationTables", "PhotoSet", "read_evaluation", "read_photos", "sets_in"]
