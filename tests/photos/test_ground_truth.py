"""Positives by position and by lists, through one interface."""

import numpy as np
import pytest

from beenhere import geo
from beenhere.errors import ConfigError, DataError
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth, PositionTruth
from beenhere.photos.table import PhotoTable


def table(metres: list[float | None]) -> PhotoTable:
    known = [one is not None for one in metres]
    return PhotoTable.from_columns(
        {
            "path": [f"{at}.jpg" for at in range(len(metres))],
            "easting": [None if one is None else 550_000 + one for one in metres],
            "northing": [4_180_000.0 if one else None for one in known],
            "zone": ["10S" if one else None for one in known],
        }
    )


def test_by_position() -> None:
    database, queries = table([0, 30, 10, None]), table([5, None, 200])
    truth = EvaluationTables(database, queries, "x").truth
    assert isinstance(truth, PositionTruth) and not truth.listed
    assert [rows.tolist() for rows in truth.positives(25)] == [[0, 1, 2], [], []]
    assert [rows.tolist() for rows in truth.positives(5)] == [[0, 2], [], []]
    for threshold in (0.0, 7.5, 200.0):
        expected = geo.within(database.positions, queries.positions, threshold)
        assert all(map(np.array_equal, truth.positives(threshold), expected))
    with pytest.raises(ConfigError, match="a threshold in metres"):
        truth.positives(None)


def test_by_lists() -> None:
    listed = ListedTruth([[3, 0, 3], [], np.array([1])], 4)
    truth = EvaluationTables(table([0, 1, 2, 3]), table([0, None, 2]), "x", listed).truth
    assert truth.listed
    found = truth.positives(None)
    assert [rows.tolist() for rows in found] == [[0, 3], [], [1]]
    assert all(rows.dtype == np.intp for rows in found)
    with pytest.raises(ConfigError, match="a threshold of 25 m does not apply"):
        truth.positives(25)


def test_lists_that_cannot_be() -> None:
    for row in (4, -1):
        with pytest.raises(DataError, match=rf"query 1: row {row} is not .*from 0 to 3"):
            ListedTruth([[0], [row]], 4)
    with pytest.raises(DataError, match="positives of 2 queries are listed; expected those of 1"):
        EvaluationTables(table([0]), table([0]), "x", ListedTruth([[0], [0]], 1))
