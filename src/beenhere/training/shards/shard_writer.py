"""Photos with places as tar shards, from which training reads a stream."""

import hashlib
import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from beenhere import __version__
from beenhere.config.training import ShardsConfig
from beenhere.errors import DataError, PhotoError
from beenhere.photos.formats.reading import SHARDS_MANIFEST
from beenhere.photos.photo_file import opened, photo_size
from beenhere.photos.summary import summarise
from beenhere.photos.table import SCHEMA, PhotoTable
from beenhere.progress import progress
from beenhere.training.sampling import rows_by_place
from beenhere.training.shards.shard_store import ShardStore
from beenhere.training.shards.shards_manifest import (
    PLACES_SCHEMA,
    PhotoCounts,
    ShardEntry,
    ShardsManifest,
    write_manifest,
)
from beenhere.training.shards.tar import END, extension, sample, sample_key

UNFINISHED = "unfinished"
"""Folder beside the shards, until the manifest is there: notes by which the next writer goes on."""

READERS = 8
"""Threads that read photos while a shard is written."""
AHEAD = 64
"""Photos that they read ahead."""

_Photo = tuple[bytes, tuple[int, int]]
"""A photo's file, and the photo's height and width."""


@dataclass(frozen=True)
class WrittenShards:
    """Counts of what was written.

    Attributes:
        out: the folder or URL.
        shards, photos, places, bytes: how many, and of how many bytes in all.
        went_on: shards of them that an interrupted writer had left.
        without_place: photos that have no place and were not written.
        left_out: path and reason of photos that could not be read and were not written.
    """

    out: str
    shards: int
    photos: int
    places: int
    bytes: int
    went_on: int
    without_place: int
    left_out: list[tuple[str, str]]


def write_shards(
    table: PhotoTable, out: str | Path, config: ShardsConfig = ShardsConfig()
) -> WrittenShards:
    """Write photos as tar files in WebDataset's layout, with a manifest.

    Places follow each other in an order drawn from the seed over all cities; the photos of a place
    lie together. Each photo's file is copied as it is, with a JSON file of what the table knows.
    The same photos, options and seed give the same bytes. Photos without a place are not written;
    those whose header cannot be read are left out and named.

    ``shards.yaml`` is written last: before, the shards are not there for a reader. Interrupted,
    the same call goes on behind the last whole shard.

    Args:
        table: photos, some with a place.
        out: a new or empty folder, an unfinished one, or a URL that fsspec knows.
        config: size of a shard, and seed.

    Raises:
        DataError: no photo has a place or can be read; ``out`` holds something else already, or
            cannot be written.
    """
    groups = rows_by_place(table)
    if groups.height == 0:
        raise DataError(
            f"none of {len(table)} photos has a place label, and shards are for training, which "
            "needs to know which photos show the same place; form places by beenhere data places"
        )
    store = ShardStore(out)
    named = table.frame.with_columns(path=pl.Series(_names(table), dtype=pl.String))
    unfinished = UnfinishedShards(store, _digest(named, config))
    with store.alone():
        done = unfinished.begin()
        went_on = len(done)
        photos = int(groups["rows"].list.len().sum())
        with progress("photos", photos) as advance:
            advance(sum(len(notes.kept) + len(notes.left_out) for notes in done))
            for notes in _missing_shards(table.paths, named, groups, done, store, config, advance):
                unfinished.add(notes)
                done.append(notes)
        if not any(notes.kept for notes in done):
            for name in (UNFINISHED, *(notes.entry.name for notes in done)):
                store.remove(name)
            path, reason = done[0].left_out[0]
            raise DataError(f"none of {photos} photos can be read; the first is {path}: {reason}")
        manifest, places = _manifest(table, done, config, len(table) - photos)
        unfinished.check_whole(manifest.shards)
        write_manifest(store, manifest, places)
        store.remove(UNFINISHED)
    return WrittenShards(
        out=store.name,
        shards=len(done),
        photos=manifest.photos,
        places=manifest.places,
        bytes=manifest.bytes,
        went_on=went_on,
        without_place=manifest.without_place,
        left_out=manifest.left_out,
    )


class ShardNotes(BaseModel):
    """A shard that lies there whole.

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
class UnfinishedShards:
    """The notes of a writer that has not finished.

    Attributes:
        store: where the shards are being written.
        digest: of the photos and options; another writer's differs.
    """

    store: ShardStore
    digest: str

    def begin(self) -> list[ShardNotes]:
        """Notes of the shards that an interrupted writer left whole; none where it is the first.

        Raises:
            DataError: shards, something else, or shards of other photos are there already.
        """
        there = self.store.sizes()
        if SHARDS_MANIFEST in there:
            raise DataError(
                f"{self.store.name} holds shards already, and nothing is overwritten; give "
                "another folder"
            )
        notes = self.store.sizes(UNFINISHED)
        plan = self._read("plan.json") if there or notes else None
        if plan is None:
            others = [name for name in there if not name.startswith(".")]
            # Killed before its first note, a writer leaves this folder empty.
            if not any(not name.startswith(".") for name in notes):
                others = [name for name in others if name != UNFINISHED]
            if others:
                raise DataError(
                    f"{self.store.name} is not empty (it holds {others[0]}), and nothing is "
                    "overwritten; give a new or empty folder"
                )
            self._write("plan.json", {"digest": self.digest})
            return []
        if plan != {"digest": self.digest}:
            raise DataError(
                f"{self.store.name} holds unfinished shards of other photos or options; give "
                "the same again to go on, or another folder"
            )
        found: list[ShardNotes] = []
        while (values := self._read(f"{shard_name(len(found))}.json")) is not None:
            try:
                whole = ShardNotes.model_validate(values)
            except ValidationError:
                break
            if there.get(whole.entry.name) != whole.entry.bytes:
                break
            found.append(whole)
        return found

    def add(self, notes: ShardNotes) -> None:
        """Remember a shard that lies there whole.

        Raises:
            DataError: another process has begun to write other shards there.
        """
        if self._read("plan.json") != {"digest": self.digest}:
            raise self._disturbed()
        self._write(f"{notes.entry.name}.json", notes.model_dump())

    def check_whole(self, shards: list[ShardEntry]) -> None:
        """See that all shards are there, as they were written.

        Raises:
            DataError: one has another size.
        """
        there = self.store.sizes()
        if any(there.get(shard.name) != shard.bytes for shard in shards):
            raise self._disturbed()

    def _disturbed(self) -> DataError:
        return DataError(
            f"{self.store.name} has been changed by another process while shards were written "
            "there; see that one alone writes, and start again with another folder"
        )

    def _read(self, name: str) -> Any:
        try:
            return json.loads(self.store.read(f"{UNFINISHED}/{name}"))
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, name: str, values: Any) -> None:
        self.store.write(f"{UNFINISHED}/{name}", json.dumps(values).encode())


def shard_name(number: int) -> str:
    """Of the file of a shard, counted from 0."""
    return f"shard-{number:06}.tar"


def _missing_shards(
    paths: list[str],
    named: pl.DataFrame,
    groups: pl.DataFrame,
    done: list[ShardNotes],
    store: ShardStore,
    config: ShardsConfig,
    advance: Callable[[int], None],
) -> Iterator[ShardNotes]:
    """Write the shards that are still missing; each is added to ``done`` by the caller."""
    order = np.random.default_rng(config.seed).permutation(groups.height)
    position = done[-1].ends if done else 0
    places = deque(groups[order[position:]].rows())
    written = sum(len(notes.places) for notes in done)
    with ThreadPoolExecutor(READERS, "read") as readers:
        photos = _ahead(readers, [paths[row] for _, _, rows in places for row in rows])
        while places:
            name = shard_name(len(done))
            with store.writing(name) as path, path.open("wb") as file:
                shard = _Shard(file)
                while places and shard.bytes < config.mib << 20:
                    *label, rows = places.popleft()
                    read = zip(rows, islice(photos, len(rows)), strict=True)
                    shard.add(label, written + len(shard.places), read, named)
                    position += 1
                    advance(len(rows))
                shard.write(END)
            yield shard.notes(name, position)
            written += len(shard.places)


def _read(path: str) -> _Photo | PhotoError:
    """A file, if its header is a photo's."""
    try:
        with opened(path) as file:
            data = file.read()
        return data, photo_size(data)
    except PhotoError as error:
        return PhotoError(path, error.reason)


class _Shard:
    """A tar file that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.bytes = 0
        self.places: list[tuple[str | None, str, int, int]] = []
        self.left_out: list[tuple[str, str]] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.kept: list[int] = []
        self._file, self._digest = file, hashlib.sha256()

    def add(
        self,
        label: Sequence[Any],
        number: int,
        photos: Iterable[tuple[int, _Photo | PhotoError]],
        named: pl.DataFrame,
    ) -> None:
        """The photos of a place, if any can be read; ``number`` counts places over all shards."""
        count = size = 0
        for row, photo in photos:
            facts = named.row(row, named=True)
            if isinstance(photo, PhotoError):
                self.left_out.append((facts["path"], photo.reason))
                continue
            data, (height, width) = photo
            self.write(sample(sample_key(number, count), extension(facts["path"]), data, facts))
            self.sizes[width, height] += 1
            self.kept.append(row)
            count, size = count + 1, size + len(data)
        if count:
            self.places.append((label[0], label[1], count, size))

    def notes(self, name: str, ends: int) -> ShardNotes:
        """For the next writer, and the manifest; ``ends`` as there."""
        return ShardNotes(
            entry=ShardEntry(
                name=name,
                bytes=self.bytes,
                sha256=self._digest.hexdigest(),
                places=len(self.places),
                photos=len(self.kept),
            ),
            ends=ends,
            places=self.places,
            left_out=self.left_out,
            sizes=[(*size, count) for size, count in self.sizes.items()],
            kept=self.kept,
        )

    def write(self, data: bytes) -> None:
        """The next bytes of the file."""
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)


def _manifest(
    table: PhotoTable, done: list[ShardNotes], config: ShardsConfig, without_place: int
) -> tuple[ShardsManifest, pl.DataFrame]:
    rows = [(number, *place) for number, notes in enumerate(done) for place in notes.places]
    places = pl.DataFrame(rows, PLACES_SCHEMA, orient="row")
    kept = table.rows([row for notes in done for row in notes.kept])
    sizes: Counter[tuple[int, int]] = Counter()
    for notes in done:
        sizes.update({(width, height): count for width, height, count in notes.sizes})
    held = asdict(summarise(kept))
    counts = {name: held[name] for name in PhotoCounts.model_fields if name in held}
    counts["sizes"] = [(*size, count) for size, count in sizes.most_common()]
    manifest = ShardsManifest(
        format=1,
        written_by=f"beenhere {__version__}",
        seed=config.seed,
        columns=[name for name in SCHEMA if not kept.frame[name].is_null().all()],
        photos=len(kept),
        places=places.height,
        without_place=without_place,
        left_out=[photo for notes in done for photo in notes.left_out],
        counts=PhotoCounts(**counts),
        places_sha256="",
        shards=[notes.entry for notes in done],
    )
    return manifest, places


def _names(table: PhotoTable) -> list[str]:
    """Paths below the folder that all photos have in common."""
    paths = [str(Path(path).absolute()) for path in table.paths]
    folder = os.path.commonpath([str(Path(path).parent) for path in paths])
    return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def _digest(named: pl.DataFrame, config: ShardsConfig) -> str:
    digest = hashlib.sha256(config.model_dump_json().encode())
    for row in named.iter_rows():
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _ahead(pool: ThreadPoolExecutor, paths: list[str]) -> Iterator[_Photo | PhotoError]:
    """Photos in order, read a few ahead."""
    left = iter(paths)
    pending = deque(pool.submit(_read, path) for path in islice(left, AHEAD))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(_read, path) for path in islice(left, 1))
