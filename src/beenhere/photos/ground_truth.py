"""An evaluation set: database, queries, and which are right, by position or by lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beenhere.errors import ConfigError, DataError
from beenhere.photos.reference import Points, Reference, points_of, reference_of, within
from beenhere.photos.table import PhotoTable

Positives = list[NDArray[np.intp]]
"""For each query the rows of the database table that are right, ascending."""


class GroundTruth(Protocol):
    """The rule by which a database photo is a positive of a query."""

    listed: bool
    """Whether lists say it; then no distance decides, and the threshold is None."""

    def positives(self, threshold: float | None) -> Positives:
        """For each query the database rows that are right.

        Args:
            threshold: metres, at least 0; None where lists say it.

        Raises:
            ConfigError: metres for lists, or none for positions.
        """


class PositionTruth:
    """Database photos within a distance of the query are its positives.

    Args:
        database, queries: points of one frame of reference; an unknown one is no positive, and
            has none.
    """

    listed = False

    def __init__(self, database: Points, queries: Points) -> None:
        self._database = database
        self._queries = queries

    def positives(self, threshold: float | None) -> Positives:
        """See :meth:`GroundTruth.positives`."""
        if threshold is None:
            raise ConfigError("positives by position need a threshold in metres, such as 25")
        return within(self._database, self._queries, threshold)


class ListedTruth:
    """The positives of each query are listed.

    Args:
        rows: for each query its database rows, in any order; repeated ones count once.
        database: how many rows there are.
        source: the name of the file that lists them; None where another rule made the lists.

    Raises:
        DataError: a row that the database does not have.
    """

    listed = True

    def __init__(self, rows: Sequence[ArrayLike], database: int, source: str | None = None) -> None:
        self.source = source
        self._rows = [np.unique(np.asarray(one, np.intp)) for one in rows]
        for query, found in enumerate(self._rows):
            if len(found) and (found[0] < 0 or found[-1] >= database):
                raise DataError(
                    f"positives of query {query}: row {found[0] if found[0] < 0 else found[-1]} "
                    f"is not in the database; expected rows from 0 to {database - 1}"
                )

    def __len__(self) -> int:
        return len(self._rows)

    def positives(self, threshold: float | None) -> Positives:
        """See :meth:`GroundTruth.positives`."""
        if threshold is not None:
            raise ConfigError(
                f"the positives are listed, so a threshold of {threshold:g} m does not apply"
            )
        return list(self._rows)


@dataclass(frozen=True)
class EvaluationTables:
    """A database, queries, and which photos are right for which.

    Attributes:
        name: such as ``"sf_xs-test"``; fit for a file's name.
        listed: the positives of each query, where lists say what is right; None: where photos were
            taken does, by :attr:`reference`.

    Raises:
        DataError: lists for another number of queries.
    """

    database: PhotoTable
    queries: PhotoTable
    name: str
    listed: ListedTruth | None = None

    def __post_init__(self) -> None:
        if self.listed is not None and len(self.listed) != len(self.queries):
            raise DataError(
                f"{self.name}: positives of {len(self.listed)} queries are listed; expected "
                f"those of {len(self.queries)}"
            )

    @cached_property
    def truth(self) -> GroundTruth:
        """The rule by which a database photo is a positive."""
        if self.listed is not None:
            return self.listed
        if self.reference.kind == "place":
            same = within(*self.points, self.reference.radius)
            return ListedTruth(same, len(self.database))
        return PositionTruth(*self.points)

    @cached_property
    def reference(self) -> Reference:
        """What says where photos were taken: the first that photos of both sides have."""
        return reference_of([self.database, self.queries])

    @cached_property
    def points(self) -> tuple[Points, Points]:
        """Where the photos of the database and the queries were taken."""
        database, queries = (
            points_of(side, self.reference) for side in (self.database, self.queries)
        )
        return database, queries
