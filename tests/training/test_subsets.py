"""Shares of the training places."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from beenhere.photos.table import PhotoTable
from beenhere.training.sampling import share_of_places


def table(places: int, order: np.ndarray | None = None) -> PhotoTable:
    """Three photos a place, the first half of the places in no city, and three of no place."""
    names = [f"{place}-{photo}.jpg" for place in range(places) for photo in range(3)]
    labels: list[str | None] = [str(place) for place in range(places) for _ in range(3)]
    cities = [None if place < places // 2 else "Lund" for place in range(places) for _ in range(3)]
    columns = {
        "path": [*names, "a.jpg", "b.jpg", "c.jpg"],
        "place": [*labels, None, None, None],
        "city": [*cities, None, None, None],
    }
    rows = np.arange(len(columns["path"])) if order is None else order
    return PhotoTable.from_columns(
        {key: [values[i] for i in rows] for key, values in columns.items()}
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_shares_are_nested_whole_and_of_the_right_size(
    places: int, one: float, two: float, seed: int
) -> None:
    small, large = sorted((one, two))
    photos = table(places)
    few = set(share_of_places(photos, small, seed).paths)
    many = set(share_of_places(photos, large, seed).paths)
    assert few <= many
    if small < 1:
        assert len(few) == 3 * max(1, round(small * places))
        assert not few & {"a.jpg", "b.jpg", "c.jpg"}


def test_the_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    shuffled = np.random.default_rng(0).permutation(63)
    kept = share_of_places(table(20), 0.5, 0)
    assert set(kept.paths) == set(share_of_places(table(20, shuffled), 0.5, 0).paths)
    assert set(kept.paths) != set(share_of_places(table(20), 0.5, 1).paths)
    assert kept.paths == sorted(kept.paths, key=table(20).paths.index)


def test_the_whole_share_is_the_table_itself() -> None:
    photos = table(3)
    assert share_of_places(photos, 1.0, 0) is photos
