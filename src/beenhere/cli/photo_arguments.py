"""The photos that a person names on the command line: files, folders, patterns."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from beenhere.errors import ConfigError, DataError

STANDARD_INPUT = "-"


def named_photos(names: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The files that are meant, each once, in the order given; and what cannot be a photo.

    A folder stands for all photos in it and below, a pattern (``*``, ``?``, ``[a-z]``, ``**``) for
    the photos that it fits, ``-`` for itself.

    Returns:
        Paths, and ``(path, reason)`` of what looks like a photo and cannot be one.

    Raises:
        ConfigError: no name at all, an empty one, or an option that there is not.
        DataError: nothing there, or no photos in a folder.
    """
    if not names:
        raise ConfigError(
            "no photo is named; give files, folders, patterns in quotes, or - for a photo on "
            "standard input"
        )
    photos: dict[str, None] = {}
    unusable: dict[str, str] = {}
    for name in names:
        if not name:
            raise ConfigError("the name of a photo is empty; give . for all photos of this folder")
        if name.startswith("-") and name != STANDARD_INPUT:
            raise ConfigError(
                f"{name}: no such option, see 'beenhere locate --help'; a photo of that name is "
                f"./{name}"
            )
        for path, reason in _meant(name):
            if reason is None:
                photos[path] = None
            else:
                unusable[path] = reason
    return list(photos), list(unusable.items())


def _meant(name: str) -> Iterator[tuple[str, str | None]]:
    from beenhere.datasets.formats.listing import PHOTO_SUFFIXES

    path = Path(name).expanduser()
    if path.is_dir():
        yield from _below(path)
    elif name == STANDARD_INPUT or os.path.lexists(path):
        yield _readable(str(path))
    elif glob.has_magic(name):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob is relative
        files = [each for each in found if Path(each).suffix.lower() in PHOTO_SUFFIXES]
        if not files:
            raise DataError(f"{name}: no photo fits this pattern")
        yield from map(_readable, files)
    else:
        yield name, "no such file"


def _below(folder: Path) -> Iterator[tuple[str, str | None]]:
    from beenhere.datasets.formats.listing import list_photos

    listing = list_photos(folder)
    if not listing.photos and not listing.unusable:
        raise DataError(f"{folder}: holds no photos; expected files such as .jpg or .png in it")
    for path in listing.paths(listing.photos):
        yield path, None
    yield from listing.unusable


def _readable(path: str) -> tuple[str, str | None]:
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "replace"), "its name is not UTF-8: rename it"
    return path, None
