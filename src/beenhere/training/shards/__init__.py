"""Tar shards: photos written as a stream, and trained on as one."""

from beenhere.training.shards.shard_store import is_shards
from beenhere.training.shards.shard_writer import WrittenShards, write_shards
from beenhere.training.shards.shards_manifest import Shards

__all__ = ["Shards", "WrittenShards", "is_shards", "write_shards"]
