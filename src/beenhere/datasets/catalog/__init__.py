"""Published sets by name: what they hold, under which licence, and how to get them."""

from beenhere.datasets.catalog.entry import NamedProtocol, NamedSet, RemoteFile
from beenhere.datasets.catalog.registry import named_set, named_sets

__all__ = ["NamedProtocol", "NamedSet", "RemoteFile", "named_set", "named_sets"]
