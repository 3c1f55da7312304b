"""Write an index anew without the photos that were removed, in one segment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.segments import keep_rows


@dataclass(frozen=True)
class Compacted:
    """Bytes of all parts before and after."""

    bytes_before: int
    bytes_after: int


def compact_index(folder: Path, wait: float = 0) -> Compacted:
    """Give back the space of removed photos. Rows get new numbers, in the same order.

    Needs as much free space as the index will take: the old parts go last.

    Args:
        folder: of the index.
        wait: seconds to wait for another writer.

    Raises:
        DataError: no index, a damaged one, another process writes it, or it cannot be written.
    """
    with changing(folder, wait) as change:
        index = change.before
        assert index is not None
        before = after = index.manifest
        if len(index.removed) or len(before.segments) > 1:
            segments = [segment.written(change) for segment in keep_rows(change, index)]
            none = np.empty(0, np.int64)
            after = change.commit(before.model, before.dtype, segments, none, index.left_out)
    return Compacted(before.bytes, after.bytes)
