"""The doctor: what is wrong with sets of photos, and what it does to a score."""

from beenhere.tools.doctor.examine import examine
from beenhere.tools.doctor.findings import KINDS, Finding
from beenhere.tools.doctor.fix_list import Choice, chosen, fixes, read_fixes, without
from beenhere.tools.doctor.photo_collection import PhotoCollection, gather

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
