"""Write a set in another layout."""

from beenhere.tools.convert.convert import Conversion, FolderLayout, SourcePart, convert, read_parts

__all__ = ["Conversion", "FolderLayout", "SourcePart", "convert", "read_parts"]
