"""Photos with places as tar shards, from which training reads a stream."""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import __version__
from beenhere.config import ShardsConfig
from beenhere.datasets.summary import summarise
from beenhere.datasets.table import SCHEMA, PhotoTable
from beenhere.errors import DataError, PhotoError
from beenhere.photo_file import opened, photo_size
from beenhere.progress import progress
from beenhere.training.sampling import rows_by_place
from beenhere.training.shards import tar_format
from beenhere.training.shards.location import Location
from beenhere.training.shards.manifest import (
    PLACES_SCHEMA,
    Counts,
    Manifest,
    ShardEntry,
    write_manifest,
)
from beenhere.training.shards.unfinished import ShardNotes, Unfinished, shard_name

READERS = 8
"""Threads that read photos while a shard is written."""
AHEAD = 64
"""Photos that they read ahead."""


@dataclass(frozen=True)
class WrittenShards:
    """What was written.

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
    location = Location(out)
    names = _names(table)
    order = np.random.default_rng(config.seed).permutation(groups.height)
    unfinished = Unfinished(location, _digest(table, names, config))
    done = unfinished.begin()
    went_on = len(done)
    start = done[-1].ends if done else 0
    photos = int(groups["rows"].list.len().sum())
    with progress("photos", photos) as advance, location.scratch() as folder:
        advance(sum(len(notes.kept) + len(notes.left_out) for notes in done))
        writer = _Writer(table, names, config, folder, advance)
        for notes in writer.shards(groups, order, start, done):
            location.put(folder / _part(notes.entry.name), notes.entry.name)
            unfinished.note(notes)
            done.append(notes)
    manifest, places = _manifest(table, done, config, len(table) - photos)
    if manifest.photos == 0:
        unfinished.end()
        for entry in manifest.shards:
            location.remove(entry.name)
        path, reason = manifest.left_out[0]
        raise DataError(f"none of {photos} photos can be read; the first is {path}: {reason}")
    write_manifest(location, manifest, places)
    unfinished.end()
    return WrittenShards(
        out=location.name,
        shards=len(done),
        photos=manifest.photos,
        places=manifest.places,
        bytes=manifest.bytes,
        went_on=went_on,
        without_place=manifest.without_place,
        left_out=manifest.left_out,
    )


@dataclass
class _Writer:
    table: PhotoTable
    names: list[str]
    config: ShardsConfig
    folder: Path
    advance: Callable[[int], None]

    def shards(
        self, groups: pl.DataFrame, order: NDArray[np.intp], start: int, done: list[ShardNotes]
    ) -> Iterator[ShardNotes]:
        """Write the shards that are still missing, each to a file of :attr:`folder`."""
        labels = list(zip(groups["city"].to_list(), groups["place"].to_list(), strict=True))
        rows = [groups["rows"][int(place)].to_list() for place in order[start:]]
        written = sum(len(notes.places) for notes in done)
        with ThreadPoolExecutor(READERS, "read") as readers:
            photos = _ahead(readers, _read, [self.table.paths[row] for one in rows for row in one])
            position = start
            while position < len(order):
                number = len(done)
                shard = _Shard(self.folder / _part(shard_name(number)))
                with shard:
                    while position < len(order) and shard.bytes < self.config.mib << 20:
                        one = rows[position - start]
                        first = written + len(shard.places)
                        shard.add(labels[order[position]], first, self._photos(one, photos))
                        position += 1
                        self.advance(len(one))
                yield shard.notes(shard_name(number), position)
                written += len(shard.places)

    def _photos(
        self, rows: list[int], photos: Iterator["_Photo | PhotoError"]
    ) -> Iterator[tuple[int, dict[str, Any], "_Photo | PhotoError"]]:
        for row, photo in zip(rows, islice(photos, len(rows)), strict=True):
            facts = self.table.frame.row(row, named=True)
            yield row, facts | {"path": self.names[row]}, photo


@dataclass(frozen=True)
class _Photo:
    data: bytes
    size: tuple[int, int]


def _read(path: str) -> _Photo | PhotoError:
    """What a file holds, if its header is a photo's."""
    try:
        with opened(path) as file:
            data = file.read()
        return _Photo(data, photo_size(data))
    except PhotoError as error:
        return PhotoError(path, error.reason)


class _Shard:
    """A tar file that is being written."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes = path, 0
        self.places: list[tuple[str | None, str, int, int]] = []
        self.left_out: list[tuple[str, str]] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.kept: list[int] = []
        self._digest = hashlib.sha256()

    def __enter__(self) -> "_Shard":
        self._file = self.path.open("wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._write(tar_format.END)
        self._file.close()
        if kind is not None:
            self.path.unlink()

    def add(
        self,
        label: tuple[str | None, str],
        number: int,
        photos: Iterator[tuple[int, dict[str, Any], _Photo | PhotoError]],
    ) -> None:
        """The photos of a place, if any can be read; ``number`` counts places over all shards."""
        count = size = 0
        for row, facts, photo in photos:
            if isinstance(photo, PhotoError):
                self.left_out.append((facts["path"], photo.reason))
                continue
            key = tar_format.key(number, count)
            suffix = tar_format.extension(facts["path"])
            self._write(tar_format.sample(key, suffix, photo.data, facts))
            self.sizes[photo.size[1], photo.size[0]] += 1
            self.kept.append(row)
            count, size = count + 1, size + len(photo.data)
        if count:
            self.places.append((*label, count, size))

    def notes(self, name: str, ends: int) -> ShardNotes:
        """What it holds."""
        entry = ShardEntry(
            name=name,
            bytes=self.bytes,
            sha256=self._digest.hexdigest(),
            places=len(self.places),
            photos=len(self.kept),
        )
        sizes = [(*size, count) for size, count in self.sizes.items()]
        return ShardNotes(
            entry=entry,
            ends=ends,
            places=self.places,
            left_out=self.left_out,
            sizes=sizes,
            kept=self.kept,
        )

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)


def _manifest(
    table: PhotoTable, done: list[ShardNotes], config: ShardsConfig, without_place: int
) -> tuple[Manifest, pl.DataFrame]:
    rows = [(number, *place) for number, notes in enumerate(done) for place in notes.places]
    places = pl.DataFrame(rows, PLACES_SCHEMA, orient="row")
    kept = table.rows([row for notes in done for row in notes.kept])
    sizes: Counter[tuple[int, int]] = Counter()
    for notes in done:
        sizes.update({(width, height): count for width, height, count in notes.sizes})
    summary = summarise(kept)
    counts = Counts(
        **{name: getattr(summary, name) for name in Counts.model_fields if name not in _OWN},
        extent=asdict(summary.extent) if summary.extent is not None else None,
        sizes=[(*size, count) for size, count in sizes.most_common()],
    )
    manifest = Manifest(
        format=1,
        written_by=f"beenhere {__version__}",
        seed=config.seed,
        columns=[name for name in SCHEMA if not kept.frame[name].is_null().all()],
        photos=len(kept),
        places=places.height,
        without_place=without_place,
        left_out=[photo for notes in done for photo in notes.left_out],
        counts=counts,
        places_sha256="",
        shards=[notes.entry for notes in done],
    )
    return manifest, places


_OWN = ("extent", "sizes")


def _names(table: PhotoTable) -> list[str]:
    """Paths below the folder that all photos have in common."""
    paths = [str(Path(path).absolute()) for path in table.paths]
    folder = os.path.commonpath([str(Path(path).parent) for path in paths])
    return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def _digest(table: PhotoTable, names: list[str], config: ShardsConfig) -> str:
    digest = hashlib.sha256(config.model_dump_json().encode())
    for row in table.frame.with_columns(path=pl.Series(names, dtype=pl.String)).iter_rows():
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _ahead(pool: ThreadPoolExecutor, read: Callable[[str], Any], paths: list[str]) -> Iterator[Any]:
    """Results in order, read a few ahead."""
    left = iter(paths)
    pending = deque(pool.submit(read, path) for path in islice(left, AHEAD))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(read, path) for path in islice(left, 1))


def _part(name: str) -> str:
    return f".{name}.part"
