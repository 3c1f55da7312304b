"""Training batches of photos that lie as files, drawn by a sampler."""

import threading
from collections.abc import Callable, Iterator

from beenhere.errors import PhotoError
from beenhere.photos import photo_size
from beenhere.training.decoding import PlacePhotos, TrainingBatches, sizes_differ
from beenhere.training.sampling import PlaceSampler

SIZES_LOOKED_AT = 200
"""Photos whose sizes are read before training starts."""


class BatchLoader(TrainingBatches):
    """The batches that a sampler draws.

    Args:
        sampler: which photos make each batch.
        paths: of the table's rows.
        target_size, interpolation, threads, pin: as of :class:`TrainingBatches`.
    """

    def __init__(
        self,
        sampler: PlaceSampler,
        paths: list[str],
        target_size: Callable[[int, int], tuple[int, int]],
        interpolation: str,
        threads: int | None = None,
        pin: bool = False,
    ) -> None:
        super().__init__(sampler.config.images, target_size, interpolation, threads, pin)
        self.sampler, self.paths = sampler, paths

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.sampler)

    def places(self, stop: threading.Event) -> Iterator[list[PlacePhotos]]:
        """The sampler's draws, as paths."""
        for batch in self.sampler.epoch(self.epoch):
            yield [
                PlacePhotos(draw.place, [(self.paths[row],) * 2 for row in draw.rows])
                for draw in batch
            ]

    def check_sizes(self) -> None:
        """Look at some photos, spread over the table, so that most mistakes show at the start.

        Raises:
            DataError: two of them have different sizes after preprocessing.
        """
        step = max(1, len(self.paths) // SIZES_LOOKED_AT)
        first: tuple[str, tuple[int, int]] | None = None
        for path in self.paths[::step]:
            try:
                size = self.target_size(*photo_size(path))
            except PhotoError:
                continue  # counted and named when its turn comes
            if first is None:
                first = path, size
            elif size != first[1]:
                raise sizes_differ(*first, path, size)
