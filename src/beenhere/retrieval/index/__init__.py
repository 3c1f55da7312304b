"""The saved index on disk."""

from beenhere.retrieval.index.index import Index, Matches

__all__ = ["Index", "Matches"]
