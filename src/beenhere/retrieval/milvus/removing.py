"""Take photos out of a collection."""

import os
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

from beenhere.errors import DataError
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.removing import Removed, stands_for
from beenhere.retrieval.milvus.collection import Collection
from beenhere.retrieval.milvus.expressions import quoted

_LAST = "\U0010ffff"


def remove_from_collection(
    change: Change, collection: Collection, paths: Sequence[str | Path]
) -> Removed:
    """Take photos out; paths are those of :func:`beenhere.retrieval.index.removing.remove_photos`.

    Raises:
        DataError: a path that stands for no photo of the index, in which case nothing is removed;
            Milvus does not answer.
        OSError: the folder cannot be written.
    """
    assert change.before is not None
    left_out = change.before.left_out
    ids: set[str] = set()
    forgotten: set[str] = set()
    for path in map(str, paths):
        chosen = _ids(collection, path)
        gone = list(compress(left_out, stands_for(path, list(left_out))))
        if not chosen and not gone:
            raise DataError(
                f"{change.folder} holds no photo {path}; expected a photo, a folder of photos, or "
                "a pattern in quotes, such as '*/2019/*.jpg'"
            )
        ids.update(chosen)
        forgotten.update(gone)
    collection.delete(sorted(ids))
    kept = {path: reason for path, reason in left_out.items() if path not in forgotten}
    count = collection.count()
    change.commit_store(count, kept)
    return Removed(len(ids), count)


def _ids(collection: Collection, path: str) -> list[str]:
    """Keys of the photos that a path or pattern stands for."""
    absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay as they are
    begin = "" if path.startswith("*") else absolute
    for sign in "*?[":
        begin = begin.partition(sign)[0]
    if begin.endswith(os.sep):
        begin = begin.rstrip(os.sep)
    where = f"path >= {quoted(begin)} and path <= {quoted(begin + _LAST)}"
    found = [photo for batch in collection.every(where, ["id", "path"]) for photo in batch]
    fits = stands_for(path, [photo["path"] for photo in found])
    return [photo["id"] for photo in compress(found, fits)]
