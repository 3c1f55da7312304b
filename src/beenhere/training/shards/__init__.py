"""Tar shards: photos written as a stream, and trained on as one."""

from beenhere.training.shards.manifest import Shards
from beenhere.training.shards.store import is_shards
from beenhere.training.shards.write import WrittenShards, write_shards

__all__ = ["Shards", "WrittenShards", "is_shards", "write_shards"]
