"""Where commands print their results."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNBOUND = 250
"""Columns where there is no terminal: a table in a file or a pipe is not to be folded."""


def console() -> "Console":
    """Standard output, as wide as the terminal; texts are not coloured, nor lines broken."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNBOUND
    return Console(highlight=False, soft_wrap=True, width=width)
