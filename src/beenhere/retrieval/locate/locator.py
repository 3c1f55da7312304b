"""An index that is asked about photos, as they come: what they are like, and where they are."""

import os
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.config.retrieval import LocateConfig, VerifyConfig
from beenhere.devices import use_threads
from beenhere.errors import DataError, PhotoError
from beenhere.photos.formats import read_photos
from beenhere.photos.own_position import own_position
from beenhere.photos.photo_input import Given, PhotoInput, photo_input, photo_inputs
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.locate.answer import Candidates, Located, Location, Match, Nearest
from beenhere.retrieval.locate.candidates import (
    Searchable,
    find_candidates,
    nearest_matches,
)
from beenhere.retrieval.locate.decision import DecisionRule, locate_options, verifies
from beenhere.retrieval.locate.sequence import MOST_PLACES, path_states, reaches
from beenhere.retrieval.search.filters import Filter

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.extract import Descriptors, Embedder
    from beenhere.retrieval.verify import Verifier

_ALIKE = 0.99
"""Similarity from which on a match may be the photo itself, in whatever type it is kept."""

Photos = PhotoTable | str | Path | Iterable[Given]
"""A table, a path of any format that is known, or photos one by one."""


class Locator(Searchable):
    """The half of :class:`beenhere.Index` that is asked about photos.

    What the first call sets up (the model, its folded batch norms, what verification has read of
    the index's photos) is kept for the next.
    """

    def __init__(self) -> None:
        self._embedders: dict[str, Embedder] = {}
        self._kept_verifier: Verifier | None = None

    @property
    @abstractmethod
    def calibration(self) -> dict[str, Any] | None:
        """The values of its calibration; None before one was fitted."""

    @abstractmethod
    def model(self, device: str = "auto") -> "VPRModel":
        """The model whose descriptors it holds."""

    @abstractmethod
    def extraction(self, config: ComputeConfig) -> ExtractConfig:
        """How descriptors are computed to be compared with its own."""

    def prepare(self, device: str = "auto") -> None:
        """Load the model and make it ready, so that the first photo takes no longer than others.

        With torch set to one thread no other threads are left behind: a process may do this, and
        fork then.
        """
        self.model(device).eval()  # calls that overlap find it so, and leave it so
        noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
        config = self.extraction(ComputeConfig(device=device, workers=1))
        self._embedder(device).embed_all([noise], ["photo"], config)

    def describe(self, photos: Photos, **options: Any) -> "Descriptors":
        """Descriptors of photos to search for, computed as those of the index were.

        They have the model's dimension; :meth:`beenhere.Index.search` whitens them where the index
        is whitened.

        >>> index.describe("photos", device="cpu").vectors.shape
        (24, 6328)
        >>> len(index.describe([np.zeros((120, 160, 3), np.uint8)]).vectors)
        1

        Args:
            photos: a path of any known format, a table, or a list of photos, each as
                :meth:`locate` takes it.
            **options: :class:`~beenhere.config.evaluation.ComputeConfig`'s: ``device="cpu"``, ...

        Raises:
            ConfigError: an unknown option, no such device, or another precision than the index's.
            DataError: no photos there, or something else than photos.
            ModelError: a photo has a size that the model cannot take.
        """
        from beenhere.retrieval.extract import Descriptors, extract

        use_threads()
        config = config_yaml.validate(ComputeConfig, options, "options of Index.describe")
        if isinstance(photos, PhotoTable | str | Path):
            table = photos if isinstance(photos, PhotoTable) else read_photos(photos)
            model = self.model(config.device)
            return extract(model, table, self.extraction(config), None, None)
        start = time.perf_counter()
        read = self._described(photo_inputs(photos), config)
        seconds, rows = time.perf_counter() - start, np.array(read.numbers, np.int64)
        return Descriptors(read.vectors, rows, list(read.reasons), seconds, len(rows))

    def query(
        self, photos: Photos, k: int = 20, where: Filter | None = None, **options: Any
    ) -> Nearest:
        """The photos of the index that look most like each photo; no place is worked out.

        >>> [match.rank for match in index.query(["holiday.jpg"], k=3).matches[0]]
        [1, 2, 3]

        Args:
            photos: as for :meth:`describe`.
            k: how many for each; fewer where the index has no more.
            where: what they must be besides.
            **options: as for :meth:`describe`.

        Raises:
            ConfigError, DataError, ModelError: as :meth:`describe` and
                :meth:`beenhere.Index.search`.
        """
        config = config_yaml.validate(ComputeConfig, options, "options of Index.query")
        table = read_photos(photos) if isinstance(photos, str | Path) else photos
        left_out = table.unusable if isinstance(table, PhotoTable) else []
        given = photo_inputs(table.paths if isinstance(table, PhotoTable) else table)
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise DataError(f"k is {k!r}; expected a whole number, 1 or more")
        read = self._described(given, config)
        k = max(1, min(int(k), len(self)))
        found = nearest_matches(self.search(read.vectors, k, where)) if read.numbers else []
        matches: list[tuple[Match, ...] | None] = [None] * len(given)
        for number, one in zip(read.numbers, found, strict=True):
            matches[number] = one
        names = dict(zip(read.numbers, (photo.name for photo in read.photos), strict=True))
        names |= {number: name for number, (name, _) in read.unreadable.items()}
        in_order = tuple(names[number] for number in range(len(given)))
        return Nearest(in_order, tuple(matches), (*read.reasons, *left_out))

    def locate(
        self, photo: Given, where: Filter | None = None, verify: bool | None = None, **options: Any
    ) -> Location:
        """Where a photo was taken, how surely, and on what evidence.

        The second call takes one forward pass and one search: the model stays loaded.

        >>> location = index.locate("holiday.jpg")
        >>> round(location.place.lat, 4), round(location.place.lon, 4), location.known
        (37.7504, -122.447, True)

        Args:
            photo: a path, bytes of a file, an open binary file, an image of Pillow's, or an array
                ``(H, W)`` or ``(H, W, 3)``, uint8 or floating point in [0, 1].
            where: what matches must be besides, such as near a last GPS fix.
            verify: compare local features with those of the first matches. None: unless the index
                was calibrated without.
            **options: :class:`~beenhere.config.retrieval.LocateConfig`'s: ``threshold=0.9``,
                ``extract={"device": "cpu"}``, ... What is not given is as it was when the index
                was calibrated.

        Raises:
            PhotoError: the photo cannot be read.
            ConfigError: an unknown option, ``where`` is no filter, a threshold for an index that
                is not calibrated, or an option that makes other evidence than it was calibrated
                for, such as ``matches``.
            DataError: a part of the index is damaged.
            ModelError: the photo has a size that the model cannot take.
        """
        queries, rule, _ = self._queries([photo], where, verify, options, "locate")
        located = queries.located(rule.location)
        for name, reason in located.unreadable:
            raise PhotoError(name, reason)
        location = located.locations[0]
        assert location is not None
        return location

    def locate_many(
        self,
        photos: Sequence[Given],
        where: Filter | None = None,
        verify: bool | None = None,
        **options: Any,
    ) -> Located:
        """Where each of several photos was taken; they go through the model in batches.

        >>> found = index.locate_many(["holiday.jpg", "notes.txt"])
        >>> found.locations[1], found.unreadable
        (None, (('notes.txt', 'not a photo: a text file'),))

        Args:
            photos: each as :meth:`locate` takes it; those that cannot be read are named.
            where: as for :meth:`locate`. verify: alike. **options: alike.

        Raises:
            ConfigError, DataError, ModelError: as :meth:`locate`.
        """
        queries, rule, _ = self._queries(photos, where, verify, options, "locate_many")
        return queries.located(rule.location)

    def locate_sequence(
        self,
        photos: Sequence[Given],
        step: float | None = None,
        where: Filter | None = None,
        verify: bool | None = None,
        **options: Any,
    ) -> Located:
        """Where the photos of a path were taken: each is judged by those around it too.

        >>> index.locate_sequence(["1.jpg", "2.jpg", "3.jpg"], step=20).locations[1].known
        True

        Args:
            photos: in the order in which they were taken, each as :meth:`locate` takes it.
            step: metres at most between two of them; 0: all show one place. None: as far as one
                gets between the times in their EXIF headers.
            where: as for :meth:`locate`. verify: alike. **options: alike.

        Returns:
            An answer for each photo; its probability is that given all of them.

        Raises:
            ConfigError, ModelError: as :meth:`locate`.
            DataError: as :meth:`locate`; or no step is given, and the times are not known.
        """
        queries, rule, _ = self._queries(
            photos, where, verify, options, "locate_sequence", MOST_PLACES
        )
        metres = reaches(queries.read.photos, queries.read.numbers, step)
        alone = [rule.probability(found) for found in queries.candidates]
        radius = next((found.radius for found in queries.candidates if found.places), 25.0)
        states = path_states(queries.candidates, alone, metres, radius)
        return queries.located(rule.location_on_path, states)

    def _queries(
        self,
        photos: Sequence[Given],
        where: Filter | None,
        verify: bool | None,
        options: Mapping[str, Any],
        method: str,
        places: int = 2,
    ) -> tuple["_Queries", DecisionRule, LocateConfig]:
        """Find some places at most for each photo, and the rule that decides among them."""
        calibration = self.calibration
        verify = verifies(calibration) if verify is None else verify
        config = locate_options(calibration, options, f"options of Index.{method}")
        empty = where is None or len(self) == 0
        no_match = "the index is empty" if empty else "no photo of the index meets the conditions"
        rule = DecisionRule.of(calibration, verify, config, no_match)
        read = self._described(photo_inputs(photos), config.extract)
        verifier = self.verifier(config.verification) if verify else None
        found = find_candidates(self, read.photos, read.vectors, where, verifier, config, places)
        return _Queries(read, found), rule, config

    def _described(self, photos: Sequence[Given], config: ComputeConfig) -> "_Described":
        """The photos that can be read, with their descriptors."""
        use_threads()
        inputs: dict[int, PhotoInput] = {}
        unreadable: dict[int, tuple[str, str]] = {}
        for number, given in enumerate(photos):
            try:
                name = f"photo {number + 1}" if len(photos) > 1 else "photo"
                inputs[number] = photo_input(given, name)
            except PhotoError as error:
                unreadable[number] = error.path, error.reason
        numbers = list(inputs)
        vectors, failed = self._embedder(config.device).embed_all(
            [each.photo for each in inputs.values()],
            [each.name for each in inputs.values()],
            self.extraction(config),
        )
        for row, reason in failed.items():
            unreadable[numbers[row]] = inputs[numbers[row]].name, reason
        rows = [row for row in range(len(numbers)) if row not in failed]
        numbers = [numbers[row] for row in rows]
        read = [inputs[number] for number in numbers]
        return _Described(len(photos), numbers, read, vectors[rows], unreadable)

    def _embedder(self, device: str) -> "Embedder":
        from beenhere.retrieval.extract import Embedder  # imports torch

        if device not in self._embedders:
            self._embedders[device] = Embedder(self.model(device))
        return self._embedders[device]

    def verifier(self, config: VerifyConfig) -> "Verifier":
        """What compares local features, with those that it keeps of the index's photos."""
        from beenhere.retrieval.verify import Verifier  # imports torch

        if self._kept_verifier is None or self._kept_verifier.config != config:
            self._kept_verifier = Verifier(config)
        return self._kept_verifier


@dataclass(frozen=True, eq=False)
class _Described:
    """Photos that could be read, which of ``count`` they are, and their descriptors ``(n, D)``."""

    count: int
    numbers: list[int]
    photos: list[PhotoInput]
    vectors: NDArray[np.float32]
    unreadable: dict[int, tuple[str, str]]

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """Name and reason of each of the others."""
        return tuple(self.unreadable[number] for number in sorted(self.unreadable))


@dataclass(frozen=True, eq=False)
class _Queries:
    """Photos that could be read, and their candidates."""

    read: _Described
    candidates: list[Candidates]

    def located(self, answer: Callable[..., Location], *more: Sequence[Any]) -> Located:
        """The answers among all photos that were given."""
        locations: list[Location | None] = [None] * self.read.count
        photos = self.read.photos
        answers = map(answer, [photo.name for photo in photos], self.candidates, *more)
        for number, photo, location in zip(self.read.numbers, photos, answers, strict=True):
            own, in_index = own_position(photo.photo), _is_among(location.matches, photo)
            locations[number] = replace(location, own=own, in_index=in_index)
        return Located(tuple(locations), self.read.reasons)


def _is_among(matches: Sequence[Match], photo: PhotoInput) -> bool:
    """Whether a match is the photo itself: the same file, by whatever name."""
    if not isinstance(photo.photo, str | Path):
        return False
    for match in matches:
        if match.similarity > _ALIKE:
            with suppress(OSError):
                if os.path.samefile(match.path, photo.photo):  # noqa: PTH121 - of texts
                    return True
    return False
