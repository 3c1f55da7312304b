"""Where commands put their results."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

UNBOUND = 250
"""Columns where there is no terminal: a table in a file or a pipe is not to be folded."""


def console() -> "Console":
    """Standard output, as wide as the terminal; texts are not coloured, nor lines broken."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNBOUND
    return Console(highlight=False, soft_wrap=True, width=width)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Where to write what shall be a file, which gets its name once it is written whole.

    What fails leaves nothing behind, and what was there before stays.

    Args:
        file: to write or replace. What is no plain file, such as ``/dev/stdout``, is written
            itself.

    Raises:
        DataError: the disk is full, say.
    """
    itself = file.exists() and not file.is_file()
    new = file if itself else file.with_name(f".new-{file.name}")  # its end may tell the format
    try:
        yield new
        if not itself:
            new.replace(file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{file} cannot be written ({reason}); mend that, or give another place"
        ) from error
    finally:
        if not itself:
            with suppress(OSError):
                new.unlink(missing_ok=True)
