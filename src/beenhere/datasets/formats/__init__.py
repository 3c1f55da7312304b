"""Readers of the formats that photos come in."""

from beenhere.datasets.evaluation_tables import EvaluationTables
from beenhere.datasets.formats.published import protocols_of
from beenhere.datasets.formats.recognise import read_photos
from beenhere.datasets.formats.sets import PhotoSet, sets_in
from beenhere.datasets.formats.trees import read_evaluation

__all__ = [
    "EvaluationTables",
    "PhotoSet",
    "protocols_of",
    "read_evaluation",
    "read_photos",
    "sets_in",
]
