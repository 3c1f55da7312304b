"""Published sets by name: what they hold, under which licence, and how to get them."""

from beenhere.photos.catalog.named_sets import (
    NamedProtocol,
    NamedSet,
    RemoteFile,
    named_set,
    named_sets,
    plain,
)

__all__ = ["NamedProtocol", "NamedSet", "RemoteFile", "named_set", "named_sets", "plain"]
