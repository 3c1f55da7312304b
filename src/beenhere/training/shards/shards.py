"""A folder of shards that is there to be read."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from beenhere.training.sampling import in_share
from beenhere.training.shards.location import Location
from beenhere.training.shards.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class Shards:
    """What the manifest says; no shard is opened.

    Attributes:
        location: where they lie.
        manifest: what they hold.
        written: ``row``, a place's number in the order of writing; ``shard``, ``city``, ``place``,
            ``photos``, ``bytes``: all places.
        places: those of them to train on.
    """

    location: Location
    manifest: Manifest
    written: pl.DataFrame
    places: pl.DataFrame

    @classmethod
    def open(cls, where: str | Path) -> "Shards":
        """The shards at a folder, URL or manifest.

        Raises:
            DataError: there are none, or what lies there is damaged.
            ConfigError: a URL that cannot be opened here.
        """
        location = Location(where)
        manifest, places = read_manifest(location)
        written = places.with_row_index("row")
        return cls(location, manifest, written, written)

    def share(self, share: float, seed: int) -> "Shards":
        """A part of the places, the same as of the photos' folder.

        Args:
            share, seed: as of :func:`beenhere.training.sampling.share_of_places`.
        """
        if share == 1:
            return self
        places = in_share(self.written, self.written.select("city", "place"), share, seed)
        return replace(self, places=places)

    def fingerprint(self) -> dict[str, Any]:
        """What they hold, in short; moved as a whole, they keep its ``sha256``.

        Returns:
            ``photos`` and ``places``, counts; ``sha256`` over the checksums of all shards and which
            places of them count; ``shards``: where they lie, how many, their bytes.
        """
        lines = [shard.sha256 for shard in self.manifest.shards]
        lines += [str(row) for row in self.places["row"].to_list()]
        return {
            "photos": int(self.places["photos"].sum()),
            "places": self.places.height,
            "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            "shards": {
                "at": self.location.name,
                "files": len(self.manifest.shards),
                "bytes": self.manifest.bytes,
            },
        }
