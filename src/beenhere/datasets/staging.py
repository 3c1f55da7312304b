"""A folder that is there whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from beenhere.datasets.only_one import only_one
from beenhere.errors import DataError


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes ``target`` at a clean end and else is removed.

    It lies beside the target, so that it gets its name in one step, after all of it has reached
    the disk. What a killed process left is removed by the next one with the same target.

    Args:
        target: a folder that is to be made; those above it are made, too.

    Raises:
        DataError: the target is there already, or another process makes it right now.
        OSError: its place cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".staging-{target.name}")
    busy = f"{target} is being made by another process; wait until that has ended"
    with only_one(folder.with_name(f"{folder.name}.lock"), busy):
        if folder.exists():
            shutil.rmtree(folder)
        _refuse_existing(target)
        folder.mkdir()
        try:
            yield folder
            _sync()
            _refuse_existing(target)
            folder.rename(target)
            _sync_folder(target.parent)
        finally:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise DataError(
            f"{target} exists already and is not replaced; give another folder, or move it away"
        )


def _sync() -> None:
    # Once for all: a set has half a million files, and to wait for each takes the better part of
    # an hour on a hard disk. Windows lacks it.
    if hasattr(os, "sync"):
        os.sync()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some network disks and Windows cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def holds_something(folder: Path) -> bool:
    """Whether anything is there; an empty folder is nothing."""
    if not folder.is_dir() or folder.is_symlink():
        return folder.exists() or folder.is_symlink()
    return next(folder.iterdir(), None) is not None
