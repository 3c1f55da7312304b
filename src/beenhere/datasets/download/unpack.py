"""Unpacking an archive that somebody else made, without trust in anything it says."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from beenhere.datasets.download.member_names import UnsafeName, is_litter, safe_path
from beenhere.datasets.download.members import Member, NotUnpackable
from beenhere.datasets.download.tar_members import COMPRESSED, tar_members
from beenhere.datasets.download.zip_members import MAGIC, declared, zip_members
from beenhere.errors import DataError
from beenhere.files.atomic import free_bytes, need_space
from beenhere.progress import progress
from beenhere.wording import file_size, one_line

ENDS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Ends of the names of archives that can be unpacked, in lower case."""

_CHUNK = 1 << 20
SMALL = 64_000_000
"""Bytes to which any archive may grow: a text of a few bytes packs to almost nothing."""
_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    ValueError,  # what the standard library says to headers that make no sense
    OverflowError,
    IndexError,
)


class DamagedArchive(DataError):
    """An archive that is cut off, altered, or none: to fetch it anew may help."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most.

    Attributes:
        files: how many.
        bytes: of all files together; None: what fits the disk.
        ratio: how many times its own size it may grow; photos do not grow at all.
    """

    files: int = 20_000_000
    bytes: int | None = None
    ratio: float = 100


USUAL = Limits()


class Written(NamedTuple):
    """What came out of an archive: how many files, and bytes of all of them."""

    files: int
    bytes: int


def is_archive(name: str) -> bool:
    """Whether a file of that name is one to unpack."""
    return name.lower().endswith(ENDS)


def unpack(archive: Path, into: Path, limits: Limits = USUAL, what: str | None = None) -> Written:
    """Write the files of a zip or tar archive below a folder; returns how much that was.

    No file is written outside the folder or over another, and nothing but files and folders: no
    links, no devices. Real bytes are counted while they are written. Permissions and times are
    not taken over. What macOS adds (``__MACOSX``, ``._x``, ``.DS_Store``) is left out. After an
    error what was written so far stays: unpack into a :func:`staged` folder.

    Args:
        archive: told by its first bytes, not by its name: zip, or tar, plain or compressed by
            gzip, bzip2 or xz.
        into: a folder that exists; may hold what other archives of the same set brought.
        limits: what it may hold.
        what: what the progress bar says; None: be silent.

    Raises:
        DamagedArchive: it is cut off or damaged, or no archive.
        DataError: it holds what is not to be unpacked, or does not fit the disk.
    """
    try:
        return _Unpacking(archive, into, limits).run(what)
    except NotUnpackable as error:
        raise DataError(
            f"{archive} {error}; it was not unpacked: if you trust it, do that by hand"
        ) from error
    except NotImplementedError as error:  # of zipfile
        raise DataError(
            f"{archive} cannot be read by Python ({one_line(error)}); unpack it by hand"
        ) from error
    except _DAMAGES as error:
        raise DamagedArchive(f"{archive} is cut off or damaged ({one_line(error)})") from error
    except OSError as error:
        if error.errno is None:  # of gzip and bz2
            raise DamagedArchive(f"{archive} is cut off or damaged ({one_line(error)})") from error
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{archive} cannot be unpacked to {into} ({reason}); mend that and try again"
        ) from error


class _Unpacking:
    """One archive on its way into one folder."""

    def __init__(self, archive: Path, into: Path, limits: Limits) -> None:
        self._archive = archive
        self._into = into
        self._limits = limits
        self._size = archive.stat().st_size
        self._folders: set[PurePosixPath] = {PurePosixPath()}
        self._files = 0
        self._bytes = 0
        self._bounds = {
            f"{limits.ratio:g} times its size": int(max(limits.ratio * self._size, SMALL)),
            "what is left on the disk": free_bytes(into),
        }
        if limits.bytes is not None:
            self._bounds[f"the {file_size(limits.bytes)} that it may hold"] = limits.bytes

    def run(self, what: str | None) -> Written:
        members, total = self._open()
        shown = progress(f"unpacking {what}, files", total) if what else nullcontext(_silent)
        with shown as advance:
            for member in members:
                if self._write(member):
                    advance(1)
        return Written(self._files, self._bytes)

    def _open(self) -> tuple[Iterator[Member], int | None]:
        """The members, and how many there are, if that is known before the last."""
        with self._archive.open("rb") as file:
            first = file.read(512)
        if first.startswith(MAGIC):
            count, size = declared(self._archive)
            need_space(self._into, size, f"what is in {self._archive.name}")
            self._check(count, size)
            return zip_members(self._archive), count
        if first.startswith(COMPRESSED) or first[257:262] == b"ustar":
            # Headers and gaps come on top of the files' bytes.
            most = 2 * min(self._bounds.values()) + SMALL
            return tar_members(self._archive, most), None
        if first.lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise DamagedArchive(
                f"{self._archive} is a web page, not an archive: the server sent it instead"
            )
        raise DamagedArchive(
            f"{self._archive} is neither zip nor tar (plain, gzip, bzip2 or xz); "
            f"it begins with {first[:8]!r}"
        )

    def _write(self, member: Member) -> bool:
        try:
            path = safe_path(member.name)
        except UnsafeName as error:
            raise NotUnpackable(f"holds {_short(member.name)}, which {error}") from error
        if is_litter(path):
            return False
        self._check(self._files + 1, self._bytes + member.size)
        self._make_folder(path)
        try:
            file = (self._into / path).open("xb")
        except (FileExistsError, IsADirectoryError) as error:
            raise NotUnpackable(
                f"holds {_short(member.name)}, which is there already (from another archive, or "
                "twice in this one, perhaps in capital and small letters)"
            ) from error
        self._files += 1
        with file:
            written = 0
            while chunk := member.content.read(_CHUNK):
                written += len(chunk)
                self._check(self._files, self._bytes + written)
                file.write(chunk)
        self._bytes += written
        if written != member.size:
            raise EOFError(f"{_short(member.name)} has {written} bytes, said {member.size}")
        return True

    def _make_folder(self, path: PurePosixPath) -> None:
        if path.parent in self._folders:
            return
        try:
            (self._into / path.parent).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise NotUnpackable(
                f"holds {_short(str(path))} below a file of the same name as its folder"
            ) from error
        self._folders.add(path.parent)

    def _check(self, files: int, size: int) -> None:
        if files > self._limits.files:
            raise NotUnpackable(f"holds more than {self._limits.files:,} files")
        for bound, most in self._bounds.items():
            if size > most:
                raise NotUnpackable(f"grows to {file_size(size)} or more, beyond {bound}")


def _silent(steps: int) -> None:
    """Tell nobody."""


def _short(name: str) -> str:
    return repr(name if len(name) <= 100 else f"{name[:100]}...")
