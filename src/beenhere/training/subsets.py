"""A part of the training places: how much does more data bring?"""

import hashlib

import numpy as np
import polars as pl

from beenhere.datasets.table import PhotoTable


def share_of_places(table: PhotoTable, share: float, seed: int) -> PhotoTable:
    """The photos of some of the places.

    A smaller share of the same seed lies within a larger one, and neither depends on the order of
    the rows.

    Args:
        table: photos; those without a ``place`` are left out, unless the share is 1.
        share: of the places, in (0, 1]; at least one place is kept.
        seed: another one draws other places.
    """
    if share == 1:
        return table
    places = table.frame.drop_nulls("place").select("city", "place").unique()
    frame = in_share(table.frame, places, share, seed)
    return PhotoTable(frame, table.unusable, table.notes, table.source)


def in_share(frame: pl.DataFrame, places: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """The rows of ``frame`` whose ``city`` and ``place`` are in the share, in their order.

    Args:
        frame: with the columns ``city`` and ``place``.
        places: ``city``, ``place`` of all of which ``share`` is a part, each once.
        share, seed: as of :func:`share_of_places`.
    """
    # A hash of its name gives each place its turn, whichever others there are.
    turn = pl.struct("city", "place").map_elements(
        lambda one: _turn(seed, one["city"], one["place"]), return_dtype=pl.String
    )
    count = max(1, round(share * places.height))
    kept = places.sort(turn).head(count)
    rows = frame.with_row_index().join(kept, on=["city", "place"], how="semi", nulls_equal=True)
    return frame[np.sort(rows["index"].to_numpy())]


def _turn(seed: int, city: str | None, place: str) -> str:
    return hashlib.sha256(repr((seed, city, place)).encode()).hexdigest()
