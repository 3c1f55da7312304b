"""Training places: members too far from each other, and places with too few photos."""

import numpy as np
import polars as pl

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding, cases, finding

_KEY = ("part", "city", "place")


def spread(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Members farther from the middle of their place than they may be.

    The middle is the median along each axis, so that one stray member does not move it.
    """
    points = geo.earth_centred(collection.positions)
    frame = (
        collection.frame.select(*_KEY)
        .with_row_index("row")
        .with_columns(
            x=pl.Series(points[:, 0]), y=pl.Series(points[:, 1]), z=pl.Series(points[:, 2])
        )
        .filter(pl.col("place").is_not_null() & pl.col("x").is_finite())
    )
    off = sum(
        ((pl.col(axis) - pl.col(axis).median().over(_KEY)) ** 2 for axis in "xyz"), pl.lit(0.0)
    ).sqrt()
    far = (
        frame.with_columns(metres=off)
        .filter(pl.col("metres") > options.place_radius)
        .sort("metres", descending=True)
    )
    detail = far.select(
        pl.format(
            "{} m from the middle of place {}", pl.col("metres").round(0).cast(pl.Int64), "place"
        )
    ).to_series()
    return finding("place-spread", "score", cases(collection, far["row"], detail, LEAVE_OUT))


def small(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Places with fewer photos than training takes of each; one case a place."""
    places = (
        collection.frame.select(*_KEY)
        .with_row_index("row")
        .filter(pl.col("place").is_not_null())
        .group_by(_KEY)
        .agg(pl.col("row").first(), photos=pl.len())
    )
    few = places.filter(pl.col("photos") < options.images).sort("photos", "row")
    detail = few.select(
        pl.format("place {}: photos {}, expected {} or more", "place", "photos", options.images)
    ).to_series()
    found = cases(collection, few["row"].to_numpy().astype(np.intp), detail, None)
    photos = int(few["photos"].sum())
    summary = f"{few.height:,} of {places.height:,} places, {photos:,} photos in them."
    return finding("small-place", "note", found, summary)
