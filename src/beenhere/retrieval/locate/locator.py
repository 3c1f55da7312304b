"""Where photos were taken: from the photo as it comes to an answer with a confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.config.retrieval import LocateConfig, VerifyConfig
from beenhere.errors import PhotoError
from beenhere.retrieval.extract import Embedder
from beenhere.retrieval.locate.answer import Candidates, Located, Location
from beenhere.retrieval.locate.candidates import Searchable, find_candidates
from beenhere.retrieval.locate.decision import DecisionRule
from beenhere.retrieval.locate.photo_input import Given, PhotoInput, photo_input
from beenhere.retrieval.locate.sequence import MOST_PLACES, path_states, reaches

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.search.filters import Filter
    from beenhere.retrieval.verify import Verifier


class LocatableIndex(Searchable, Protocol):
    """An index of photos, with the model that described them; :class:`beenhere.Index` is one."""

    @property
    def calibration(self) -> dict[str, Any] | None:
        """The values of its calibration; None before one was fitted."""

    def model(self, device: str) -> "VPRModel":
        """The model whose descriptors it holds."""

    def extraction(self, config: ComputeConfig) -> ExtractConfig:
        """How descriptors are computed to be compared with its own."""


class Locator:
    """Asks an index where photos were taken.

    What the first call sets up (the model, its folded batch norms, what verification has read of
    the index's photos) is kept for the next.

    Args:
        index: to ask.
    """

    def __init__(self, index: LocatableIndex) -> None:
        self._index = index
        self._embedders: dict[str, Embedder] = {}
        self._kept_verifier: Verifier | None = None

    def locate(
        self, photo: Given, where: "Filter | None", verify: bool, config: LocateConfig
    ) -> Location:
        """Where a photo was taken; see :meth:`beenhere.Index.locate`."""
        located = self.locate_many([photo], where, verify, config)
        for name, reason in located.unreadable:
            raise PhotoError(name, reason)
        location = located.locations[0]
        assert location is not None
        return location

    def locate_many(
        self,
        photos: Sequence[Given],
        where: "Filter | None",
        verify: bool,
        config: LocateConfig,
    ) -> Located:
        """Where each of several photos was taken; see :meth:`beenhere.Index.locate_many`."""
        rule = self._rule(where, verify, config)
        queries = self._find(photos, where, verify, config, 2)
        names = [photo.name for photo in queries.photos]
        answers = map(rule.location, names, queries.candidates)
        return queries.located(list(answers))

    def locate_sequence(
        self,
        photos: Sequence[Given],
        step: float | None,
        where: "Filter | None",
        verify: bool,
        config: LocateConfig,
    ) -> Located:
        """Where each frame of a path was taken; see :meth:`beenhere.Index.locate_sequence`."""
        rule = self._rule(where, verify, config)
        queries = self._find(photos, where, verify, config, MOST_PLACES)
        metres = reaches(queries.photos, queries.numbers, step)
        names = [photo.name for photo in queries.photos]
        states = path_states(
            queries.candidates,
            [rule.probability(found) for found in queries.candidates],
            metres,
            config.radius,
        )
        answers = map(rule.location_on_path, names, queries.candidates, states)
        return queries.located(list(answers))

    def _find(
        self,
        photos: Sequence[Given],
        where: "Filter | None",
        verify: bool,
        config: LocateConfig,
        places: int,
    ) -> "_Queries":
        inputs: dict[int, PhotoInput] = {}
        unreadable: dict[int, tuple[str, str]] = {}
        for number, given in enumerate(photos):
            try:
                name = f"photo {number + 1}" if len(photos) > 1 else "photo"
                inputs[number] = photo_input(given, name)
            except PhotoError as error:
                unreadable[number] = error.path, error.reason
        numbers = list(inputs)
        vectors, failed = self._embedder(config.extract.device).embed_all(
            [each.photo for each in inputs.values()],
            [each.name for each in inputs.values()],
            self._index.extraction(config.extract),
        )
        for row, reason in failed.items():
            unreadable[numbers[row]] = inputs[numbers[row]].name, reason
        rows = [row for row in range(len(numbers)) if row not in failed]
        read = [inputs[numbers[row]] for row in rows]
        verifier = self._verifier(config.verification) if verify else None
        found = find_candidates(self._index, read, vectors[rows], where, verifier, config, places)
        return _Queries(len(photos), [numbers[row] for row in rows], read, found, unreadable)

    def _rule(self, where: "Filter | None", verify: bool, config: LocateConfig) -> DecisionRule:
        empty = where is None or len(self._index) == 0
        no_match = "the index is empty" if empty else "no photo of the index meets the conditions"
        return DecisionRule.of(self._index.calibration, verify, config, no_match)

    def _embedder(self, device: str) -> Embedder:
        if device not in self._embedders:
            self._embedders[device] = Embedder(self._index.model(device))
        return self._embedders[device]

    def _verifier(self, config: VerifyConfig) -> "Verifier":
        if self._kept_verifier is None or self._kept_verifier.config != config:
            from beenhere.retrieval.verify import Verifier

            self._kept_verifier = Verifier(config)
        return self._kept_verifier


@dataclass(frozen=True)
class _Queries:
    """Photos that could be read, which of those given they are, and their candidates."""

    count: int
    numbers: list[int]
    photos: list[PhotoInput]
    candidates: list[Candidates]
    unreadable: dict[int, tuple[str, str]]

    def located(self, answers: Sequence[Location]) -> Located:
        """The answers among all photos that were given."""
        locations: list[Location | None] = [None] * self.count
        for number, answer in zip(self.numbers, answers, strict=True):
            locations[number] = answer
        reasons = tuple(self.unreadable[number] for number in sorted(self.unreadable))
        return Located(tuple(locations), reasons)
