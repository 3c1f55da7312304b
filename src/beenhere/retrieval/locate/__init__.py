from beenhere.retrieval.locate.answer import Location, Match, Place

__all__ = ["Location", "Match", "Place"]
