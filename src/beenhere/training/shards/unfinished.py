"""The notes of a writer that has not finished, by which the next one goes on."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from beenhere.errors import DataError
from beenhere.training.shards.location import MANIFEST, Location
from beenhere.training.shards.manifest import ShardEntry

FOLDER = "unfinished"
"""Lies beside the shards until the manifest is there."""
_PLAN = "plan.json"


class ShardNotes(BaseModel):
    """What a whole shard holds.

    Attributes:
        entry: for the manifest.
        ends: how many places of the writer's order lie in this shard and those before, or were
            left out there.
        places: city, place, photos, bytes of their files, for each place.
        left_out: path and reason of photos that could not be read.
        sizes: width, height, photos.
        kept: rows of the table, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: ShardEntry
    ends: int
    places: list[tuple[str | None, str, int, int]]
    left_out: list[tuple[str, str]]
    sizes: list[tuple[int, int, int]]
    kept: list[int]


@dataclass(frozen=True)
class Unfinished:
    """Notes at a location.

    Attributes:
        location: where the shards are being written.
        digest: of the photos and options; another writer's differs.
    """

    location: Location
    digest: str

    def begin(self) -> list[ShardNotes]:
        """Notes of the shards that an interrupted writer left whole; none where it is the first.

        Raises:
            DataError: shards, something else, or shards of other photos are there already.
        """
        there = self.location.sizes()
        if MANIFEST in there:
            raise DataError(
                f"{self.location.name} holds shards already, and nothing is overwritten; give "
                "another folder"
            )
        plan = self._read(_PLAN) if there or self.location.sizes(FOLDER) else None
        if plan is None:
            others = [name for name in there if not name.startswith(".")]
            if others:
                raise DataError(
                    f"{self.location.name} is not empty (it holds {others[0]}), and nothing is "
                    "overwritten; give a new or empty folder"
                )
            self._write(_PLAN, {"digest": self.digest})
            return []
        if plan != {"digest": self.digest}:
            raise DataError(
                f"{self.location.name} holds unfinished shards of other photos or options; give "
                "the same again to go on, or another folder"
            )
        return self._whole(there)

    def note(self, notes: ShardNotes) -> None:
        """Remember a shard that lies there whole."""
        self._write(f"{notes.entry.name}.json", notes.model_dump())

    def end(self) -> None:
        """Forget all of it: the manifest is there."""
        self.location.remove(FOLDER)

    def _whole(self, there: dict[str, int]) -> list[ShardNotes]:
        found: list[ShardNotes] = []
        while (values := self._read(f"{shard_name(len(found))}.json")) is not None:
            try:
                notes = ShardNotes.model_validate(values)
            except ValidationError:
                break
            if there.get(notes.entry.name) != notes.entry.bytes:
                break
            found.append(notes)
        return found

    def _read(self, name: str) -> Any:
        try:
            return json.loads(self.location.read(f"{FOLDER}/{name}"))
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, name: str, values: Any) -> None:
        self.location.write(f"{FOLDER}/{name}", json.dumps(values).encode())


def shard_name(number: int) -> str:
    """Of the file of a shard, counted from 0."""
    return f"shard-{number:06}.tar"
