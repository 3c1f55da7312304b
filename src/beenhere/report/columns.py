"""Which columns of recall a table has: none that would be empty all the way down."""

from dataclasses import dataclass
from typing import Literal

from beenhere.evaluation.ranking import PublishedRow, RankedRow
from beenhere.report.figures import RowFigures, TableFigures
from beenhere.studies.results import StudyResults


@dataclass(frozen=True)
class Column:
    """Recall@N on one test set.

    Attributes:
        test: name of the test set.
        at: N.
        source: measured in this study, or published before.
        marked: whether the rows that cannot be told from the best are marked: at the first N alone,
            for each N asks anew, and only one question was corrected for.
    """

    test: str
    at: int
    source: Literal["measured", "published"]
    marked: bool

    def of(self, row: RowFigures) -> RankedRow | PublishedRow | None:
        """What stands there in a row; None: nothing."""
        found = row.measured if self.source == "measured" else row.published
        return found.get(self.test, {}).get(self.at)

    def mark(self, row: RowFigures) -> Literal["●", "≈", ""]:
        """``●`` beside the best, ``≈`` beside those that cannot be told from it."""
        one = self.of(row)
        if one is None or not self.marked:
            return ""
        return "●" if one.best else "≈" if one.among_best else ""


def columns(results: StudyResults, figures: TableFigures) -> list[Column]:
    """By test set and N, what is published beside what was measured."""
    every = [
        Column(test, at, source, at == results.recall_at[0])
        for test in results.tests
        for at in results.recall_at
        for source in ("measured", "published")
    ]
    return [one for one in every if any(one.of(row) is not None for row in figures.rows)]
