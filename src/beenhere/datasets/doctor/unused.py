"""Files that a reader found and could make no row of."""

import polars as pl

from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import CASES, LEAVE_OUT, Finding, finding


def not_used(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Each with the reader's reason."""
    rows = [
        (path, number, None, reason, f"{LEAVE_OUT}, or mend")
        for number, part in enumerate(collection.parts)
        for path, reason in part.table.unusable
    ]
    return finding("not-used", "score", pl.DataFrame(rows, schema=CASES, orient="row"))
