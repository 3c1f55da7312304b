"""Faults of whole sets: streets in training and test, queries without an answer, odd places."""

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.tools.doctor.findings import KINDS, LEAVE_OUT, Finding, cases, finding
from beenhere.tools.doctor.photo_collection import PhotoCollection, Rows

_CELL = 25.0
"""Metres: the stretch of street that one photo stands for."""
_PLACE = ("part", "city", "place")


def shared_streets(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Training photos near val or test photos, and val photos near test photos."""
    train, val, test = (collection.rows_of(split) for split in ("train", "val", "test"))
    gap = options.street_gap
    return [
        *_near("shared-streets", collection, train, np.union1d(val, test), gap),
        *_near("shared-streets-val-test", collection, val, test, gap),
    ]


def _near(
    name: str, collection: PhotoCollection, taught: Rows, tested: Rows, gap: float
) -> list[Finding]:
    """Those of the first that lie near one of the second, the nearest first."""
    positions = collection.positions
    taught, tested = taught[positions.known[taught]], tested[positions.known[tested]]
    rows = taught[geo.any_within(positions[tested], positions[taught], gap)]
    if len(rows) == 0:
        return []
    seen = tested[geo.any_within(positions[rows], positions[tested], gap)]
    tree = cKDTree(geo.earth_centred(positions[seen]))
    nearest = seen[tree.query(geo.earth_centred(positions[rows]))[1]]
    metres = geo.distance(positions[rows], positions[nearest])
    order = np.argsort(metres, kind="stable")
    found = cases(
        collection,
        rows[order],
        [f"{far:.1f} m from it" for far in metres[order]],
        LEAVE_OUT if KINDS[name].severity == "score" else None,
        nearest[order],
    )
    what = "test" if name.endswith("test") else "val and test"
    cells = np.unique(np.floor(geo.earth_centred(positions[seen]) / _CELL), axis=0)
    share = f"{len(seen):,} of {len(tested):,} {what} photos ({100 * len(seen) / len(tested):.1f}%)"
    street = f"about {len(cells) * _CELL:,.0f} m of street"
    return finding(name, found, f"{share} lie within {gap:g} m of them, along {street}.")


def queries_without_positive(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Queries with a position, or listed, that nothing in the database can answer."""
    found, total, asked = [], 0, 0
    for pair in collection.pairs:
        database, queries = collection.parts[pair.database], collection.parts[pair.queries]
        asked += len(queries.table)
        if pair.truth.listed:
            lacks = np.array([len(each) == 0 for each in pair.truth.positives(None)], np.bool_)
            reason = "no positive is listed"
        else:
            positions = queries.table.positions
            has = geo.any_within(database.table.positions, positions, options.within)
            lacks = ~has & positions.known
            reason = f"no database photo within {options.within:g} m"
        rows = np.flatnonzero(lacks) + queries.rows.start
        total += len(rows)
        found.append(cases(collection, rows, reason))
    if not found:
        return []
    summary = f"{total:,} of {asked:,} queries ({100 * total / max(asked, 1):.1f}%)."
    return finding("no-positive", pl.concat(found), summary)


def place_spread(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Members farther from the middle of their training place than they may be.

    The middle is the median along each axis, so that one stray member does not move it.
    """
    points = geo.earth_centred(collection.positions)
    frame = (
        collection.frame.select(*_PLACE)
        .with_row_index("row")
        .with_columns(pl.Series(axis, points[:, number]) for number, axis in enumerate("xyz"))
        .filter(pl.col("place").is_not_null() & pl.col("x").is_finite())
    )
    off = sum(
        ((pl.col(axis) - pl.col(axis).median().over(_PLACE)) ** 2 for axis in "xyz"), pl.lit(0.0)
    ).sqrt()
    far = (
        frame.with_columns(metres=off)
        .filter(pl.col("metres") > options.place_radius)
        .sort("metres", descending=True)
    )
    metres = pl.col("metres").round(0).cast(pl.Int64)
    detail = far.select(pl.format("{} m from the middle of place {}", metres, "place")).to_series()
    return finding("place-spread", cases(collection, far["row"], detail, LEAVE_OUT))


def small_places(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Places with fewer photos than training takes of each; one case a place."""
    places = (
        collection.frame.select(*_PLACE)
        .with_row_index("row")
        .filter(pl.col("place").is_not_null())
        .group_by(_PLACE)
        .agg(pl.col("row").first(), photos=pl.len())
    )
    few = places.filter(pl.col("photos") < options.images).sort("photos", "row")
    detail = few.select(
        pl.format("place {}: photos {}, expected {} or more", "place", "photos", options.images)
    ).to_series()
    photos = int(few["photos"].sum())
    summary = f"{few.height:,} of {places.height:,} places, {photos:,} photos in them."
    return finding("small-place", cases(collection, few["row"], detail), summary)
