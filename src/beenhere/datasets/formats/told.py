"""Which published set a folder is said to hold, where its layout could be of several."""

from pathlib import Path

from beenhere.datasets.catalog.marker import read_marker
from beenhere.datasets.catalog.registry import plain


def is_told(folder: Path, name: str) -> bool:
    """Whether a folder's marker says that it holds a set; without one, whether its name does.

    Args:
        folder: that of the set.
        name: as the catalogue has it; letters and digits count, in any case.
    """
    marker = read_marker(folder)
    return name in plain(folder.absolute().name) if marker is None else marker.set == name
