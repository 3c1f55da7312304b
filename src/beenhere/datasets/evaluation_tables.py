"""What an evaluation set holds: a database, queries, and what is right."""

from dataclasses import dataclass
from functools import cached_property

from beenhere.datasets.ground_truth import GroundTruth, ListedTruth, PositionTruth
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError


@dataclass(frozen=True)
class EvaluationTables:
    """What can be found, what to find, and what is right.

    Attributes:
        name: such as ``"sf_xs-test"``; fit for a file's name.
        listed: the positives of each query, where lists say what is right; None: positions do.

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
        """What makes a database photo a positive."""
        if self.listed is not None:
            return self.listed
        return PositionTruth(self.database.positions, self.queries.positions)
