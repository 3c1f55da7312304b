"""What several archives of one set may grow to, together: one in another gets no more for it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from beenhere.datasets.download.unpack import SMALL, USUAL, Limits, is_archive, unpack


class Allowance:
    """Unpacks archives, and those that come out of them, within one bound for all their bytes.

    Args:
        archives: those that a person or a server gave.
        limits: what they may hold, all together.
    """

    def __init__(self, archives: Sequence[Path], limits: Limits = USUAL) -> None:
        packed = sum(archive.stat().st_size for archive in archives)
        grown = int(max(limits.ratio * packed, SMALL))
        self._limits = limits
        self._left = grown if limits.bytes is None else min(grown, limits.bytes)

    def unpack(self, archive: Path, into: Path, what: str | None = None) -> None:
        """As :func:`beenhere.datasets.download.unpack.unpack`, within what is left.

        Raises:
            DataError: as that does.
        """
        self._left -= unpack(archive, into, replace(self._limits, bytes=self._left), what).bytes

    def unpack_inner(self, folder: Path, what: str | None = None) -> int:
        """Unpack the archives that lie in a folder of ours, each where it lies, and remove them.

        Archives that come out of these stay as they are.

        Args:
            folder: what has been unpacked; nothing that is a person's own, since archives go.
            what: what the progress bar says; None: be silent.

        Returns:
            How many archives there were.

        Raises:
            DataError: as :meth:`unpack` does.
        """
        found = [
            Path(parent) / name
            for parent, _, names in os.walk(folder)
            for name in names
            if is_archive(name)
        ]
        for archive in sorted(found):
            self.unpack(archive, archive.parent, what and f"{what}: {archive.name}")
            archive.unlink()
        return len(found)
