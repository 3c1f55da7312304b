"""Files that a reader found and could make no row of."""

import polars as pl

from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import CASES, Finding, finding, or_mend
from beenhere.datasets.formats.photo_list import SWAPPED

_MEND, _SWAP = or_mend("mend it"), or_mend("swap latitude and longitude")


def not_used(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Each with the reader's reason; photos that are in no set change none."""
    rows = [
        (path, number, None, None, reason, _SWAP if SWAPPED in reason else _MEND)
        for number, part in enumerate(collection.parts)
        for path, reason in part.table.unusable
    ]
    loose = [(path, None, None, None, reason, None) for path, reason in collection.loose]
    return [
        *finding("not-used", "score", pl.DataFrame(rows, schema=CASES, orient="row")),
        *finding("in-no-set", "note", pl.DataFrame(loose, schema=CASES, orient="row")),
    ]
