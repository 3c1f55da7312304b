"""Samples in tar files, as WebDataset lays them out: ``KEY.jpg`` and ``KEY.json`` side by side.

Written as bytes, and read from front to end, a piece ahead of what is asked for.
"""

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as NotYet
from itertools import count
from pathlib import PurePath
from typing import Any

from beenhere.errors import DataError
from beenhere.training.shards.shard_store import ShardStore
from beenhere.training.shards.shards_manifest import ShardEntry

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""The end of a tar file."""

PIECE = 8 << 20
"""Bytes that are asked for at once. Two such pieces of each open shard are held in memory."""

Photos = list[tuple[str, bytes]]
"""Name and file of each photo of a place, as they lie in the shard."""


def sample_key(place: int, photo: int) -> str:
    """A sample's name; place and photo are counted from 0. No dot: the extension starts at one."""
    return f"{place:08}-{photo:04}"


def extension(path: str) -> str:
    """Of a photo's file, with its dot."""
    return PurePath(path).suffix.lower() or ".jpg"


def sample(key: str, suffix: str, photo: bytes, facts: dict[str, Any]) -> bytes:
    """The bytes of a sample; the same for the same photo, whoever writes them and when."""
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
    return _member(f"{key}{suffix}", photo) + _member(f"{key}.json", text)


def _member(name: str, data: bytes) -> bytes:
    """One file of a tar: header, content, zeros up to the next block."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return b"".join((info.tobuf(tarfile.USTAR_FORMAT), data, bytes(-len(data) % BLOCK)))


class ShardReader:
    """A shard's samples in order, each byte asked for once.

    Args:
        store: where it lies.
        entry: what the manifest says of it.
        pool: reads the next piece while this one is used.
        stop: set when nobody waits any more.
        verify: whether to compare the checksum at the end.

    Attributes:
        position: bytes that were taken.
    """

    def __init__(
        self,
        store: ShardStore,
        entry: ShardEntry,
        pool: Executor,
        stop: threading.Event,
        verify: bool = False,
    ) -> None:
        self.store, self.entry, self.position = store, entry, 0
        self._pool, self._stop = pool, stop
        self._digest = hashlib.sha256() if verify else None
        self._piece, self._used, self._asked = memoryview(b""), 0, 0
        self._coming = self._ask()

    @property
    def name(self) -> str:
        """Where it lies, for messages."""
        return self.store.file(self.entry.name)

    def read(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            DataError: the shard ends before, or cannot be read.
        """
        return b"".join(self._take(size))

    def photo(self, key: str, most: int) -> tuple[str, bytes]:
        """Name and file of the next sample's photo.

        Args:
            key: of the sample.
            most: bytes that it may have.

        Raises:
            DataError: another sample, or none, lies there; it has more bytes; or it cannot be read.
        """
        name, size = self._header(f"{key}.", most)
        data = self.read(size)
        self._skip(-size % BLOCK)
        self._skip_member(f"{key}.json")
        return f"{self.name}/{name}", data

    def place(self, number: int, many: int, size: int) -> Photos:
        """So many photos of a place, which lie there next, of so many bytes together.

        Raises:
            DataError: as :meth:`photo`, or they have fewer bytes: these are other photos.
        """
        at, left, photos = self.position, size, Photos()
        for photo in range(many):
            photos.append(self.photo(sample_key(number, photo), left))
            left -= len(photos[-1][1])
        if left:
            sizes = f"{size - left:,} bytes where {size:,} were written"
            raise self._damaged(at, f"the photos of place {number} have {sizes}")
        return photos

    def skip_photo(self, key: str) -> None:
        """Pass over the next sample. It is read all the same: a stream has no gaps.

        Raises:
            DataError: as :meth:`photo`.
        """
        self._skip_member(f"{key}.")
        self._skip_member(f"{key}.json")

    def end(self) -> None:
        """See that the checksum is right, where that is wished.

        Raises:
            DataError: it is another.
        """
        if self._digest is None:
            return
        self._skip(self.entry.bytes - self.position)
        if self._digest.hexdigest() != self.entry.sha256:
            raise DataError(
                f"{self.name}: its checksum is not the one in the manifest; copy or write it anew"
            )

    def _header(self, expected: str, most: int) -> tuple[str, int]:
        """Name and size of the next file, whose name begins as expected."""
        at = self.position
        try:
            info = tarfile.TarInfo.frombuf(self.read(BLOCK), "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._damaged(at, f"no tar header ({error})") from error
        if not info.name.startswith(expected) or not info.isreg():
            raise self._damaged(at, f"{info.name!r} where {expected!r} was written")
        if not 0 <= info.size <= most:
            sizes = f"{info.size:,} bytes where at most {most:,} were written"
            raise self._damaged(at, f"{info.name!r} has {sizes}")
        return info.name, info.size

    def _damaged(self, at: int, why: str) -> DataError:
        return DataError(f"{self.name} is damaged at byte {at:,}: {why}; copy or write it anew")

    def _skip_member(self, expected: str) -> None:
        _, size = self._header(expected, self.entry.bytes - self.position - BLOCK)
        self._skip(size + -size % BLOCK)

    def _skip(self, size: int) -> None:
        for _ in self._take(size):
            pass

    def _take(self, size: int) -> Iterator[memoryview]:
        """The next bytes, in parts as they lie in the pieces."""
        while size:
            if self._used == len(self._piece):
                self._next_piece()
            part = self._piece[self._used : self._used + size]
            self._used += len(part)
            self.position += len(part)
            size -= len(part)
            yield part

    def _next_piece(self) -> None:
        data: bytes | None = None
        while data is None:
            try:
                data = self._coming.result(timeout=0.5)
            except NotYet:
                if self._stop.is_set():
                    raise DataError(f"{self.name}: reading was given up") from None
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

    def _ask(self) -> Future[bytes]:
        """The next piece; behind the end an empty one."""
        start = self._asked
        self._asked = end = min(start + PIECE, self.entry.bytes)
        return self._pool.submit(self.store.read_range, self.entry.name, start, end, self._stop)


def read_places(
    reader: ShardReader, first: int, photos: list[tuple[int, int]], wanted: list[int]
) -> Iterator[Photos]:
    """The photos of some places of a shard, in their order.

    Args:
        reader: at the front of the shard.
        first: number of its first place among all that were written.
        photos: how many each of its places has, and the bytes of their files.
        wanted: numbers of the places to give, ascending.

    Raises:
        DataError: the shard is damaged, cut off or another one, or cannot be read.
    """
    left = iter(wanted)
    following = next(left, None)
    for number, (many, size) in zip(count(first), photos, strict=False):
        if following is None:
            break
        if number == following:
            yield reader.place(number, many, size)
            following = next(left, None)
        else:
            for photo in range(many):
                reader.skip_photo(sample_key(number, photo))
    reader.end()
