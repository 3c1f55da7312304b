"""Sources of training photos: a folder, drawn from at will, or tar shards, read as a stream.

Both answer the same three questions, and go to each device's process.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beenhere.config.training import BatchConfig, DataConfig, TrainConfig
from beenhere.errors import PhotoError
from beenhere.models.model import Preprocessing
from beenhere.photos.formats import read_photos
from beenhere.photos.photo_file import photo_size
from beenhere.photos.summary import table_fingerprint
from beenhere.photos.table import PhotoTable
from beenhere.training.batches import BatchLoader, TrainingBatches
from beenhere.training.sampling import PlaceSampler, Sampler, share_of_places
from beenhere.training.shards import Shards, is_shards
from beenhere.training.shards.stream import StreamLoader, StreamPlan


@dataclass(frozen=True)
class FolderPhotos:
    """Photos with places that lie as files.

    Attributes:
        table: all of them to train on.
        root: the folder they were read from.
    """

    table: PhotoTable
    root: Path

    def fingerprint(self) -> dict[str, Any]:
        """Which photos these are, for a model's provenance; see :func:`table_fingerprint`."""
        return table_fingerprint(self.table, self.root)

    def unusable(self) -> list[tuple[str, str]]:
        """Path and reason of photos that the reader could not use."""
        return self.table.unusable

    def sampler(self, batch: BatchConfig, seed: int, rank: int, world: int) -> Sampler:
        """Which photos make each batch of one device.

        Raises:
            DataError: too few places.
        """
        return PlaceSampler(self.table, batch, seed, rank, world)

    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the first photo that can be read, in pixels; None: there is none."""
        for path in self.table.paths:
            try:
                return photo_size(path)
            except PhotoError:
                continue
        return None


TrainingPhotos = FolderPhotos | Shards


def training_photos(data: DataConfig) -> TrainingPhotos:
    """The photos that ``data.train`` names, or a share of them.

    Raises:
        DataError: nothing there to train on.
        ConfigError: a URL that cannot be opened here.
    """
    if is_shards(data.train):
        return Shards.open(data.train).share(data.share, data.share_seed)
    root = Path(data.train)
    table = share_of_places(read_photos(root), data.share, data.share_seed)
    return FolderPhotos(table, root)


def training_batches(
    photos: TrainingPhotos,
    config: TrainConfig,
    preprocessing: Preprocessing,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> TrainingBatches:
    """The batches of one device.

    Args:
        photos: to draw from.
        config: every option of the run.
        preprocessing: the model's.
        rank, world: which of how many devices.
        pin: whether batches go to page-locked memory.

    Raises:
        DataError: too few places for a batch on each device.
        ConfigError: an option that shards do not allow.
    """
    batch, seed, threads = config.batch, config.fit.seed, config.fit.workers
    if isinstance(photos, Shards):
        plan = StreamPlan(photos.places, batch, config.data.stream, seed, rank, world)
        return StreamLoader(photos, plan, preprocessing, threads, pin)
    sampler = photos.sampler(batch, seed, rank, world)
    return BatchLoader(sampler, photos.table.paths, preprocessing, threads, pin)
