"""Indexes whose photos lie in Milvus."""

from beenhere.retrieval.milvus.index import MilvusIndex

__all__ = ["MilvusIndex"]
