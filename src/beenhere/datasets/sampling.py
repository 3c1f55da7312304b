"""P x K sampling: which photos make each training batch of each epoch.

The order is a function of the photos, the options, the seed and the epoch, and of nothing else:
not of the table's row order, nor of how the epochs before went. So a run can stop after any epoch
and go on as if it had not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config import BatchConfig
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError

Rows = NDArray[np.intp]


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
        groups = _by_place(table)
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
        drawn = self._draw_photos(random)
        batches = self._batches(random)[self.rank :: self.world]
        return [[self._place(place, drawn) for place in batch] for batch in batches]

    def _draw_photos(self, random: np.random.Generator) -> Rows:
        """The rows of all places, each place's shuffled where they stand."""
        order = np.lexsort((random.random(len(self._rows)), self._owner))
        return self._rows[order]

    def _place(self, place: np.intp, drawn: Rows) -> PlaceDraw:
        return PlaceDraw(int(place), drawn[self._starts[place] : self._starts[place + 1]])

    def _batches(self, random: np.random.Generator) -> list[Rows]:
        """Place numbers of every batch of an epoch, for all devices."""
        within = self.config.shuffle == "within_cities"
        groups = list(self._by_city()) if within else [np.arange(len(self.places))]
        batches = [batch for group in groups for batch in self._cut(random.permutation(group))]
        if within:
            batches = [batches[i] for i in random.permutation(len(batches))]
        if self.config.drop_last:
            return batches[: len(batches) - len(batches) % self.world]
        return _shared_out(batches, self.world)

    def _by_city(self) -> Iterator[Rows]:
        for city in np.unique(self._city):
            yield np.flatnonzero(self._city == city)

    def _cut(self, order: Rows) -> list[Rows]:
        size = self.config.places
        whole, rest = divmod(len(order), size)
        if self.config.drop_last:
            return [order[i * size : (i + 1) * size] for i in range(whole)]
        # A rest of one joins the last whole batch; a longer one is a batch of its own.
        batches = max(1, whole + (rest > 1))
        return np.split(order, [i * size for i in range(1, batches)])

    def _check_enough(self, groups: pl.DataFrame) -> None:
        config, found = self.config, len(self.places)
        if groups.height == 0:
            raise DataError(
                "no photo has a place label, and training needs to know which photos show the same "
                "place; give a folder whose names hold places, or a table with a 'place' column"
            )
        advice = "set batch.places or batch.min_images lower"
        if found < config.places * self.world:
            devices = f" on each of {self.world} devices" if self.world > 1 else ""
            raise DataError(
                f"found {found} places with at least {config.min_images} photos (and "
                f"{self.left_out} with fewer), too few for a batch of {config.places} places"
                f"{devices}; {advice}"
            )
        if config.shuffle == "across_cities":
            return
        sizes = np.bincount(self._city)
        if config.drop_last and (sizes // config.places).sum() < self.world:
            raise DataError(
                f"no city fills a batch of {config.places} places (the biggest has {sizes.max()}) "
                f"and batch.drop_last leaves smaller ones out; {advice}, or batch.drop_last=false"
            )
        if not config.drop_last and sizes.min() == 1:
            city = self.places[int(np.flatnonzero(self._city == sizes.argmin())[0])][0]
            raise DataError(
                f"city {city!r} has a single place with {config.min_images} photos or more, and a "
                "batch within it would have no negatives; set batch.shuffle=across_cities"
            )


def _by_place(table: PhotoTable) -> pl.DataFrame:
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


def _shared_out(batches: list[Rows], world: int) -> list[Rows]:
    """Halve the biggest batches until their number is a multiple of ``world``."""
    batches = list(batches)
    while len(batches) % world:
        biggest = max(range(len(batches)), key=lambda i: len(batches[i]))
        if len(batches[biggest]) < 4:
            raise DataError(
                f"{len(batches)} batches of at most {len(batches[biggest])} places cannot be "
                f"shared out to {world} devices; set fit.devices=1 or batch.places higher"
            )
        middle = len(batches[biggest]) // 2
        batches[biggest : biggest + 1] = [batches[biggest][:middle], batches[biggest][middle:]]
    return batches
