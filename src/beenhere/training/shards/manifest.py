"""``shards.yaml``: what shards hold, without opening one."""

import hashlib
import io
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from beenhere import geo
from beenhere.datasets.summary import Sizes, Summary
from beenhere.errors import DataError
from beenhere.training.shards.location import MANIFEST, Location
from beenhere.wording import one_line

PLACES = "places.parquet"
"""The table of places, in the order in which they are written."""
PLACES_SCHEMA: dict[str, type[pl.DataType]] = {
    "shard": pl.UInt32,
    "city": pl.String,
    "place": pl.String,
    "photos": pl.UInt32,
    "bytes": pl.UInt64,
}
"""Its columns: number of the shard from 0, labels, photos and bytes of their files."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardEntry(_Entry):
    """One tar file.

    Attributes:
        name: of the file. bytes: its size. sha256: its checksum.
        places, photos: how many it holds.
    """

    name: str
    bytes: int
    sha256: str
    places: int
    photos: int


class Counts(_Entry):
    """What ``beenhere data show`` says of photos; as :class:`beenhere.datasets.summary.Summary`.

    Attributes:
        sizes: width, height, and how many photos have them, the most frequent first.
    """

    positioned: int
    headed: int
    dated: int
    first: str | None
    last: str | None
    cities: dict[str, int]
    conditions: dict[str, int]
    extent: dict[str, float] | None
    sizes: list[tuple[int, int, int]]


class Manifest(_Entry):
    """What lies in a folder of shards.

    Attributes:
        format: of this file and of the shards.
        written_by: which version of beenhere.
        seed: of the order of places.
        columns: of the photos' table that hold something; each sample's JSON has them.
        photos, places: how many, in all shards.
        without_place: photos of the table that have no place and are not here.
        left_out: path and reason of photos that could not be read and are not here.
        counts: more of what the photos are.
        places_sha256: checksum of ``places.parquet``.
        shards: in the order of their numbers.
    """

    format: Literal[1]
    written_by: str
    seed: int
    columns: list[str]
    photos: int
    places: int
    without_place: int
    left_out: list[tuple[str, str]]
    counts: Counts
    places_sha256: str
    shards: list[ShardEntry]

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def sizes(self) -> Sizes:
        """Widths and heights of all photos."""
        counts = {(width, height): count for width, height, count in self.counts.sizes}
        return Sizes(self.photos, counts, [])

    def summary(self, places: pl.DataFrame) -> Summary:
        """What the photos are; ``places`` is the table of them."""
        counts = self.counts.model_dump(exclude={"sizes", "extent"})
        extent = geo.Extent(**self.counts.extent) if self.counts.extent is not None else None
        return Summary(
            photos=self.photos, places=sorted(places["photos"].to_list()), extent=extent, **counts
        )


def write_manifest(location: Location, manifest: Manifest, places: pl.DataFrame) -> None:
    """Write both files, the manifest last: with it the shards are there."""
    table = io.BytesIO()
    places.write_parquet(table)
    digest = hashlib.sha256(table.getvalue()).hexdigest()
    location.write(PLACES, table.getvalue())
    values = manifest.model_copy(update={"places_sha256": digest}).model_dump(mode="json")
    text = yaml.dump(values, Dumper=_DUMPER, sort_keys=False, default_flow_style=None, width=1000)
    location.write(MANIFEST, text.encode())


def read_manifest(location: Location) -> tuple[Manifest, pl.DataFrame]:
    """The manifest, and the table of places.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        text = location.read(MANIFEST)
    except FileNotFoundError as error:
        raise DataError(
            f"{location.name}: no {MANIFEST} there, so no shards, or the writing of them was "
            "interrupted; write them by beenhere data convert PHOTOS OUT --to shards"
        ) from error
    manifest = _parsed(location, text)
    try:
        data = location.read(PLACES)
    except FileNotFoundError as error:
        raise DataError(f"{location.file(PLACES)} is not there; write the shards anew") from error
    if hashlib.sha256(data).hexdigest() != manifest.places_sha256:
        raise DataError(
            f"{location.file(PLACES)} is not the one that {MANIFEST} was written with; write the "
            "shards anew"
        )
    return manifest, pl.read_parquet(io.BytesIO(data))


def _parsed(location: Location, text: bytes) -> Manifest:
    try:
        return Manifest.model_validate(yaml.load(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        problem = one_line(error)
        raise DataError(f"{location.file(MANIFEST)}: not YAML: {problem}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise DataError(
            f"{location.file(MANIFEST)}: {where} is not what beenhere writes there: "
            f"{first['msg'].lower()}; write the shards anew, or take the beenhere that wrote them"
        ) from error


# A thousand shards are read in 50 ms by libyaml, and in a second without.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
