"""Photos of an index in Milvus; :mod:`beenhere.retrieval.index.milvus.store` is the store."""
