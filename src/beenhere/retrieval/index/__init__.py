"""The saved index on disk."""

from beenhere.retrieval.index.index import Index
from beenhere.retrieval.index.photo_store import Matches

__all__ = ["Index", "Matches"]
