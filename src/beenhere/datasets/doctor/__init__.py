"""The doctor: what is wrong with sets of photos, and what it does to a score."""

from beenhere.datasets.doctor.collection import PhotoCollection, gather
from beenhere.datasets.doctor.examine import examine
from beenhere.datasets.doctor.findings import KINDS, Finding
from beenhere.datasets.doctor.fix_list import Choice, chosen, fixes, read_fixes, without

__all__ = [
    "KINDS",
    "Choice",
    "Finding",
    "PhotoCollection",
    "chosen",
    "examine",
    "fixes",
    "gather",
    "read_fixes",
    "without",
]
