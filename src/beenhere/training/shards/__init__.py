"""Tar shards: photos written as a stream, and trained on as one."""
