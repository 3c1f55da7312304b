"""Take photos out of an index: rows are marked, and gone with the next compaction."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.snapshot import Snapshot


@dataclass(frozen=True)
class Removed:
    """What a removal did: photos that went, and photos in the index now."""

    removed: int
    photos: int


def remove_photos(folder: Path, paths: Sequence[str | Path], wait: float = 0) -> Removed:
    """Take photos out of an index. Their files are not touched, and need not be there.

    Args:
        folder: of the index.
        paths: of photos; of folders, for all below them; or patterns in which ``*`` stands for
            any characters (``/`` too), ``?`` for one, ``[ab]`` for a or b. One that begins with
            ``*`` fits wherever the photo lies.
        wait: seconds to wait for another writer.

    Raises:
        DataError: a path that stands for no photo of the index, which is then as it was; no index;
            another process writes it; or it cannot be written.
    """
    with changing(folder, wait) as change:
        index = change.before
        assert index is not None
        rows, left_out = _matched(index, [str(path) for path in paths])
        if rows or left_out != index.left_out:
            removed = np.union1d(index.removed, rows).astype(np.int64)
            change.commit_photos(change.manifest.segments, removed, left_out)
    return Removed(len(rows), change.manifest.photos)


def _matched(index: Snapshot, paths: list[str]) -> tuple[list[int], dict[str, str]]:
    """Rows that any of the paths stands for, and what of the unreadable photos is left."""
    known = index.frame["path"].to_list()
    rows: set[int] = set()
    forgotten: set[str] = set()
    for path in paths:
        chosen = np.flatnonzero(stands_for(path, known) & index.allowed).tolist()
        gone = stands_for(path, list(index.left_out))
        if not chosen and not gone.any():
            raise DataError(
                f"{index.folder} holds no photo {path}; expected a photo, a folder of photos, or "
                "a pattern in quotes, such as '*/2019/*.jpg'"
            )
        rows.update(chosen)
        forgotten.update(compress(index.left_out, gone))
    kept = {name: reason for name, reason in index.left_out.items() if name not in forgotten}
    return sorted(rows), kept


def stands_for(path: str, known: list[str]) -> NDArray[np.bool_]:
    """``(n,)``: whether a path or pattern stands for each of the known paths."""
    absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay as they are
    below = os.path.join(absolute, "")  # noqa: PTH118 - pathlib drops the end slash
    found = [each == absolute or each.startswith(below) for each in known]
    if not any(found) and any(sign in path for sign in "*?["):
        matches = re.compile(translate(path if path.startswith("*") else absolute)).match
        found = [matches(each) is not None for each in known]
    return np.array(found, np.bool_)
