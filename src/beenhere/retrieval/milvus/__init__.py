"""Indexes whose photos lie in Milvus; :mod:`beenhere.retrieval.milvus.store` is their store."""
