"""Which published set a folder is said to hold, where its layout could be of several."""

from pathlib import Path

from beenhere.datasets.catalog.marker import read_marker


def is_told(folder: Path, name: str) -> bool:
    """Whether a folder's marker says that it holds a set; without one, whether its name does.

    Args:
        folder: that of the set.
        name: as the catalogue has it; letters and digits count, in any case.
    """
    marker = read_marker(folder)
    return name in _plain(folder.absolute().name) if marker is None else marker.set == name


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
