"""The doctor: what is wrong with sets of photos, and what it does to a score."""

from beenhere.datasets.doctor.collection import Collection, gather
from beenhere.datasets.doctor.examine import examine
from beenhere.datasets.doctor.findings import Finding
from beenhere.datasets.doctor.fixes import fixes
from beenhere.datasets.doctor.kinds import KINDS

__all__ = ["KINDS", "Collection", "Finding", "examine", "fixes", "gather"]
