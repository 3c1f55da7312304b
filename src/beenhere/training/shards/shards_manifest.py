"""``shards.yaml``: what shards hold, without opening one; and shards that are there to be read."""

import hashlib
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from beenhere import geo
from beenhere.errors import DataError
from beenhere.files.bounded_yaml import dump_yaml, load_yaml
from beenhere.photos.formats.reading import SHARDS_MANIFEST
from beenhere.photos.summary import Sizes, Summary
from beenhere.training.sampling import in_share
from beenhere.training.shards.shard_store import ShardStore
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
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ShardEntry(_Entry):
    """One tar file: its name, size, checksum, and how many places and photos it holds."""

    name: str = Field(pattern=r"^\w[\w.-]*$")  # a file beside the manifest, and nowhere else
    bytes: int = Field(ge=0)
    sha256: str
    places: int = Field(ge=0)
    photos: int = Field(ge=0)

    @field_validator("name")
    @classmethod
    def _beside(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError("expected the name of a file beside the manifest")
        return name


class PhotoCounts(_Entry):
    """Counts for ``beenhere data show``; as :class:`beenhere.photos.summary.Summary`.

    Attributes:
        sizes: width, height, and how many photos have them, the most frequent first.
    """

    with_position: int = Field(alias="positioned")  # their names in format 1
    with_heading: int = Field(alias="headed")
    with_date: int = Field(alias="dated")
    first: str | None
    last: str | None
    cities: dict[str, int]
    conditions: dict[str, int]
    extent: geo.Extent | None
    sizes: list[tuple[int, int, int]] = Field(min_length=1)


class ShardsManifest(_Entry):
    """The contents of a folder of shards.

    Attributes:
        seed: of the order of places.
        columns: of the photos' table that hold something; each sample's JSON has them.
        without_place: photos of the table that have no place and are not here.
        left_out: path and reason of photos that could not be read and are not here.
        places_sha256: of ``places.parquet``.
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
    counts: PhotoCounts
    places_sha256: str
    shards: list[ShardEntry] = Field(min_length=1)

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def sizes(self) -> Sizes:
        """Widths and heights of all photos."""
        counts = {(width, height): count for width, height, count in self.counts.sizes}
        return Sizes(self.photos, counts, [])

    def summary(self, places: pl.DataFrame) -> Summary:
        """The photos in short; ``places`` is the table of their places."""
        counts = {name: value for name, value in self.counts if name != "sizes"}
        counted = sorted(places["photos"].to_list())
        return Summary(photos=self.photos, places=counted, with_place=self.photos, **counts)


@dataclass(frozen=True)
class Shards:
    """Shards by their manifest; none is opened.

    Attributes:
        store: where they lie.
        manifest: what they hold.
        written: ``row``, a place's number in the order of writing; ``shard``, ``city``, ``place``,
            ``photos``, ``bytes``: all places.
        places: those of them to train on.
    """

    store: ShardStore
    manifest: ShardsManifest
    written: pl.DataFrame
    places: pl.DataFrame

    @classmethod
    def open(cls, where: str | Path) -> "Shards":
        """The shards at a folder, URL or manifest.

        Raises:
            DataError: there are none, or what lies there is damaged.
            ConfigError: a URL that cannot be opened here.
        """
        store = ShardStore(where)
        manifest, places = read_manifest(store)
        written = places.with_row_index("row")
        return cls(store, manifest, written, written)

    def share(self, share: float, seed: int) -> "Shards":
        """A part of the places, the same as of the photos' folder.

        Args:
            share, seed: as of :func:`beenhere.training.sampling.share_of_places`.
        """
        if share == 1:
            return self
        places = in_share(self.written, self.written.select("city", "place"), share, seed)
        return replace(self, places=places)

    def unusable(self) -> list[tuple[str, str]]:
        """Path and reason of photos that were left out when the shards were written."""
        return self.manifest.left_out

    def image_size(self) -> tuple[int, int] | None:
        """Height and width of most photos, in pixels."""
        width, height = next(iter(self.manifest.sizes().counts))
        return height, width

    def fingerprint(self) -> dict[str, Any]:
        """Their photos in short; moved as a whole, they keep its ``sha256``.

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
                "at": self.store.name,
                "files": len(self.manifest.shards),
                "bytes": self.manifest.bytes,
            },
        }


def write_manifest(store: ShardStore, manifest: ShardsManifest, places: pl.DataFrame) -> None:
    """Write both files, the manifest last: with it the shards are there."""
    table = io.BytesIO()
    places.write_parquet(table)
    digest = hashlib.sha256(table.getvalue()).hexdigest()
    store.write(PLACES, table.getvalue())
    signed = manifest.model_copy(update={"places_sha256": digest})
    values = signed.model_dump(mode="json", by_alias=True)
    text = dump_yaml(values, allow_unicode=False, default_flow_style=None, width=1000)
    store.write(SHARDS_MANIFEST, text.encode())


def read_manifest(store: ShardStore) -> tuple[ShardsManifest, pl.DataFrame]:
    """The manifest, and the table of places.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        text = store.read(SHARDS_MANIFEST)
    except FileNotFoundError as error:
        raise DataError(
            f"{store.name}: no {SHARDS_MANIFEST} there, so no shards, or the writing of them was "
            "interrupted; write them by beenhere data convert PHOTOS OUT --to shards"
        ) from error
    try:
        manifest = ShardsManifest.model_validate(load_yaml(text))
    except yaml.YAMLError as error:
        problem = one_line(error)
        raise DataError(f"{store.file(SHARDS_MANIFEST)}: not YAML: {problem}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise DataError(
            f"{store.file(SHARDS_MANIFEST)}: {where} is not what beenhere writes there: "
            f"{first['msg'].lower()}; write the shards anew, or take the beenhere that wrote them"
        ) from error
    try:
        data = store.read(PLACES)
    except FileNotFoundError as error:
        raise DataError(f"{store.file(PLACES)} is not there; write the shards anew") from error
    if hashlib.sha256(data).hexdigest() != manifest.places_sha256:
        raise DataError(
            f"{store.file(PLACES)} is not the one that {SHARDS_MANIFEST} was written with; write "
            "the shards anew"
        )
    try:
        places = pl.read_parquet(io.BytesIO(data))
    except Exception as error:  # of polars, in as many ways as there are files
        raise DataError(f"{store.file(PLACES)} cannot be read ({one_line(error)})") from error
    _check_agree(store, manifest, places)
    return manifest, places


def _check_agree(store: ShardStore, manifest: ShardsManifest, places: pl.DataFrame) -> None:
    """See that both files speak of the same places and photos, shard by shard.

    Raises:
        DataError: they do not.
    """
    needed = places.drop("city", strict=False)  # which need not be known
    if places.schema != PLACES_SCHEMA or any(needed.null_count().row(0)):
        raise DataError(
            f"{store.file(PLACES)} is not a table of places; expected the columns "
            f"{', '.join(PLACES_SCHEMA)} as beenhere writes them: write the shards anew"
        )
    counted = places.group_by("shard").agg(pl.len(), pl.col("photos").cast(pl.Int64).sum())
    found = {shard: counts for shard, *counts in counted.rows()}
    told = {number: [one.places, one.photos] for number, one in enumerate(manifest.shards)}
    problems = [
        f"shard {one} has {said[0]} places and {said[1]} photos, and {has[0]} and {has[1]} there"
        for one in sorted(found | told)
        if (said := told.get(one, [0, 0])) != (has := found.get(one, [0, 0]))
    ]
    photos, sized = sum(has for _, has in found.values()), sum(manifest.sizes().counts.values())
    if (manifest.places, manifest.photos, sized) != (places.height, photos, photos):
        problems.append(
            f"{manifest.places} places, {manifest.photos} photos, and the sizes of {sized}, where "
            f"the table has {places.height} and {photos}"
        )
    if not places["shard"].is_sorted():
        problems.append("the table is not in the order of the shards")
    if problems:
        raise DataError(
            f"{store.file(SHARDS_MANIFEST)} contradicts {PLACES}: {problems[0]}; copy both again, "
            "or write the shards anew"
        )
