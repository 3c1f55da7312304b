"""The indexes that are served, and what each request has computed of them.

A state of an index never changes: what is asked of it goes on with it, while a writer's next state
is opened beside it. No answer holds a path: photos of an index are called by their rows and names.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from beenhere.config.serve import ServeConfig
from beenhere.errors import BeenhereError, DataError, ModelError, PhotoError
from beenhere.models.similarity_map import similarity_maps
from beenhere.photos.own_position import position_in_name
from beenhere.photos.photo_file import photo_size
from beenhere.photos.pixels import load_photo
from beenhere.report.location import describe_location, location_values
from beenhere.report.photo_boxes import small_photo
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.manifest import MANIFEST
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.retrieval.locate.decision import locate_options
from beenhere.retrieval.search.filters import Filter
from beenhere.serve.questions import Question
from beenhere.serve.queue import Ticket
from beenhere.serve.schemas import Answer
from beenhere.serve.state import Missing, Outdated, State, Values

AT_ONCE = 4
"""Photos of a request that are worked on together; after them it is seen who still waits."""

KEPT = 3
"""States of an index by which a page may still call its photos."""

_QUALITY = 82

T = TypeVar("T")

Reasons = Sequence[tuple[str, str]]
"""Of the photos that cannot be read, in their order: a name, and why."""


@dataclass(frozen=True, eq=False)
class Upload:
    """A photo that was sent: its name, which is but a text, and a file to read it from."""

    name: str
    file: BinaryIO
    size: int


class Served:
    """An index that is served: its state of now, and the last ones.

    Args:
        name: by which it is asked for.
        index: opened; no other thread has used it.
        config: limits, and the device.
    """

    def __init__(self, name: str, index: Index, config: ServeConfig) -> None:
        self.name = name
        self.config = config
        self.damage: str | None = None
        """Why the state on the disk cannot be served, while the one before is."""
        self._index = index
        self._states: dict[int, State] = {}
        self._stamp = self._stamp_now()
        self._state: State | None = None

    @property
    def state(self) -> State:
        """Of now. DataError: it is not ready."""
        if self._state is None:
            raise DataError(f"index {self.name} is not ready yet; try again in a moment")
        return self._state

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        return self._state is not None

    def begin(self) -> None:
        """Read what answers need, once a process."""
        self._index.prepare(self.config.device)
        self._take(self._index)

    def refresh(self) -> bool:
        """See what was written since; whether there was anything. What is damaged is passed over.

        Called by one thread at a time.
        """
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            now = self.state.index.refreshed()
            now.prepare(self.config.device)
            self._take(now)
        except BeenhereError as error:
            self.damage = self.without_paths(str(error))
            return False
        self.damage = None
        return True

    def at(self, generation: int | None) -> State:
        """The state of a generation; None: of now. Raises Outdated."""
        if generation is None:
            return self.state
        if generation not in self._states:
            raise Outdated(
                f"index {self.name} has changed: its generation is {self.state.generation}, and "
                f"{generation} is not kept; ask for its photos again"
            )
        return self._states[generation]

    def without_paths(self, text: str) -> str:
        """What an error says, without the place of the index on this machine."""
        path = self._index.path
        for folder in (path.resolve(), path.absolute(), path):
            text = text.replace(str(folder), self.name)
        return text

    def _take(self, index: Index) -> None:
        state = State.of(self.name, index)
        _ = state.values
        if len(index):  # whatever is read when it is first needed is read now
            index.search(np.eye(1, index.manifest.model.dim, dtype=np.float32), 1)
        self._state = state
        self._states[state.generation] = state
        for old in sorted(self._states)[:-KEPT]:
            del self._states[old]

    def _stamp_now(self) -> tuple[int, ...] | None:
        try:
            status = (self._index.path / MANIFEST).stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    # --- what is asked -------------------------------------------------------------------------

    def locate(self, photos: Sequence[Upload], asked: Question, ticket: Ticket) -> Values:
        """Where photos were taken, by :class:`beenhere.serve.schemas.Located`."""
        state, where = self.state, asked.filter()
        index, options = state.index, asked.options() | {"extract": self._extract}

        def ask(contents: list[bytes]) -> tuple[Sequence[Location | None], Reasons]:
            if asked.sequence:
                found = index.locate_sequence(contents, asked.step, where, asked.verify, **options)
            else:
                found = index.locate_many(contents, where, asked.verify, **options)
            return found.locations, found.unreadable

        at_once = len(photos) if asked.sequence else AT_ONCE
        answers = [
            Answer(query=photo.name, status="unreadable", reason=reason).model_dump()
            if location is None
            else answer_values(state, photo.name, location)
            for photo, location, reason in self._answers(photos, ask, ticket, at_once)
        ]
        return {"index": self.name, "generation": state.generation, "answers": answers}

    def search(
        self, photos: Sequence[Upload], k: int, where: Filter | None, ticket: Ticket
    ) -> Values:
        """What looks most like photos, by :class:`beenhere.serve.schemas.Searched`."""
        state = self.state

        def ask(contents: list[bytes]) -> tuple[Sequence[tuple[Match, ...] | None], Reasons]:
            found = state.index.query(contents, k, where, **self._extract)
            return found.matches, found.unreadable

        answers = [
            nearest_values(state, photo.name, matches, reason)
            for photo, matches, reason in self._answers(photos, ask, ticket)
        ]
        return {"index": self.name, "generation": state.generation, "answers": answers}

    def similar(self, state: State, row: int, k: int, ticket: Ticket) -> Values:
        """What looks most like a photo of the index, but itself."""
        path = state.path(row)
        ticket.check()
        found = state.index.query([path], k + 1, None, **self._extract)
        (matches,), reasons = found.matches, dict(found.unreadable)
        others = matches and tuple(match for match in matches if match.path != path)[:k]
        return nearest_values(state, Path(path).name, others, reasons.get(path))

    def describe(
        self, photos: Sequence[Upload], ticket: Ticket
    ) -> list[tuple[str, NDArray[np.float32] | None, str | None]]:
        """Name, descriptor, and why there is none, of each photo."""
        state = self.state

        def ask(contents: list[bytes]) -> tuple[Sequence[NDArray[np.float32] | None], Reasons]:
            found = state.index.describe(contents, **self._extract)
            vectors = dict(zip(found.rows.tolist(), found.vectors, strict=True))
            return [vectors.get(row) for row in range(len(contents))], found.unreadable

        found = self._answers(photos, ask, ticket)
        return [(photo.name, vector, reason) for photo, vector, reason in found]

    def lines(self, state: State, row: int, photo: Upload, ticket: Ticket) -> Values:
        """What verification matches in a photo and one of the index, in pixels of each."""
        path, content = state.path(row), self._content(photo)
        options = locate_options(state.index.calibration, {}, "the question")
        verifier = state.index.verifier(options.verification)
        (height, width), (match_height, match_width) = photo_size(content), photo_size(path)
        ticket.check()
        found = verifier.lines(content, path) * [width, height, match_width, match_height]
        return {
            "width": width,
            "height": height,
            "match_width": match_width,
            "match_height": match_height,
            "inliers": len(found),
            "lines": found.round(1).tolist(),
        }

    def maps(self, state: State, row: int, photo: Upload, ticket: Ticket) -> Values:
        """What makes a photo and one of the index alike. Missing: the model has no feature maps."""
        path, content = state.path(row), self._content(photo)
        model = state.index.model(self.config.device)
        if not model.has_feature_maps:
            raise Missing(f"the model of index {self.name} has no feature maps to compare by")
        options = model.preprocessing
        one, other = (
            load_photo(each, options.target_size, options.interpolation) for each in (content, path)
        )
        ticket.check()
        found = similarity_maps(model, one, other)
        return {
            "similarity": found.similarity,
            "query": found.first.round(6).tolist(),
            "match": found.second.round(6).tolist(),
        }

    @property
    def _extract(self) -> Values:
        return {"device": self.config.device, "workers": 1}

    def _answers(
        self,
        photos: Sequence[Upload],
        ask: Callable[[list[bytes]], tuple[Sequence[T | None], Reasons]],
        ticket: Ticket,
        at_once: int = AT_ONCE,
    ) -> Iterator[tuple[Upload, T | None, str | None]]:
        """Each photo with what is found of it; None, and why, of those that cannot be read."""
        for start in range(0, len(photos), at_once):
            ticket.check()
            some = photos[start : start + at_once]
            contents, refused = [], {}
            for number, photo in enumerate(some):
                try:
                    contents.append(self._content(photo))
                except PhotoError as error:
                    contents.append(b"")  # which cannot be read either
                    refused[number] = error.reason
            found, reasons = ask(contents) if at_once > AT_ONCE else _one_by_one(ask, contents)
            unreadable = iter(reasons)
            for number, (photo, one) in enumerate(zip(some, found, strict=True)):
                reason = next(unreadable)[1] if one is None else None
                yield photo, one, refused.get(number, reason)
        ticket.check()

    def _content(self, photo: Upload) -> bytes:
        """Of a photo that is not too large. Raises PhotoError."""
        most = self.config.file_mb * 10**6
        if photo.size > most:
            got = f"file of {photo.size / 1e6:.1f} MB"
            raise PhotoError(photo.name, f"{got}; this server takes {self.config.file_mb} MB")
        photo.file.seek(0)
        content = photo.file.read()
        height, width = photo_size(content)
        if height * width > self.config.megapixels * 10**6:
            raise PhotoError(
                photo.name,
                f"declares {width} x {height} pixels; this server takes "
                f"{self.config.megapixels} megapixels",
            )
        return content


def thumbnail(path: str, size: int) -> bytes:
    """A photo as a JPEG of so many pixels a side at most. Raises Missing where there is none."""
    try:
        size = min(size, max(photo_size(path)))
        picture = small_photo(path, (size, size))
    except PhotoError:
        picture = None
    if picture is None:
        raise Missing(f"{Path(path).name} cannot be read any more where the index was built of it")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def answer_values(state: State, query: str, location: Location) -> Values:
    """An answer by :class:`beenhere.serve.schemas.Answer`: rows and names, and no path."""
    rows = state.rows_of([match.path for match in location.matches])
    named = replace(
        location,
        query=query,
        place=_named_place(location.place),
        runner_up=_named_place(location.runner_up),
        matches=tuple(map(_named, location.matches)),
        own=location.own or position_in_name(Path(query)),
    )
    values = location_values(named)
    for match, original in zip(values["matches"], location.matches, strict=True):
        match["name"] = match.pop("path")
        match["row"] = rows.get(original.path)
    return values | {"text": describe_location(named), "accepted": False, "moved": False}


def nearest_values(
    state: State, query: str, matches: Sequence[Match] | None, reason: str | None
) -> Values:
    """What looks most like a photo, by :class:`beenhere.serve.schemas.Similar`."""
    if matches is None:
        return {"query": query, "status": "unreadable", "reason": reason, "matches": []}
    rows = state.rows_of([match.path for match in matches])
    names = ("rank", "similarity", "lat", "lon", "heading", "captured", "x", "y", "frame", "map")
    values = [
        {name: getattr(match, name) for name in names}
        | {"row": rows.get(match.path), "name": Path(match.path).name, "place": match.name}
        for match in matches
    ]
    return {"query": query, "status": "ok", "reason": None, "matches": values}


def _named(match: Match) -> Match:
    return replace(match, path=Path(match.path).name)


def _named_place(place: Place | None) -> Place | None:
    return place and replace(place, matches=tuple(map(_named, place.matches)))


def _one_by_one(
    ask: Callable[[list[bytes]], tuple[Sequence[T | None], Reasons]], contents: list[bytes]
) -> tuple[Sequence[T | None], Reasons]:
    """Ask of photos together; where one has a size that the model cannot take, of each alone."""
    try:
        return ask(contents)
    except ModelError as error:
        if len(contents) == 1:
            return [None], [("photo", str(error))]
    parts = [_one_by_one(ask, [content]) for content in contents]
    return [one for found, _ in parts for one in found], [why for _, some in parts for why in some]
