"""Descriptors on disk: computed once for a photo and a model, found again by what the photo is.

A store belongs to one model fingerprint, precision and dtype. It holds

- ``descriptors.npy``, ``(n, D)``, which only grows; ``np.load(..., mmap_mode="r")`` reads it,
- ``photos.jsonl``, one line a row: absolute path, size in bytes, modification time in ns, and the
  time of the last touch (ctime), which earlier versions did not write and did not look at,
- ``store.json``, whose descriptors these are; ``store.lock``, who writes them.

A row counts once its line is whole. Vectors reach the disk before their lines do, so a process
killed at any moment leaves whole rows, and the next one goes on from there.
"""

import json
import os
import stat
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError, PhotoError
from beenhere.files.atomic import write_json
from beenhere.files.locks import locked
from beenhere.files.npy import HEADER_BYTES, header, little_endian
from beenhere.files.regular import open_regular, read_json, regular
from beenhere.wording import one_line

COMMIT_SECONDS = 2.0
"""At most so many seconds of work are lost when a process is killed."""


class PhotoKey(NamedTuple):
    """A photo file as it is now: absolute path, size in bytes, mtime in ns."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str) -> "PhotoKey":
        """The key of a file, without opening it.

        Raises:
            PhotoError: there is no such file, it is another thing, or it cannot be reached.
        """
        return cls(*FileStamp.of(path)[:3])


class FileStamp(NamedTuple):
    """A photo file as it is now, to its last touch.

    Nobody sets a ctime: another photo in its place shows, were size and mtime made the same.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str) -> "FileStamp":
        """The stamp of a file, without opening it; errors as of :meth:`PhotoKey.of`."""
        try:
            found = Path(path).stat()
            regular = stat.S_ISREG(found.st_mode)
        except FileNotFoundError as error:
            raise PhotoError(path, "no such file") from error
        except (OSError, ValueError) as error:
            raise PhotoError(path, f"cannot be reached: {one_line(error, None)}") from error
        if not regular:
            raise PhotoError(path, "not a regular file")
        whole = os.path.abspath(path)  # noqa: PTH100
        return cls(whole, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


_Key = PhotoKey | FileStamp
K = TypeVar("K", PhotoKey, FileStamp)


def photo_keys(paths: Iterable[str], kind: type[K]) -> tuple[dict[str, K], dict[str, str]]:
    """The key of each file by its path, and the reason for each that is not there."""
    keys: dict[str, K] = {}
    gone: dict[str, str] = {}
    for path in paths:
        try:
            keys[path] = kind.of(path)
        except PhotoError as error:
            gone[path] = error.reason
    return keys, gone


class MemoryStore:
    """Descriptors that are kept in memory alone; at most ``rows`` of them."""

    def __init__(self, rows: int, dim: int, dtype: str) -> None:
        self._vectors = np.empty((rows, dim), dtype)
        self._row: dict[_Key, int] = {}

    def __enter__(self) -> "MemoryStore":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __contains__(self, key: _Key) -> bool:
        return key in self._row

    def append(self, keys: Sequence[_Key], vectors: NDArray[np.floating]) -> None:
        """Keep the vectors ``(len(keys), D)``."""
        start = len(self._row)
        self._vectors[start : start + len(keys)] = vectors
        self._row.update(zip(keys, range(start, start + len(keys)), strict=True))

    def take(self, keys: Sequence[_Key]) -> NDArray[np.floating]:
        """The vectors of the keys, ``(len(keys), D)``, in their order; a view where it can be."""
        return _take(self._vectors, [self._row[key] for key in keys])


class DescriptorStore:
    """A folder of descriptors; a context manager, on whose end everything is on disk.

    Several processes may read it at once, one may write.

    Args:
        folder: made when the first descriptor is written.
        dim: D.
        dtype: ``float32`` or ``float16``.
        identity: what else the descriptors depend on, such as the model's fingerprint.

    Raises:
        DataError: the folder holds descriptors of something else, or another process writes it.
    """

    def __init__(self, folder: Path, dim: int, dtype: str, identity: dict[str, Any]) -> None:
        self.folder = folder
        self._dim, self._dtype = dim, np.dtype(dtype).newbyteorder("<")
        self._identity = {**identity, "dim": dim, "dtype": dtype}
        self._files: tuple[IO[bytes], IO[bytes]] | None = None  # photos.jsonl, descriptors.npy
        self._writing = ExitStack()  # the files, and the lock
        self._uncommitted: list[_Key] = []
        self._committed_at = time.monotonic()
        self._check_identity()
        self._row, self._whole_bytes = self._read()

    def __enter__(self) -> "DescriptorStore":
        return self

    def __exit__(self, *error: object) -> None:
        with self._writing:  # closes each file, also where the disk is full
            self.commit()
        self._files = None

    def __contains__(self, key: _Key) -> bool:
        return self._row_of(key) is not None

    def append(self, keys: Sequence[_Key], vectors: NDArray[np.floating]) -> None:
        """Keep the vectors ``(len(keys), D)``; they are safe within :data:`COMMIT_SECONDS`."""
        _, file = self._files or self._open_to_write()
        file.write(little_endian(vectors, self._dtype.name))
        for key in keys:
            self._row[key] = self._count
            self._count += 1
        self._uncommitted += keys
        if time.monotonic() - self._committed_at > COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make every appended row count, whatever happens to this process after."""
        if not self._uncommitted or self._files is None:
            return
        photos, vectors = self._files
        _to_disk(vectors)
        lines = [json.dumps(key) + "\n" for key in self._uncommitted]
        photos.write("".join(lines).encode())
        _to_disk(photos)
        self._uncommitted.clear()
        self._write_header(vectors)
        self._committed_at = time.monotonic()

    def take(self, keys: Sequence[_Key]) -> NDArray[np.floating]:
        """The vectors of the keys, ``(len(keys), D)``, in their order.

        Memory-mapped where the rows follow one another on disk, as they do for a set of photos
        that was computed in one go; else gathered in memory.
        """
        self.commit()
        if not keys:
            return np.empty((0, self._dim), self._dtype)
        shape = (self._count, self._dim)
        mapped: NDArray[np.floating] = np.memmap(
            self.folder / "descriptors.npy", self._dtype, "r", HEADER_BYTES, shape
        )
        rows = [self._row_of(key) for key in keys]
        return _take(mapped, [row for row in rows if row is not None])

    def _row_of(self, key: _Key) -> int | None:
        """An earlier version wrote a key without the last number."""
        row = self._row.get(key)
        return self._row.get(PhotoKey(*key[:3])) if row is None else row

    @property
    def _row_bytes(self) -> int:
        return self._dim * self._dtype.itemsize

    def _check_identity(self) -> None:
        file = self.folder / "store.json"
        if not file.exists():
            return
        try:
            found = read_json(file)
        except ValueError:
            found = "something else"
        if found != self._identity:
            raise DataError(
                f"{self.folder} holds descriptors of {found}; expected {self._identity}: "
                "give another output folder, or remove this one"
            )

    def _read(self) -> tuple[dict[_Key, int], int]:
        """Whole rows, and how many bytes of ``photos.jsonl`` they take; sets the count."""
        self._count = 0
        photos, vectors = self.folder / "photos.jsonl", self.folder / "descriptors.npy"
        if not (photos.exists() and vectors.exists()):
            return {}, 0
        most = max(0, vectors.stat().st_size - HEADER_BYTES) // self._row_bytes
        rows: dict[_Key, int] = {}
        length = 0
        with open_regular(photos) as lines:
            for line in lines:
                if self._count == most or not line.endswith(b"\n"):
                    break
                try:
                    row = json.loads(line)
                    key = FileStamp(*row) if len(row) == 4 else PhotoKey(*row)
                except (ValueError, TypeError):
                    break
                rows[key] = self._count
                self._count += 1
                length += len(line)
        return rows, length

    def _open_to_write(self) -> tuple[IO[bytes], IO[bytes]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opening:
            busy = (
                f"{self.folder} is being written by another process; wait for it, "
                "or give another output folder"
            )
            opening.enter_context(locked(self.folder / "store.lock", busy))
            for name in ("photos.jsonl", "descriptors.npy"):
                with suppress(FileNotFoundError):
                    regular(self.folder / name)
            # Another process may have written since this one read.
            self._check_identity()
            if not (self.folder / "store.json").exists():
                write_json(self.folder / "store.json", self._identity)
            self._row, self._whole_bytes = self._read()
            photos = opening.enter_context((self.folder / "photos.jsonl").open("ab"))
            photos.truncate(self._whole_bytes)
            (self.folder / "descriptors.npy").touch()
            vectors = opening.enter_context((self.folder / "descriptors.npy").open("r+b"))
            vectors.truncate(HEADER_BYTES + self._count * self._row_bytes)
            self._write_header(vectors)
            self._files = photos, vectors
            self._writing = opening.pop_all()
        return self._files

    def _write_header(self, vectors: IO[bytes]) -> None:
        """Bring the shape in the ``.npy`` header up to date; leaves the file at its end."""
        shape = (self._count - len(self._uncommitted), self._dim)
        vectors.seek(0)
        vectors.write(header(shape, self._dtype.name))
        vectors.flush()
        vectors.seek(0, os.SEEK_END)


def missing(store: MemoryStore | DescriptorStore, keys: Iterable[K]) -> list[K]:
    """The keys that are not kept yet, once each, in their order."""
    return [key for key in dict.fromkeys(keys) if key not in store]


def _take(vectors: NDArray[np.floating], rows: list[int]) -> NDArray[np.floating]:
    index = np.asarray(rows, np.int64)
    if len(index) and np.array_equal(index, np.arange(index[0], index[0] + len(index))):
        return vectors[index[0] : index[0] + len(index)]
    return vectors[index]


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
