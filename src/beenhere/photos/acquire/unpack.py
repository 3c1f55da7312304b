"""Unpacking archives that somebody else made, without trust in anything they say."""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from beenhere.errors import DataError
from beenhere.files.atomic import free_bytes, need_space
from beenhere.files.regular import open_regular
from beenhere.progress import progress
from beenhere.wording import file_size, one_line

ENDS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Ends of the names of archives that can be unpacked, in lower case."""
LONGEST_PART = 255
"""Bytes of one name between slashes that common file systems take."""
LONGEST = 1024
"""Bytes of a whole name; with the folder it is unpacked to it must stay under the system's 4096."""
LARGEST_READ = 1 << 24
"""Bytes of a tar that are read at once; a header that asks for more is an attack on the memory."""
GROWTH = 100
"""Times its own size that an archive may grow, and all of them together; photos do not at all."""
SMALL = 64_000_000
"""Bytes to which any archive may grow: a text of a few bytes packs to almost nothing."""

_Member = tuple[str, int, IO[bytes]]
"""Name, size and content of one file, to be read before the next one is asked for."""

_CHUNK = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PACKERS = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
_TAR_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}
_ENCRYPTED = 0x1
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    ValueError,  # what the standard library says to headers that make no sense
    OverflowError,
    IndexError,
    RecursionError,  # of `tarfile`, over headers for headers for headers
)


class DamagedArchive(DataError):
    """An archive that is cut off, altered, or none: to fetch it anew may help."""


class UnsafeArchive(Exception):
    """Why an archive is not unpacked, in words that go on from its name."""


class Unpacker:
    """Unpacks archives of one set, within one bound for all their bytes.

    No file is written outside the folder or over another, and nothing but files and folders: no
    links, no devices. Real bytes are counted while they are written. Permissions and times are
    not taken over. What macOS adds (``__MACOSX``, ``._x``, ``.DS_Store``) is left out. After an
    error what was written so far stays: unpack into a :func:`~beenhere.files.atomic.new_folder`.

    Args:
        archives: those that a person or a server gave.
        most_bytes: of all files together; None: what fits the disk.
        most_files: how many.
    """

    def __init__(
        self,
        archives: Sequence[Path],
        *,
        most_bytes: int | None = None,
        most_files: int = 20_000_000,
    ) -> None:
        grown = max(GROWTH * sum(archive.stat().st_size for archive in archives), SMALL)
        self._most_files = most_files
        self._bytes_left = grown if most_bytes is None else min(grown, most_bytes)
        self._folders: set[Path] = set()
        self._files = self._bytes = 0  # out of the archive that is being unpacked
        self._bounds: dict[str, int] = {}

    def unpack(self, archive: Path, into: Path, what: str | None = None) -> int:
        """Write the files of an archive below a folder; returns how many there were.

        Args:
            archive: known by its first bytes, not by its name: zip, or tar, plain or compressed by
                gzip, bzip2 or xz.
            into: a folder that exists; may hold what other archives of the same set brought.
            what: what the progress bar says; None: be silent.

        Raises:
            DamagedArchive: it is cut off or damaged, or no archive.
            DataError: it holds what is not to be unpacked, or does not fit the disk.
        """
        try:
            return self._unpack(archive, into, what)
        except UnsafeArchive as error:
            raise DataError(
                f"{archive} {error}; it was not unpacked: if you trust it, do that by hand"
            ) from error
        except NotImplementedError as error:  # of zipfile
            raise DataError(
                f"{archive} cannot be read by Python ({one_line(error)}); unpack it by hand"
            ) from error
        except (*_DAMAGES, OSError) as error:
            if not isinstance(error, OSError) or error.errno is None:  # None: of gzip and bz2
                problem = one_line(error)
                raise DamagedArchive(f"{archive} is cut off or damaged ({problem})") from error
            reason = (error.strerror or str(error)).lower()
            raise DataError(
                f"{archive} cannot be unpacked to {into} ({reason}); mend that and try again"
            ) from error
        finally:
            self._bytes_left -= self._bytes

    def unpack_inner(self, folder: Path, what: str | None = None) -> int:
        """Unpack the archives that lie in a folder of ours, each where it lies, and remove them.

        They share the bound of those that they came out of. Archives in them stay as they are.

        Args:
            folder: what has been unpacked; nothing that is a person's own, since archives go.
            what: what the progress bar says; None: be silent.

        Returns:
            How many archives there were.

        Raises:
            DataError: as :meth:`unpack` does.
        """
        found = [path for path in folder.rglob("*") if is_archive(path.name) and path.is_file()]
        for archive in sorted(found):
            self.unpack(archive, archive.parent, what and f"{what}: {archive.name}")
            archive.unlink()
        return len(found)

    def _unpack(self, archive: Path, into: Path, what: str | None) -> int:
        self._files = self._bytes = 0
        self._bounds = {
            f"{GROWTH} times its size": max(GROWTH * archive.stat().st_size, SMALL),
            f"the {file_size(self._bytes_left)} that it may hold": self._bytes_left,
            "what is left on the disk": free_bytes(into),
        }
        with ExitStack() as stack:
            count = None
            if _first_bytes(archive).startswith(_ZIP):
                opened = stack.enter_context(zipfile.ZipFile(archive))
                sizes = [info.file_size for info in opened.infolist() if not info.is_dir()]
                count = len(sizes)
                need_space(into, sum(sizes), f"what is in {archive.name}")
                self.check(count, sum(sizes))
                members = _zip_members(opened)
            else:
                # Headers and gaps come on top of the files' bytes.
                members = _tar_members(archive, 2 * min(self._bounds.values()) + SMALL)
            stack.callback(members.close)
            bar = progress(what and f"unpacking {what}, files", count)
            advance = stack.enter_context(bar)
            for member in members:
                advance(self.write(*member, into))
        return self._files

    def write(self, name: str, size: int, content: IO[bytes], into: Path) -> bool:
        """Write one member; False where it is one that macOS adds.

        Args:
            name, size: as the archive says them; to be trusted in nothing.
            content: its bytes, from the start.
            into: the folder.

        Raises:
            UnsafeArchive: its name or its size is not to be trusted.
            EOFError: it has fewer bytes than it says.
        """
        path = safe_path(name)
        if "__MACOSX" in path.parts[:1] or path.name.startswith("._") or path.name == ".DS_Store":
            return False
        self.check(self._files + 1, self._bytes + size)
        target = into / path
        if target.parent not in self._folders:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise UnsafeArchive(
                    f"holds {_short(str(path))} below a file of the same name as its folder"
                ) from error
            self._folders.add(target.parent)
        try:
            file = target.open("xb")
        except (FileExistsError, IsADirectoryError) as error:
            raise UnsafeArchive(
                f"holds {_short(name)}, which is there already (from another archive, or "
                "twice in this one, perhaps in capital and small letters)"
            ) from error
        self._files += 1
        start = self._bytes
        with file:
            while chunk := content.read(_CHUNK):
                self.check(self._files, self._bytes + len(chunk))
                file.write(chunk)
                self._bytes += len(chunk)
        if self._bytes - start != size:
            raise EOFError(f"{_short(name)} has {self._bytes - start} bytes, said {size}")
        return True

    def check(self, files: int, size: int) -> None:
        """See that so many files and bytes of the archive are within all bounds.

        Raises:
            UnsafeArchive: they are not.
        """
        if files > self._most_files:
            raise UnsafeArchive(f"holds more than {self._most_files:,} files")
        for bound, most in self._bounds.items():
            if size > most:
                raise UnsafeArchive(f"grows to {file_size(size)} or more, beyond {bound}")


def is_archive(name: str) -> bool:
    """Whether a file of that name is one to unpack."""
    return name.lower().endswith(ENDS)


def safe_path(name: str) -> PurePosixPath:
    """The path of a member below the folder it is unpacked to.

    Args:
        name: as the archive has it, with ``/`` between its parts; ``./`` and ``//`` are harmless.

    Raises:
        UnsafeArchive: it leads out of the folder, is absolute, or is odd: control characters,
            backslashes (a separator on one system, a letter on another), no valid Unicode, or
            longer than file systems take.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    lengths = [len(part.encode(errors="surrogatepass")) for part in parts]
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        problem = "is absolute"
    elif "\\" in name:
        problem = "has a backslash"
    elif re.search(r"[\x00-\x1f\x7f]", name):
        problem = "has control characters"
    elif ".." in parts:
        problem = "leads out of the folder"
    elif re.search(r"[\ud800-\udfff]", name):
        problem = "is not UTF-8"
    elif max(lengths, default=0) > LONGEST_PART or sum(lengths) + len(lengths) > LONGEST:
        problem = "is too long"
    else:
        return PurePosixPath(*parts)
    raise UnsafeArchive(f"holds {_short(name)}, which {problem}")


def _first_bytes(archive: Path) -> bytes:
    """The start of an archive.

    Raises:
        DamagedArchive: it is none.
    """
    with open_regular(archive) as file:
        first = file.read(512)
    if first.startswith((*_ZIP, *_PACKERS)) or first[257:262] == b"ustar":
        return first
    if first.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise DamagedArchive(f"{archive} is a web page, not an archive: the server sent it instead")
    raise DamagedArchive(
        f"{archive} is neither zip nor tar (plain, gzip, bzip2 or xz); it begins with {first[:8]!r}"
    )


def _zip_members(opened: zipfile.ZipFile) -> Generator[_Member]:
    for info in opened.infolist():
        if "\0" in info.orig_filename:  # `filename` ends there
            raise UnsafeArchive(f"holds {_short(info.orig_filename)}, which has control characters")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            what = "a symbolic link" if kind == stat.S_IFLNK else "neither file nor folder"
            raise UnsafeArchive(f"holds {_short(info.filename)}, which is {what}")
        if info.is_dir():
            continue
        if info.flag_bits & _ENCRYPTED:
            raise UnsafeArchive("is locked by a password")
        if info.compress_type not in _ZIP_METHODS:
            raise UnsafeArchive(
                f"is packed by method {info.compress_type}, which Python cannot read"
            )
        with opened.open(info) as content:
            yield info.filename, info.file_size, content


def _tar_members(archive: Path, most: int) -> Generator[_Member]:
    """The files of a tar that may be decompressed to ``most`` bytes, headers and gaps counted.

    The filters of ``tarfile`` let links pass that stay inside, and mend absolute names; here
    neither is taken.
    """
    with archive.open("rb") as file:
        first = file.read(6)
    packer = next((one for magic, one in _PACKERS.items() if first.startswith(magic)), None)
    with cast(IO[bytes], packer.open(archive) if packer else archive.open("rb")) as plain:
        bounded = _BoundedReader(plain, most)
        with tarfile.TarFile(fileobj=cast(Any, bounded)) as opened:
            while (info := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined]  # kept for links, refused here
                if info.isdir():
                    continue
                if info.size < 0:  # the next header would be this one again
                    raise UnsafeArchive("has a header of impossible size")
                content = opened.extractfile(info) if info.isreg() else None
                if content is None:
                    what = _TAR_KINDS.get(info.type, "neither file nor folder")
                    raise UnsafeArchive(f"holds {_short(info.name)}, which is {what}")
                yield info.name, info.size, content
        # `tarfile` takes a cut between two members for the end.
        if bounded.last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end of archive")
        while bounded.read(LARGEST_READ):  # the checksum of the compressed stream comes last
            pass


class _BoundedReader:
    """A file for ``tarfile``, in which no header makes it read or skip too much."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        self._inner = inner
        self._most = most
        self.last = b""
        """The bytes that were read last."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_READ:
            raise UnsafeArchive("has a header of impossible size")
        self.last = self._inner.read(size)
        self._check(self._inner.tell())
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset)  # before it: a gap of terabytes would be decompressed
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def _check(self, offset: int) -> None:
        if offset > self._most:
            raise UnsafeArchive("grows to more than it may")


def _short(name: str) -> str:
    return repr(name if len(name) <= 100 else f"{name[:100]}...")
