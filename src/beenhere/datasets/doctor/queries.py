"""Queries that nothing in the database can answer."""

import numpy as np
import polars as pl

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import Finding, cases, finding


def without_positive(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Queries with a position, or listed, that have no positive."""
    found, total, asked = [], 0, 0
    for pair in collection.pairs:
        database, queries = collection.parts[pair.database], collection.parts[pair.queries]
        asked += len(queries.table)
        if pair.truth.listed:
            lacks = np.array([len(each) == 0 for each in pair.truth.positives(None)], np.bool_)
            reason = "no positive is listed"
        else:
            positions = queries.table.positions
            has = geo.any_within(database.table.positions, positions, options.radius)
            lacks = ~has & positions.known
            reason = f"no database photo within {options.radius:g} m"
        rows = np.flatnonzero(lacks) + queries.rows.start
        total += len(rows)
        found.append(cases(collection, rows, [reason] * len(rows), None))
    if not found:
        return []
    summary = f"{total:,} of {asked:,} queries ({100 * total / max(asked, 1):.1f}%)."
    return finding("no-positive", "note", pl.concat(found), summary)
