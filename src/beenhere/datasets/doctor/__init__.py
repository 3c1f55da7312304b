"""The doctor: what is wrong with sets of photos, and what it does to a score."""

from beenhere.datasets.doctor.collection import Collection, gather
from beenhere.datasets.doctor.examine import examine
from beenhere.datasets.doctor.findings import Finding
from beenhere.datasets.doctor.fixes import fixes, read_fixes
from beenhere.datasets.doctor.kinds import KINDS
from beenhere.datasets.doctor.leave_out import Choice, chosen, without

__all__ = [
    "KINDS",
    "Choice",
    "Collection",
    "Finding",
    "chosen",
    "examine",
    "fixes",
    "gather",
    "read_fixes",
    "without",
]
