"""Read one shard from front to end, a piece ahead of what is asked for."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as NotYet
from itertools import count

from beenhere.errors import DataError
from beenhere.training.shards import tar_format
from beenhere.training.shards.location import Location
from beenhere.training.shards.manifest import ShardEntry

PIECE = 8 << 20
"""Bytes that are asked for at once. Two such pieces of each open shard are held in memory."""

Photos = list[tuple[str, bytes]]
"""Name and file of each photo of a place, as they lie in the shard."""


class ShardReader:
    """The bytes of a shard, in order, each asked for once.

    Args:
        location: where it lies.
        entry: what the manifest says of it.
        pool: reads the next piece while this one is used.
        stop: set when nobody waits any more.
        verify: whether to compare the checksum at the end.

    Attributes:
        position: bytes that were taken.
    """

    def __init__(
        self,
        location: Location,
        entry: ShardEntry,
        pool: Executor,
        stop: threading.Event,
        verify: bool = False,
    ) -> None:
        self.location, self.entry, self.position = location, entry, 0
        self._pool, self._stop = pool, stop
        self._digest = hashlib.sha256() if verify else None
        self._piece, self._used, self._asked = memoryview(b""), 0, 0
        self._coming: Future[bytes] | None = self._ask()

    @property
    def name(self) -> str:
        """Where it lies, for messages."""
        return self.location.file(self.entry.name)

    def read(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            DataError: the shard ends before, or cannot be read.
        """
        parts = [bytes(part) for part in self._take(size)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over the next bytes. They are read all the same: a stream has no gaps.

        Raises:
            DataError: as :meth:`read`.
        """
        for _ in self._take(size):
            pass

    def end(self) -> None:
        """See that the checksum is right, where that is wished.

        Raises:
            DataError: it is another.
        """
        if self._digest is None:
            return
        self.skip(self.entry.bytes - self.position)
        if self._digest.hexdigest() != self.entry.sha256:
            raise DataError(
                f"{self.name}: its checksum is not the one in the manifest; copy or write it anew"
            )

    def _take(self, size: int) -> Iterator[memoryview]:
        while size:
            if self._used == len(self._piece):
                self._next_piece()
            part = self._piece[self._used : self._used + size]
            self._used += len(part)
            self.position += len(part)
            size -= len(part)
            yield part

    def _next_piece(self) -> None:
        data = self._wait() if self._coming is not None else b""
        expected = min(PIECE, self.entry.bytes - self.position)
        if len(data) < expected or not data:
            raise DataError(
                f"{self.name} is cut off at byte {self.position + len(data):,}; expected "
                f"{self.entry.bytes:,} bytes; copy or write it anew"
            )
        if self._digest is not None:
            self._digest.update(data)
        self._piece, self._used = memoryview(data), 0
        self._coming = self._ask()

    def _ask(self) -> Future[bytes] | None:
        start = self._asked
        self._asked = end = min(start + PIECE, self.entry.bytes)
        if start == end:
            return None
        return self._pool.submit(self.location.read_range, self.entry.name, start, end, self._stop)

    def _wait(self) -> bytes:
        assert self._coming is not None
        while True:
            try:
                return self._coming.result(timeout=0.5)
            except NotYet:
                if self._stop.is_set():
                    raise DataError(f"{self.name}: reading was given up") from None


def read_places(
    reader: ShardReader, first: int, photos: list[int], wanted: list[int]
) -> Iterator[Photos]:
    """The photos of some places of a shard, in their order.

    Args:
        reader: at the front of the shard.
        first: number of its first place among all that were written.
        photos: how many each of its places has.
        wanted: numbers of the places to give, ascending.

    Raises:
        DataError: the shard is damaged, cut off or another one, or cannot be read.
    """
    left = iter(wanted)
    following = next(left, None)
    for number, many in zip(count(first), photos, strict=False):
        if following is None:
            break
        keys = [tar_format.key(number, photo) for photo in range(many)]
        if number == following:
            yield [_photo(reader, key) for key in keys]
            following = next(left, None)
        else:
            for key in keys:
                _checked(reader, key, skip=True)
    reader.end()


def _photo(reader: ShardReader, key: str) -> tuple[str, bytes]:
    name, data = _checked(reader, key, skip=False)
    return f"{reader.name}/{name}", data


def _checked(reader: ShardReader, key: str, skip: bool) -> tuple[str, bytes]:
    """A sample's photo, past the JSON file that follows it."""
    at = reader.position
    try:
        if skip:
            tar_format.pass_over(reader.read, reader.skip, f"{key}.")
            photo = "", b""
        else:
            photo = tar_format.read_member(reader.read, f"{key}.")
        tar_format.pass_over(reader.read, reader.skip, f"{key}.json")
    except tar_format.DamagedTarError as error:
        raise DataError(
            f"{reader.name} is damaged at byte {at:,}: {error}; copy or write it anew"
        ) from error
    return photo
