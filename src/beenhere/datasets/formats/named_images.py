"""Images that a set names in a list of its own; one that is missing moves no other."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = -1
"""The row of an image that is named and not there."""


@dataclass(frozen=True)
class NamedImages:
    """Images of a list.

    Attributes:
        paths: of those that are there, in the order of the list.
        kept: ``(rows,)``, the place in the list of each.
        row: ``(names,)``, the row of each name; :data:`MISSING` where there is no such file.
        unusable: path and reason of those that are not there.
    """

    paths: list[str]
    kept: NDArray[np.intp]
    row: NDArray[np.intp]
    unusable: list[tuple[str, str]]

    def rows_of(self, lists: Sequence[NDArray[np.int64]]) -> list[NDArray[np.intp]]:
        """Lists of places in the list of names, as lists of rows; what is missing falls out."""
        rows = [self.row[places] for places in lists]
        return [found[found != MISSING] for found in rows]


def find_named(folder: Path, names: Sequence[str]) -> NamedImages:
    """Look for every image of a list below a folder.

    Args:
        folder: what the names are relative to.
        names: with ``/``; each is one image, and none stands in for another.
    """
    there: dict[str, set[str]] = {}
    start = os.path.join(folder, "")  # noqa: PTH118 - pathlib drops the end slash
    kept: list[int] = []
    unusable: list[tuple[str, str]] = []
    for place, name in enumerate(names):
        parent, _, last = name.rpartition("/")
        if parent not in there:
            there[parent] = _files(folder / parent)
        if last in there[parent]:
            kept.append(place)
        else:
            unusable.append((start + name, "no such file"))
    row = np.full(len(names), MISSING, np.intp)
    row[kept] = np.arange(len(kept))
    paths = [start + names[place] for place in kept]
    return NamedImages(paths, np.array(kept, np.intp), row, unusable)


def _files(folder: Path) -> set[str]:
    """Names in a folder; one look at it is quicker than one at each file."""
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return set()
