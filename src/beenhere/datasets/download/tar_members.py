"""The files of a tar archive, compressed or not."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from beenhere.datasets.download.members import Member, NotUnpackable

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
"""First bytes of what gzip, bzip2 and xz have compressed."""

LARGEST_READ = 1 << 24
"""Bytes that are read at once; a header that asks for more is an attack on the memory."""

_END = bytes(tarfile.BLOCKSIZE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


def tar_members(archive: Path, most: int) -> Iterator[Member]:
    """The files of a tar archive, in its order.

    Args:
        archive: a tar, or one compressed by gzip, bzip2 or xz.
        most: bytes to which it may be decompressed, headers and gaps counted.

    Raises:
        NotUnpackable: it holds something else than files and folders, or is too large.
        tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError without ``errno``: it is
            cut off or damaged.
    """
    with _decompressed(archive) as plain:
        watched = _Watched(plain, most)
        with tarfile.TarFile(fileobj=watched) as opened:
            while (info := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined]  # kept for links, refused here
                if info.isdir():
                    continue
                content = opened.extractfile(info) if info.isreg() else None
                if content is None:
                    what = _KINDS.get(info.type, "neither file nor folder")
                    raise NotUnpackable(f"holds {info.name!r}, which is {what}")
                yield Member(info.name, info.size, content)
        # `tarfile` takes a cut between two members for the end.
        if watched.last != _END:
            raise tarfile.ReadError("no end of archive")
        while watched.read(LARGEST_READ):  # the checksum of the compressed stream comes last
            pass


def _decompressed(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        first = file.read(6)
    for magic, module in zip(COMPRESSED, (gzip, bz2, lzma), strict=True):
        if first.startswith(magic):
            return cast(IO[bytes], module.open(archive))
    return archive.open("rb")


class _Watched(io.RawIOBase):
    """What ``tarfile`` reads from, so that no header makes it read too much."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        self._inner = inner
        self._most = most
        self.last = b""
        """What the last read gave."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        if not 0 <= size <= LARGEST_READ:
            raise NotUnpackable("has a header of impossible size")
        self.last = self._inner.read(size)
        self._check()
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        # Piece by piece, so that a gap of terabytes is noticed on the way.
        while whence == io.SEEK_SET and offset - self._inner.tell() > LARGEST_READ:
            at = self._inner.tell()
            if self._inner.seek(at + LARGEST_READ) == at:
                break
            self._check()
        found = self._inner.seek(offset, whence)
        self._check()
        return found

    def tell(self) -> int:
        return self._inner.tell()

    def _check(self) -> None:
        if self._inner.tell() > self._most:
            raise NotUnpackable("grows to more than it may")
