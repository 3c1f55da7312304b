"""Write an index anew without the photos that were removed, in one segment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.segments import keep_rows
from beenhere.retrieval.index.structures import settle_as_before


@dataclass(frozen=True)
class Compacted:
    """Bytes of all parts before and after."""

    bytes_before: int
    bytes_after: int


def compact_index(folder: Path, wait: float = 0, what: str | None = None) -> Compacted:
    """Give back the space of removed photos. Rows get new numbers, in the same order.

    So a search structure is trained again; until it is, search is exact.

    Needs as much free space as the index will take: the old parts go last.

    Args:
        folder: of the index.
        wait: seconds to wait for another writer.
        what: what the progress bar of a training says; None: be silent.

    Raises:
        DataError: no index, a damaged one, another process writes it, or it cannot be written.
    """
    with changing(folder, wait) as change:
        index = change.before
        assert index is not None
        before = index.manifest
        if len(index.removed) or len(before.segments) > 1:
            segments = [segment.written(change) for segment in keep_rows(change, index)]
            none = np.empty(0, np.int64)
            change.commit_photos(segments, none, index.left_out, renumbered=True)
        settle_as_before(change, what)
    return Compacted(before.bytes, change.manifest.bytes)
