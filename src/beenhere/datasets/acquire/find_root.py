"""The folder that a set's layout starts in, somewhere in what was unpacked or downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path

from beenhere.datasets.catalog.entry import NamedSet
from beenhere.datasets.catalog.registry import plain
from beenhere.errors import DataError

_DEPTH = 3
"""How many folders somebody, or an archive, may have put around a set."""


def find_root(entry: NamedSet, folder: Path) -> Path:
    """The folder that has one of the set's layouts: the given one, or one at most 3 below it.

    Only names are looked at.

    Raises:
        DataError: none has; the message names what was looked for and what was there.
    """
    nearest: tuple[int, Path, list[str]] = (0, folder, [])
    for candidate in _folders(folder, entry.name):
        for layout in entry.layouts:
            missing = [path for path in layout if not has(candidate, path)]
            if not missing:
                return candidate
            if len(layout) - len(missing) > nearest[0]:
                nearest = (len(layout) - len(missing), candidate, missing)
    found, candidate, missing = nearest
    if found:
        raise DataError(
            f"{candidate}: is a part of {entry.name}, without {', '.join(missing)}; add that "
            f"and try again (beenhere data list {entry.name})"
        )
    raise DataError(
        f"{folder}: does not hold {entry.name}; expected {layouts_in_words(entry)}, found "
        f"{_content(folder)} (beenhere data list {entry.name})"
    )


def has(folder: Path, path: str) -> bool:
    """Whether a folder has a path, in which ``*`` stands for any name and ``**`` for folders."""
    if "*" not in path:
        return (folder / path).exists()
    if path.startswith("**/"):  # a search through folders of photos would take long
        rest = path.removeprefix("**/")
        return has(folder, rest) or any(has(inner, rest) for inner in _inner(folder))
    return next(folder.glob(path), None) is not None


def layouts_in_words(entry: NamedSet) -> str:
    """Such as ``"new/*.png and old/*.jpg"``."""
    return ", or ".join(" and ".join(layout) for layout in entry.layouts)


def _folders(folder: Path, name: str) -> Iterator[Path]:
    """The folder and those below it: nearest first, then those that are called as the set is."""
    level = [folder]
    for _ in range(_DEPTH + 1):
        yield from sorted(level, key=lambda one: plain(name) not in plain(one.name))
        level = [inner for outer in level for inner in _inner(outer)]


def _inner(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.is_dir() and not one.name.startswith(".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name != "__MACOSX"]


def _content(folder: Path) -> str:
    try:
        names = sorted(os.listdir(folder))[:5]  # noqa: PTH208 - names alone
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({(error.strerror or '').lower()})") from error
    return ", ".join(names) or "nothing"
