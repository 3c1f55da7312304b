"""The same streets in train and test: photos of one split taken where those of another were."""

import numpy as np
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection, Rows
from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding, cases, finding
from beenhere.datasets.doctor.kinds import Severity

_CELL = 25.0
"""Metres: the stretch of street that one photo stands for."""


def shared(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Training photos near val or test photos, and val photos near test photos."""
    train, val, test = (collection.rows_of(split) for split in ("train", "val", "test"))
    return [
        *_near("shared-streets", "score", collection, train, np.union1d(val, test), options),
        *_near("shared-streets-val-test", "note", collection, val, test, options),
    ]


def _near(
    name: str,
    severity: Severity,
    collection: Collection,
    taught: Rows,
    tested: Rows,
    options: CheckConfig,
) -> list[Finding]:
    """Those of the first that lie near one of the second, the nearest first."""
    positions = collection.positions
    taught, tested = taught[positions.known[taught]], tested[positions.known[tested]]
    gap = options.street_gap
    rows = taught[geo.any_within(positions[tested], positions[taught], gap)]
    if len(rows) == 0:
        return []
    seen = tested[geo.any_within(positions[rows], positions[tested], gap)]
    tree = cKDTree(geo.earth_centred(positions[seen]))
    nearest = seen[tree.query(geo.earth_centred(positions[rows]))[1]]
    metres = geo.distance(positions[rows], positions[nearest])
    order = np.argsort(metres, kind="stable")
    detail = [f"{far:.1f} m from it" for far in metres[order]]
    found = cases(
        collection,
        rows[order],
        detail,
        LEAVE_OUT if severity == "score" else None,
        nearest[order],
    )
    return finding(name, severity, found, _summary(collection, seen, tested, name, gap))


def _summary(collection: Collection, seen: Rows, tested: Rows, name: str, gap: float) -> str:
    what = "test" if name.endswith("test") else "val and test"
    cells = np.unique(np.floor(geo.earth_centred(collection.positions[seen]) / _CELL), axis=0)
    share = f"{len(seen):,} of {len(tested):,} {what} photos ({100 * len(seen) / len(tested):.1f}%)"
    return (
        f"{share} lie within {gap:g} m of them, along about {len(cells) * _CELL:,.0f} m of street."
    )
