"""Samples in a tar file, as WebDataset lays them out: ``KEY.jpg`` and ``KEY.json`` side by side."""

import json
import tarfile
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What ends a tar file."""


def key(place: int, photo: int) -> str:
    """A sample's name; place and photo are counted from 0. No dot: the extension starts at one."""
    return f"{place:08}-{photo:04}"


def extension(path: str) -> str:
    """Of a photo's file, with its dot."""
    return PurePath(path).suffix.lower() or ".jpg"


def sample(name: str, suffix: str, photo: bytes, facts: dict[str, Any]) -> bytes:
    """The bytes of a sample; the same for the same photo, whoever writes them and when."""
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
    return member(f"{name}{suffix}", photo) + member(f"{name}.json", text)


def member(name: str, data: bytes) -> bytes:
    """One file of a tar: header, content, zeros up to the next block."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return b"".join((info.tobuf(tarfile.USTAR_FORMAT), data, bytes(-len(data) % BLOCK)))


class DamagedTarError(Exception):
    """What is read is not what was written."""


def read_member(read: Callable[[int], bytes], expected: str) -> tuple[str, bytes]:
    """Name and content of the next file.

    Args:
        read: gives so many of the next bytes.
        expected: what its name begins with.

    Raises:
        DamagedTarError: its header is no header, or has another name.
    """
    name, size = _header(read, expected)
    data = read(size)
    read(-size % BLOCK)
    return name, data


def pass_over(read: Callable[[int], bytes], skip: Callable[[int], None], expected: str) -> None:
    """The next file, unread but for its header; as :func:`read_member`."""
    _, size = _header(read, expected)
    skip(size + -size % BLOCK)


def _header(read: Callable[[int], bytes], expected: str) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(read(BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DamagedTarError(f"no tar header ({error})") from error
    if not info.name.startswith(expected) or not info.isreg():
        raise DamagedTarError(f"{info.name!r} where {expected!r} was written")
    return info.name, info.size
