"""P x K sampling: which photos make each training batch of each epoch.

The order is a function of the photos, the options, the seed and the epoch, and of nothing else:
not of the table's row order, nor of how the epochs before went. So a run can stop after any epoch
and go on as if it had not.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.training import BatchConfig
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable

Rows = NDArray[np.intp]

_ADVICE = "set batch.places or batch.min_images lower"


@dataclass(frozen=True)
class PlaceDraw:
    """One place in a batch.

    Attributes:
        place: its number, 0 to ``len(sampler.places) - 1``: the label of its photos.
        rows: all its rows of the table, in the order drawn. The first K are the batch's; the
            others stand in, in that order, for those that turn out to be unreadable.
    """

    place: int
    rows: Rows


class Sampler(Protocol):
    """Which photos make each batch of one device."""

    config: BatchConfig

    def __len__(self) -> int:
        """Batches an epoch."""

    def epoch(self, number: int) -> list[list[PlaceDraw]]:
        """The batches of an epoch, counted from 0."""


class PlaceSampler:
    """Batches of P places, each with K different photos; every place once an epoch.

    A place with fewer than K photos (but at least ``min_images``) gives all it has. The places
    left over at the end form a smaller batch, unless ``drop_last``; a single one, which would have
    no negatives, joins the batch before it, which then has P + 1.

    On several devices each batch belongs to one of them and all get the same number: where the
    batches do not share out evenly the biggest are halved, or with ``drop_last`` the surplus is
    left out.

    Args:
        table: photos; those without a ``place`` take no part. Places are told apart by city and
            place, so a label may repeat between cities.
        config: P, K, ``min_images``, how to shuffle.
        seed: of the order.
        rank, world: which of how many devices this sampler serves.

    Attributes:
        places: labels as ``(city, place)``, by place number.
        left_out: how many places have fewer than ``min_images`` photos.

    Raises:
        DataError: not enough places for one batch (for each device), or, shuffling within cities,
            a city with a single place.
    """

    def __init__(
        self, table: PhotoTable, config: BatchConfig, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank is {rank}; expected 0 to {world - 1}")
        self.config, self.seed, self.rank, self.world = config, seed, rank, world
        groups = rows_by_place(table)
        enough = groups.filter(pl.col("rows").list.len() >= config.min_images)
        self.places: list[tuple[str | None, str]] = list(
            zip(enough["city"].to_list(), enough["place"].to_list(), strict=True)
        )
        self.left_out = groups.height - enough.height
        self._rows = enough["rows"].explode().to_numpy().astype(np.intp)
        self._owner = np.repeat(np.arange(enough.height), enough["rows"].list.len().to_numpy())
        self._starts = np.searchsorted(self._owner, np.arange(enough.height + 1))
        self._city = enough["city"].rle_id().to_numpy()
        self._check_enough(groups)
        self._length = len(self._batches(np.random.default_rng(seed)))

    def __len__(self) -> int:
        """Batches an epoch, for each device."""
        return self._length // self.world

    def epoch(self, number: int) -> list[list[PlaceDraw]]:
        """This device's batches of an epoch, counted from 0."""
        random = np.random.default_rng([self.seed, number])
        # Rows of all places, each place's shuffled where they stand.
        drawn = self._rows[np.lexsort((random.random(len(self._rows)), self._owner))]
        starts = self._starts
        return [
            [PlaceDraw(int(place), drawn[starts[place] : starts[place + 1]]) for place in batch]
            for batch in self._batches(random)[self.rank :: self.world]
        ]

    def _batches(self, random: np.random.Generator) -> list[Rows]:
        """Place numbers of every batch of an epoch, for all devices."""
        within = self.config.shuffle == "within_cities"
        groups = [np.arange(len(self.places))]
        if within:
            groups = [np.flatnonzero(self._city == city) for city in np.unique(self._city)]
        batches = [
            batch
            for group in groups
            for batch in _split(random.permutation(group), batch_sizes(len(group), self.config))
        ]
        if within:
            batches = [batches[i] for i in random.permutation(len(batches))]
        sizes = shared_out([len(batch) for batch in batches], self.config, self.world)
        return _split(np.concatenate(batches), sizes)

    def _check_enough(self, groups: pl.DataFrame) -> None:
        check_enough(groups.height, len(self.places), self.config, self.world)
        config = self.config
        if config.shuffle == "across_cities":
            return
        sizes = np.bincount(self._city)
        if config.drop_last and (sizes // config.places).sum() < self.world:
            raise DataError(
                f"no city fills a batch of {config.places} places (the biggest has {sizes.max()}) "
                f"and batch.drop_last leaves smaller ones out; {_ADVICE}, or batch.drop_last=false"
            )
        if not config.drop_last and sizes.min() == 1:
            city = self.places[int(np.flatnonzero(self._city == sizes.argmin())[0])][0]
            raise DataError(
                f"city {city!r} has a single place with {config.min_images} photos or more, and a "
                "batch within it would have no negatives; set batch.shuffle=across_cities"
            )


def rows_by_place(table: PhotoTable) -> pl.DataFrame:
    """Columns ``city``, ``place``, ``rows``; in the order of names and paths, not of rows."""
    return (
        table.frame.lazy()
        .select("city", "place", "path")
        .with_row_index("rows")
        .filter(pl.col("place").is_not_null())
        .sort("city", "place", "path")
        .group_by("city", "place", maintain_order=True)
        .agg("rows")
        .collect()
    )


def check_enough(labelled: int, found: int, config: BatchConfig, world: int) -> None:
    """See that places make a batch for each device.

    Args:
        labelled: places in all.
        found: those with at least ``min_images`` photos.
        config, world: as of :class:`PlaceSampler`.

    Raises:
        DataError: there are too few.
    """
    if labelled == 0:
        raise DataError(
            "no photo has a place label, and training needs to know which photos show the same "
            "place; give a folder whose names hold places, or a table with a 'place' column"
        )
    if found < config.places * world:
        devices = f" on each of {world} devices" if world > 1 else ""
        raise DataError(
            f"found {found} places with at least {config.min_images} photos (and "
            f"{labelled - found} with fewer), too few for a batch of {config.places} places"
            f"{devices}; {_ADVICE}"
        )


def batch_sizes(places: int, config: BatchConfig) -> list[int]:
    """How many places each batch has, where ``places`` of them are cut into batches."""
    whole, rest = divmod(places, config.places)
    if config.drop_last:
        return [config.places] * whole
    # A rest of one joins the last whole batch; a longer one is a batch of its own.
    sizes = [config.places] * max(1, whole + (rest > 1))
    sizes[-1] += places - sum(sizes)
    return sizes


def shared_out(sizes: list[int], config: BatchConfig, world: int) -> list[int]:
    """The biggest batches halved, or with ``drop_last`` the last left out, until all devices get
    the same number.

    Raises:
        DataError: there are too few places to halve.
    """
    if config.drop_last:
        return sizes[: len(sizes) - len(sizes) % world]
    sizes = list(sizes)
    while len(sizes) % world:
        biggest = sizes.index(max(sizes))
        if sizes[biggest] < 4:
            raise DataError(
                f"{len(sizes)} batches of at most {sizes[biggest]} places cannot be shared out to "
                f"{world} devices; set fit.devices=1 or batch.places higher"
            )
        middle = sizes[biggest] // 2
        sizes[biggest : biggest + 1] = [middle, sizes[biggest] - middle]
    return sizes


def _split(order: Rows, sizes: list[int]) -> list[Rows]:
    """The first ``sizes[0]`` numbers, the next ``sizes[1]``, ...; what is left is left out."""
    ends = np.cumsum(sizes, dtype=np.intp)
    return [order[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def share_of_places(table: PhotoTable, share: float, seed: int) -> PhotoTable:
    """The photos of some of the places.

    A smaller share of the same seed lies within a larger one, and neither depends on the order of
    the rows.

    Args:
        table: photos; those without a ``place`` are left out, unless the share is 1.
        share: of the places, in (0, 1]; at least one place is kept.
        seed: another one draws other places.
    """
    if share == 1:
        return table
    places = table.frame.drop_nulls("place").select("city", "place").unique()
    frame = in_share(table.frame, places, share, seed)
    return PhotoTable(frame, table.unusable, table.notes, table.source)


def in_share(frame: pl.DataFrame, places: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """The rows of ``frame`` whose ``city`` and ``place`` are in the share, in their order.

    ``places`` holds each city and place once; see :func:`share_of_places`.
    """
    # A hash of its name gives each place its turn, whichever others there are.
    turn = pl.struct("city", "place").map_elements(
        lambda one: hashlib.sha256(repr((seed, one["city"], one["place"])).encode()).hexdigest(),
        return_dtype=pl.String,
    )
    count = max(1, round(share * places.height))
    kept = places.sort(turn).head(count)
    rows = frame.with_row_index().join(kept, on=["city", "place"], how="semi", nulls_equal=True)
    return frame[np.sort(rows["index"].to_numpy())]
