"""Photos of an index in Milvus."""
