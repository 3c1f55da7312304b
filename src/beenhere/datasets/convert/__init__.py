"""Write a set in another layout."""

from beenhere.datasets.convert.convert import FolderLayout, convert
from beenhere.datasets.convert.source import SourcePart, read_parts
from beenhere.datasets.convert.written import Written

__all__ = ["FolderLayout", "SourcePart", "Written", "convert", "read_parts"]
