"""Paths of a table's photos, as a file in another folder names them."""

import os
from pathlib import Path

import polars as pl

from beenhere.datasets.table import PhotoTable


def with_paths_from(table: PhotoTable, folder: Path) -> PhotoTable:
    """The table with paths as :func:`paths_from` gives them."""
    paths = paths_from(table.paths, folder)
    return PhotoTable(
        table.frame.with_columns(path=pl.Series(paths, dtype=pl.String)), source=table.source
    )


def paths_from(paths: list[str], folder: Path) -> list[str]:
    """Paths relative to a folder, ``/`` between; where no such path leads there, absolute.

    Links to folders are followed on both sides: ``..`` leads out of what a link points to.

    Args:
        folder: need not be there yet.
    """
    start = os.path.realpath(folder)
    real: dict[str, str] = {}
    found = []
    for path in paths:
        inside, name = os.path.split(path)
        if inside not in real:
            real[inside] = _relative(os.path.realpath(inside), start)
        found.append(f"{real[inside]}/{name}" if real[inside] != "." else name)
    return found


def _relative(folder: str, start: str) -> str:
    try:
        return Path(os.path.relpath(folder, start)).as_posix()
    except ValueError:  # another drive of Windows
        return Path(folder).as_posix()
