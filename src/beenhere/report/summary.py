"""A study in a few plain sentences."""

from collections import Counter
from dataclasses import dataclass

from beenhere.evaluation.ranking import RankedRow
from beenhere.report.figures import TableFigures, distinct_runs
from beenhere.studies.results import State, StudyResults
from beenhere.wording import count

_STATES: tuple[State, ...] = ("finished", "running", "interrupted", "failed", "waiting")


def progress(results: StudyResults) -> str:
    """How many tables, rows and trainings there are, and how far these came."""
    runs = [run for run, _ in distinct_runs(results)]
    states = Counter(run.state for run in runs)
    rows = sum(len(table.rows) for table in results.tables)
    named = [f"{states[state]:,} {state}" for state in _STATES if states[state]]
    far = "all finished" if set(states) == {"finished"} else ", ".join(named)
    return (
        f"{count(len(results.tables), 'table')}, {count(rows, 'row')}, "
        f"{count(len(runs), 'training')}{f': {far}' if far else ''}."
    )


@dataclass(frozen=True)
class Finding:
    """The best row of a table on one test set.

    Attributes:
        test: title of the test set. row: name of the row. at: N of its recall.
        recall: that recall with its interval.
        others: in words, how it stands to the other rows; empty where there are none.
    """

    test: str
    row: str
    at: int
    recall: RankedRow
    others: str


def findings(results: StudyResults, figures: TableFigures) -> list[Finding]:
    """One for each test set on which a row was measured."""
    found = []
    for test, title in results.tests.items():
        best = figures.best(test)
        if best is None:
            continue
        at, recall = next(iter(best.measured[test].items()))
        others = [row.measured[test][at] for row in figures.on(test) if row is not best]
        tied = sum(other.among_best for other in others)
        found.append(Finding(title, best.name, at, recall, _standing(tied, len(others))))
    return found


def _standing(tied: int, others: int) -> str:
    if others == 0:
        return ""
    if others == 1:
        return "the other row cannot be told from it" if tied else "better than the other row"
    if tied == 0:
        return f"better than each of the {others} others"
    if tied == others:
        return f"none of the {others} others can be told from it"
    return f"{tied} of {others} others cannot be told from it"
