"""Archives that come out of an archive."""

import os
from pathlib import Path

from beenhere.datasets.download.unpack import USUAL, Limits, is_archive, unpack


def unpack_inner(folder: Path, limits: Limits = USUAL, what: str | None = None) -> int:
    """Unpack the archives that lie in a folder of ours, each where it lies, and remove them.

    Archives that come out of these stay as they are.

    Args:
        folder: what has been unpacked; nothing that is a person's own, since archives go.
        limits: what each may hold.
        what: what the progress bar says; None: be silent.

    Returns:
        How many archives there were.

    Raises:
        DataError: as :func:`~beenhere.datasets.download.unpack.unpack` does.
    """
    found = [
        Path(parent) / name
        for parent, _, names in os.walk(folder)
        for name in names
        if is_archive(name)
    ]
    for archive in sorted(found):
        unpack(archive, archive.parent, limits, what and f"{what}: {archive.name}")
        archive.unlink()
    return len(found)
