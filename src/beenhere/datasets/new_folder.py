"""A new folder for what a command makes: whole or not there, and never over what is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beenhere.datasets.staging import holds_something, staged
from beenhere.errors import DataError


@contextmanager
def new_folder(out: Path, source: Path) -> Iterator[Path]:
    """:func:`beenhere.datasets.staging.staged`, where an empty folder may be there.

    Args:
        out: what the folder will be called.
        source: what it is made of, which is to stay as it is.

    Raises:
        DataError: ``out`` is a file, a folder that holds something, in the source, or being made
            by another process.
    """
    refuse_inside(out, source)
    if holds_something(out):
        what = "is a file" if out.is_file() else "holds something already"
        raise DataError(f"{out} {what}, and nothing is overwritten; give a new or empty folder")
    empty = out.exists()
    if empty:
        out.rmdir()
    try:
        with staged(out) as folder:
            yield folder
    except BaseException:
        if empty:
            out.mkdir(exist_ok=True)
        raise


def refuse_inside(out: Path, source: Path) -> None:
    """Raise where a new folder would lie in the one it is made of.

    Raises:
        DataError: it does.
    """
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}, which is to stay as it is; give another folder")
