"""The files of a zip archive."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from beenhere.datasets.download.members import Member, NotUnpackable

MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENCRYPTED = 0x1
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def declared(archive: Path) -> tuple[int, int]:
    """How many files a zip archive says it holds, and how many bytes they say they have.

    Raises:
        zipfile.BadZipFile: it is cut off or damaged.
    """
    with zipfile.ZipFile(archive) as opened:
        sizes = [info.file_size for info in opened.infolist() if not info.is_dir()]
    return len(sizes), sum(sizes)


def zip_members(archive: Path) -> Iterator[Member]:
    """The files of a zip archive, in its order.

    Raises:
        NotUnpackable: it holds something else than files and folders, or cannot be read.
        zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError: it is cut off or damaged.
    """
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if "\0" in info.orig_filename:  # `filename` ends there
                raise NotUnpackable(f"holds {info.orig_filename!r}, which has control characters")
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                what = "a symbolic link" if kind == stat.S_IFLNK else "neither file nor folder"
                raise NotUnpackable(f"holds {info.filename!r}, which is {what}")
            if info.is_dir():
                continue
            if info.flag_bits & _ENCRYPTED:
                raise NotUnpackable("is locked by a password")
            if info.compress_type not in _READABLE:
                raise NotUnpackable(
                    f"is packed by method {info.compress_type}, which Python cannot read"
                )
            with opened.open(info) as content:
                yield Member(info.filename, info.file_size, content)
